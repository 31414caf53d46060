/// What the assistant says by itself, as when a reminder is due: a run without a user's message.
package struct UnaskedMessage: Sendable, Equatable {
    /// Names it among those that wait: one that is offered again while it does is not taken twice.
    package var key: Int64
    package var threadID: Identifier
    package var runID: Identifier
    package var messageID: Identifier
    package var content: String

    package init(key: Int64, threadID: Identifier, runID: Identifier, messageID: Identifier, content: String) {
        self.key = key
        self.threadID = threadID
        self.runID = runID
        self.messageID = messageID
        self.content = content
    }
}

/// What became of its storing.
package enum UnaskedOutcome: Sendable {
    /// It is in this conversation, which may be another one than it was meant for.
    case stored(Conversation)
    /// It was said before, or is not to be said any more.
    case gone
    /// It is not known, or not stored.
    case failed
}

extension ConversationMachine {
    /// At most so many wait behind a run; further ones are offered again.
    private static let waitingUnasked = 100

    /// It is said when nothing is under way, in front of the turns that wait.
    mutating func tell(_ message: UnaskedMessage) {
        guard interruption == nil, !isStopping, unasked.count < Self.waitingUnasked,
            !unasked.contains(where: { $0.key == message.key })
        else { return }
        unasked.append(message)
        goOn()
    }

    mutating func tellNext() {
        guard active == nil, isSettled, writes.isEmpty, !unasked.isEmpty else { return }
        writing = .tell(unasked.removeFirst())
        offer()
    }

    mutating func told() {
        guard case .tell? = writing else { return }
        written()
    }
}
