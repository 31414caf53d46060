import JSON
package import Chat

/// Picks the events of one run out of those of its conversation, by the bytes in which the gateway writes them.
package struct RunEventFilter {
    package enum Verdict: Equatable {
        case other, first, middle, last
    }

    private let start: [UInt8]
    private(set) var hasStarted = false
    private(set) var hasEnded = false

    package init(threadID: Identifier, runID: Identifier) {
        var start: [UInt8] = []
        start.append(#"{"type":"RUN_STARTED","threadId":""#)
        threadID.append(to: &start)
        start.append(#"","runId":""#)
        runID.append(to: &start)
        start.append(#"""#)
        self.start = start
    }

    private static let finished = Array(#"{"type":"RUN_FINISHED","#.utf8)
    private static let failed = Array(#"{"type":"RUN_ERROR","#.utf8)

    package mutating func judge(_ event: UnsafeRawBufferPointer) -> Verdict {
        if hasEnded { return .other }
        guard hasStarted else {
            guard event.starts(with: start) else { return .other }
            hasStarted = true
            return .first
        }
        // One run at a time: the next end is this one's.
        guard event.starts(with: Self.finished) || event.starts(with: Self.failed) else { return .middle }
        hasEnded = true
        return .last
    }
}

/// Writes a run's events into the body of an event stream (WHATWG HTML, server-sent events): one `data` line each,
/// since JSON text of ours has no line ends.
package protocol RunEventWriter: Sendable {
    func append(_ event: UnsafeRawBufferPointer, _ verdict: RunEventFilter.Verdict, to body: inout [UInt8])
    /// For a turn that was cancelled while it waited: there are no events of a run that never began.
    func appendWithdrawn(_ turn: TurnAnswer.Acknowledgement, at place: EventPlace, to body: inout [UInt8])
    /// What is to be answered when the run has ended long ago; nil: the ids alone.
    var replay: HistoryReplay? { get }
}

/// The events as a socket gets them.
struct PlainEventWriter: RunEventWriter {
    var replay: HistoryReplay? { nil }

    func append(_ event: UnsafeRawBufferPointer, _ verdict: RunEventFilter.Verdict, to body: inout [UInt8]) {
        body.append("data: ")
        body.append(contentsOf: event)
        body.append("\n\n")
    }

    func appendWithdrawn(_ turn: TurnAnswer.Acknowledgement, at place: EventPlace, to body: inout [UInt8]) {
        AGUIEventWriter(threadID: turn.threadID.description, runID: turn.runID.description, replay: nil)
            .appendWithdrawn(turn, at: place, to: &body)
    }
}
