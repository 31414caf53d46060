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

    package func append(_ event: PlacedEvent?, _ json: UnsafeRawBufferPointer, to body: inout [UInt8]) {
        switch event?.event {
        case .runStarted, .runResumed:
            // Its echo of the input would be ours, not the client's.
            if let event { appendBegin(at: event.place, to: &body) }
        case .runFinished(_, let outcome, let usage):
            if let event { appendEnd(outcome: outcome.rawValue, usage, at: event.place, to: &body) }
        case .runSuspended(_, let approvals, let usage):
            if let event { appendEnd(asking: approvals, usage, at: event.place, to: &body) }
        default:
            body.append("data: ")
            body.append(contentsOf: json)
            body.append("\n\n")
        }
    }

    package func appendWithdrawn(
        _ turn: TurnAcknowledgement, at place: EventPlace, to body: inout [UInt8]
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

    func appendEnd(asking approvals: [Approval], _ usage: Usage? = nil, at place: EventPlace, to body: inout [UInt8]) {
        body.append(#"data: {"type":"RUN_FINISHED","threadId":"#)
        body.append(jsonString: threadID)
        body.append(#","runId":"#)
        body.append(jsonString: runID)
        body.append(#","outcome":{"type":"interrupt","interrupts":"#)
        body.append(interrupts: approvals)
        body.append("}")
        if let usage { body.append(usage: usage) }
        body.append(place: place)
        body.append("\n\n")
    }

    func appendEnd(outcome: String, _ usage: Usage? = nil, at place: EventPlace, to body: inout [UInt8]) {
        body.append(#"data: {"type":"RUN_FINISHED","threadId":"#)
        body.append(jsonString: threadID)
        body.append(#","runId":"#)
        body.append(jsonString: runID)
        body.append(#","outcome":{"type":""#)
        body.append(contentsOf: outcome.utf8)
        body.append(#""}"#)
        if let usage { body.append(usage: usage) }
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
}
