/// Where an answer goes: a client and the id that it gave its request.
///
/// The client is held and asked whether it has gone: a weak reference would cost every retain of a socket, which each
/// token makes, the way through a side table.
struct Answer {
    private let held: (any SessionClient)?
    var id: String?
    /// Whether a sender is subscribed with the answer; not when it has unsubscribed since.
    var subscribes = true

    init(client: (any SessionClient)?, id: String?) {
        held = client
        self.id = id
    }

    /// `nil` once it has gone.
    var client: (any SessionClient)? {
        guard let held, !held.isGone else { return nil }
        return held
    }

    /// Also when it has gone.
    func isDue(to client: any SessionClient) -> Bool { held === client }

    func send(_ frame: [UInt8]) {
        client?.send(frame)
    }
}

/// A subscriber whose history is being read. One that leaves meanwhile is taken from its thread's list.
final class Reader {
    let answer: Answer
    /// It has sent to the thread meanwhile: from here on it wants the events, whatever else is over by then.
    var start: UInt64?
    /// The history has changed, and it did not ask.
    let isUnasked: Bool

    init(_ answer: Answer, isUnasked: Bool = false) {
        self.answer = answer
        self.isUnasked = isUnasked
    }
}

/// A user's message on its way: to the database, into the queue of its conversation, to its run.
final class Turn {
    let threadID: Identifier
    let message: Message
    let runID: Identifier
    let clientID: String?
    /// The sender, and everyone who sent the same id while it was under way.
    var answers: [Answer]
    var isCommitted = false
    /// In the conversation, where it is known.
    var position: Int?
    /// It is stored as waiting: its run begins with the end that makes it the active one, or when the database says that
    /// none is, not even another gateway's.
    var needsPlace = false
    /// That other gateway's run is known.
    var isBehindAnothers = false
    /// It is being asked that.
    var asksForPlace = false
    /// It is not known whether it is stored: its sender has been told to send again, and it is offered until it is known.
    var isInDoubt = false
    /// When it arrived, monotonic nanoseconds; `nil` for one that was taken over.
    var receivedAt: UInt64?
    /// Cancelled before its run began; these are told when that is durable.
    var cancellations: [Answer] = []
    var isWithdrawn = false
    /// The run that is cancelled in its favour once this turn is accepted, and not before: a turn that is refused or
    /// turns out to be a repetition does nothing.
    var interrupts: Identifier?

    init(threadID: Identifier, message: Message, runID: Identifier, clientID: String?, answer: Answer) {
        self.threadID = threadID
        self.message = message
        self.runID = runID
        self.clientID = clientID
        answers = [answer]
    }
}
