import JSON
package import Chat

/// Picks the events of one run out of those of its conversation.
package struct RunEventFilter {
    private let runID: Identifier
    private(set) var hasStarted = false
    private(set) var hasEnded = false

    package init(runID: Identifier) {
        self.runID = runID
    }

    /// Whether an event is of the run.
    ///
    /// - Parameter event: `nil`: a piece of text.
    package mutating func takes(_ event: ChatEvent?) -> Bool {
        if hasEnded { return false }
        guard hasStarted else {
            switch event {
            case .runStarted(runID, _, _)?, .runResumed(runID, _)?: hasStarted = true
            default: break
            }
            return hasStarted
        }
        switch event {
        // One run at a time: the next end is this one's.
        case .runFinished, .runSuspended, .runError: hasEnded = true
        default: break
        }
        return true
    }
}

/// Writes a run's events into the body of an event stream (WHATWG HTML, server-sent events): one `data` line each,
/// since JSON text of ours has no line ends.
package protocol RunEventWriter: Sendable {
    /// - Parameter event: `nil`: a piece of text. `json` is the same as the gateway writes it.
    func append(_ event: PlacedEvent?, _ json: UnsafeRawBufferPointer, to body: inout [UInt8])
    /// For a turn that was cancelled while it waited: there are no events of a run that never began.
    func appendWithdrawn(_ turn: TurnAcknowledgement, at place: EventPlace, to body: inout [UInt8])
    /// What is to be answered when the run has ended long ago; nil: the ids alone.
    var replay: HistoryReplay? { get }
}

/// The events as a socket gets them.
struct PlainEventWriter: RunEventWriter {
    var replay: HistoryReplay? { nil }

    func append(_ event: PlacedEvent?, _ json: UnsafeRawBufferPointer, to body: inout [UInt8]) {
        body.append("data: ")
        body.append(contentsOf: json)
        body.append("\n\n")
    }

    func appendWithdrawn(_ turn: TurnAcknowledgement, at place: EventPlace, to body: inout [UInt8]) {
        AGUIEventWriter(threadID: turn.threadID.description, runID: turn.runID.description, replay: nil)
            .appendWithdrawn(turn, at: place, to: &body)
    }
}
