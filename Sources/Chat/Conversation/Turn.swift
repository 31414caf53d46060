package import Tracing

/// Where an answer goes: a client and the id that it gave its request.
///
/// The client is held and asked whether it has gone: a weak reference would cost every retain of a socket, which each
/// token makes, the way through a side table.
package struct Answer {
    private let held: (any SessionClient)?
    package var id: String?
    /// Whether a sender is subscribed with the answer; not when it has unsubscribed since.
    package var subscribes = true

    package init(client: (any SessionClient)?, id: String?) {
        held = client
        self.id = id
    }

    /// `nil` once it has gone.
    package var client: (any SessionClient)? {
        guard let held, !held.isGone else { return nil }
        return held
    }

    /// Also when it has gone.
    func isDue(to client: any SessionClient) -> Bool { held === client }

    func send(_ reply: Reply) { client?.answer(reply, id: id) }
}

/// A user's message on its way: to the database, into the queue of its conversation, to its run. It is named by its run,
/// whose id is made with it.
package struct Turn {
    /// What was sent and does not change; held apart, since a turn is handed on at every step.
    private var sent: Sent
    package let runID: Identifier
    /// The sender, and everyone who sent the same id while it was under way.
    package var answers: [Answer]
    package var standing = Standing.unstored
    /// In the conversation, where it is known.
    package var position: Int?
    /// It would have begun at once, but for a run of another gateway.
    package var isBehindAnothers = false
    /// When it arrived, monotonic nanoseconds; `nil` for one that was taken over.
    package var receivedAt: UInt64?
    /// From its arrival to its stored end, where it is traced.
    package var trace: Span?
    /// It is only to be stored: its run ends as it begins, and the next message is answered with this one in the history.
    package var expectsAnswer = true
    /// Otherwise it begins at once or is refused.
    package var waits = true
    /// Who asked for it to be cancelled; told when that is durable.
    package var cancellations: [Answer] = []
    /// The run that is cancelled in its favour once this turn is accepted, and not before: a turn that is refused or
    /// turns out to be a repetition does nothing.
    package var interrupts: Identifier?

    /// What the database knows of it.
    package enum Standing: Sendable, Equatable {
        /// Nothing yet.
        case unstored
        /// That is not known: its sender has been told to send again, and it is offered until it is.
        case inDoubt
        /// It waits: its run begins with the end that makes it the active one, or when the database says that none is,
        /// not even another gateway's; whether it is being asked that.
        case waiting(isAsked: Bool)
        /// It is the conversation's active one.
        case placed
    }

    /// - Parameter branch: where it goes, when not behind what is shown.
    package init(
        message: Message, runID: Identifier, clientID: String?, branch: NewBranch.Kind? = nil, answers: [Answer] = [],
        resuming: Resumption? = nil
    ) {
        sent = Sent(message: message, clientID: clientID, branch: branch, resumption: resuming)
        self.runID = runID
        self.answers = answers
    }

    package var message: Message { sent.message }
    package var clientID: String? { sent.clientID }
    /// What it goes on with, where a person was asked.
    package var resumption: Resumption? { sent.resumption }
    package var branch: NewBranch.Kind? { sent.branch }
    /// The run whose answer stood where its own will.
    package var replaced: Identifier? { sent.replaced }

    /// What it asks, where the database had to say that.
    mutating func asks(_ question: Message, replacing run: Identifier?) {
        sent = Sent(message: question, clientID: clientID, branch: branch, replaced: run)
    }

    package var isStored: Bool {
        switch standing {
        case .unstored, .inDoubt: false
        case .waiting, .placed: true
        }
    }

    private final class Sent {
        let message: Message
        let clientID: String?
        let branch: NewBranch.Kind?
        let replaced: Identifier?
        let resumption: Resumption?

        init(
            message: Message, clientID: String?, branch: NewBranch.Kind?, replaced: Identifier? = nil,
            resumption: Resumption? = nil
        ) {
            self.message = message
            self.clientID = clientID
            self.branch = branch
            self.replaced = replaced
            self.resumption = resumption
        }
    }
}
