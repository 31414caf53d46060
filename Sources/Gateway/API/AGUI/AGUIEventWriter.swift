import JSON
package import Chat

/// A run's events with the thread and run ids that an AG-UI client gave.
package struct AGUIEventWriter: RunEventWriter {
    let threadID: String
    let runID: String
    package let replay: HistoryReplay?

    package init(threadID: String, runID: String, replay: HistoryReplay?) {
        self.threadID = threadID
        self.runID = runID
        self.replay = replay
    }

    package func append(_ event: UnsafeRawBufferPointer, _ verdict: RunEventFilter.Verdict, to body: inout [UInt8]) {
        body.append("data: ")
        let metadata = Self.metadata(in: event)
        switch verdict {
        case .first:
            // Its echo of the input would be ours, not the client's.
            appendStart(to: &body)
            body.append(contentsOf: event[metadata...])
        case .last where event.starts(with: Self.finished):
            body.append(#"{"type":"RUN_FINISHED","threadId":"#)
            body.append(jsonString: threadID)
            body.append(#","runId":"#)
            body.append(jsonString: runID)
            body.append(contentsOf: event[Self.finishedLength...])
        case .last, .middle, .other:
            body.append(contentsOf: event)
        }
        body.append("\n\n")
    }

    package func appendWithdrawn(
        _ turn: TurnAnswer.Acknowledgement, at place: EventPlace, to body: inout [UInt8]
    ) {
        appendBegin(at: place, to: &body)
        appendEnd(outcome: "cancelled", at: place, to: &body)
    }

    func append(replayed event: ChatEvent, at place: EventPlace, to body: inout [UInt8]) {
        body.append("data: ")
        body.append(event: event, at: place)
        body.append("\n\n")
    }

    func append(replayed text: String, of message: Identifier, at place: EventPlace, to body: inout [UInt8]) {
        var text = text
        body.append("data: ")
        text.withUTF8 { body.append(textDelta: $0, of: message, at: place) }
        body.append("\n\n")
    }

    func appendBegin(at place: EventPlace, to body: inout [UInt8]) {
        body.append("data: ")
        appendStart(to: &body)
        body.append(place: place)
        body.append("\n\n")
    }

    func appendEnd(outcome: StaticString, at place: EventPlace, to body: inout [UInt8]) {
        body.append(#"data: {"type":"RUN_FINISHED","threadId":"#)
        body.append(jsonString: threadID)
        body.append(#","runId":"#)
        body.append(jsonString: runID)
        body.append(#","outcome":{"type":""#)
        body.append(outcome)
        body.append(#""}"#)
        body.append(place: place)
        body.append("\n\n")
    }

    private func appendStart(to body: inout [UInt8]) {
        body.append(#"{"type":"RUN_STARTED","threadId":"#)
        body.append(jsonString: threadID)
        body.append(#","runId":"#)
        body.append(jsonString: runID)
        body.append(#","protocolVersion":"1.0""#)
    }

    private static let finished = Array(#"{"type":"RUN_FINISHED","#.utf8)
    /// Up to the end of its two ids, each of 36 characters.
    private static let finishedLength = #"{"type":"RUN_FINISHED","threadId":"","runId":"""#.utf8.count + 72
    private static let metadataStart = Array(#","metadata":{"parley":"#.utf8)

    /// Where an event's own metadata begins: it is always the last member. The event's end if there is none.
    private static func metadata(in event: UnsafeRawBufferPointer) -> Int {
        var index = event.count - metadataStart.count
        while index >= 0 {
            if UnsafeRawBufferPointer(rebasing: event[index...]).starts(with: metadataStart) { return index }
            index -= 1
        }
        return max(event.count - 1, 0)
    }
}
