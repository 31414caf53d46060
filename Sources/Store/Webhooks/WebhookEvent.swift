package import Chat

/// Something that others are to be told, as the outbox has it: what it is about, and nothing of that.
package struct WebhookEvent: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case messageCreated = "message.created"
        case runEnded = "run.ended"
        case userDeleted = "user.deleted"
        case reminderFired = "reminder.fired"
    }

    /// The row in the outbox.
    package var id: Int64
    /// The same whenever it is sent: by it a receiver knows what it has.
    package var eventID: Identifier
    package var kind: Kind
    package var userID: String
    package var threadID: Identifier?
    package var messageID: Identifier?
    package var runID: Identifier?
    /// Microseconds since 1970: when it became true.
    package var createdAt: Int64
    /// This one included.
    package var attempts: Int

    package init(
        id: Int64, eventID: Identifier, kind: Kind, userID: String, threadID: Identifier? = nil,
        messageID: Identifier? = nil, runID: Identifier? = nil, createdAt: Int64, attempts: Int
    ) {
        self.id = id
        self.eventID = eventID
        self.kind = kind
        self.userID = userID
        self.threadID = threadID
        self.messageID = messageID
        self.runID = runID
        self.createdAt = createdAt
        self.attempts = attempts
    }
}

/// How an attempt to send ended.
package enum WebhookOutcome: Sendable, Equatable {
    case taken
    /// Tried again after so many milliseconds.
    case again(reason: String, delay: Int64)
    /// It is a dead letter.
    case givenUp(reason: String)
}

/// A run as it is told to others.
package struct StoredRun: Sendable, Equatable {
    package var id: Identifier
    package var threadID: Identifier
    package var userMessageID: Identifier?
    package var status: String
    package var code: String?
    /// JSON.
    package var usage: String?
    /// Microseconds since 1970.
    package var createdAt: Int64
    package var startedAt: Int64?
    package var finishedAt: Int64?
}

/// What waits in the outbox.
package struct WebhookFigures: Sendable, Equatable {
    /// Counted to 100 000.
    package var pending: Int64 = 0
    package var dead: Int64 = 0
    /// Seconds that the oldest that waits has waited.
    package var age: Double = 0

    package init() {}
}
