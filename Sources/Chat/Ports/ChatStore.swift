/// What the sessions of a shard need of the database. Calls and completions are on the shard's loop; a completion
/// comes exactly once, never before the call has returned.
///
/// A call that changes something has been committed when its completion says so, and may be repeated: the ids are
/// made by the caller, and the same call again changes nothing and gives the same answer.
package protocol ChatStore: AnyObject {
    /// Makes the user known before anything that refers to it, at the latest with the next batch. Losing the
    /// optional fields or the time of the last visit is harmless, so nobody waits for it.
    func touch(_ user: UserRecord)

    /// Stores a user's message with its run, and the conversation where it is new: one group commit with others.
    func accept(_ turn: NewTurn, completion: @escaping (StoreWrite<Acceptance>) -> Void)

    /// Stores what a run left (messages, state) and, in the same transaction, lets the next one of the conversation
    /// begin: one group commit with others.
    func end(_ ending: RunEnding, completion: @escaping (StoreWrite<EndingOutcome>) -> Void)

    /// Lets a committed turn begin that waits behind a run of another gateway.
    func begin(userID: String, runID: Identifier, completion: @escaping (StoreWrite<Beginning>) -> Void)

    /// Text of a streaming run, so that a crash loses little of it. Batched; the last one of a run counts.
    func checkpoint(_ checkpoint: RunCheckpoint)

    /// The newest `limit` messages of a conversation, oldest first; `nil`: there is none, or it is not this user's.
    func newestMessages(
        userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void)

    /// The newest `limit` messages that a run's assistant is shown before its own question: of the path that it follows,
    /// question by question, oldest first.
    ///
    /// - Parameter position: of its question, in the conversation.
    func history(
        userID: String, threadID: Identifier, runID: Identifier, position: Int, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void)

    /// Stores a turn that does not go behind what is shown, which ends in it from here on.
    func branch(_ turn: NewBranch, completion: @escaping (StoreWrite<BranchAcceptance>) -> Void)

    /// The runs of the conversation that a message belongs to, as the tree that they are; `nil`: there is no such message
    /// in such a conversation of this user.
    func tree(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<RunTree?, StoreError>) -> Void)

    /// Shows the path that ends in a run.
    func select(
        userID: String, threadID: Identifier, head: Identifier,
        completion: @escaping (StoreWrite<SelectionOutcome>) -> Void)

    /// The turn that this user sent with that id of the client's; `nil`: there is none.
    func sentTurn(
        userID: String, clientID: String, completion: @escaping (Result<SentTurn?, StoreError>) -> Void)

    /// Where `SINGLE_CONVERSATION` sends a message that names no conversation; `nil`: to a new one.
    func activeConversation(
        userID: String, completion: @escaping (Result<Identifier?, StoreError>) -> Void)

    /// Stores what a run leaves that waits for a person, and what it asks.
    func suspend(_ suspension: RunSuspension, completion: @escaping (StoreWrite<SuspensionOutcome>) -> Void)

    /// What is open in a conversation, and what is known of these; `nil`: there is no such conversation of this user.
    func approvals(
        userID: String, threadID: Identifier, ids: [Identifier],
        completion: @escaping (Result<ThreadApprovals?, StoreError>) -> Void)

    /// Commits the answers to all that a run asks, the effects of what is approved, and the run that goes on.
    func resume(_ resumption: NewResumption, completion: @escaping (StoreWrite<ResumeOutcome>) -> Void)

    /// Declines what is open, or lets it expire where it is due.
    ///
    /// - Parameter runID: `nil`: whichever run waits.
    /// - Parameter completion: the run that waited; `nil`: none does.
    func decline(
        userID: String, threadID: Identifier, runID: Identifier?, as status: Approval.Status, by session: String?,
        completion: @escaping (StoreWrite<Identifier?>) -> Void)

    /// What a run goes on with; `nil`: it begins.
    func resumption(
        userID: String, runID: Identifier, completion: @escaping (Result<Resumption?, StoreError>) -> Void)

    /// A conversation; `nil`: there is none, or it is not this user's.
    func conversation(
        userID: String, threadID: Identifier, completion: @escaping (Result<Conversation?, StoreError>) -> Void)
}

/// What came of a write.
package enum StoreWrite<Value> {
    /// Committed.
    case stored(Value)
    /// The run, or all that this process has, is another gateway's by now: nothing was stored, and nothing of it may be
    /// told any more.
    case fenced
    /// Not stored, or not known to be.
    case failed(StoreError)

    package init(_ result: Result<Value, StoreError>) {
        switch result {
        case .success(let value): self = .stored(value)
        case .failure(.fenced): self = .fenced
        case .failure(let error): self = .failed(error)
        }
    }

    /// The same for who does not tell a fence from other failures.
    package var result: Result<Value, StoreError> {
        switch self {
        case .stored(let value): .success(value)
        case .fenced: .failure(.fenced)
        case .failed(let error): .failure(error)
        }
    }
}

extension StoreWrite: Equatable where Value: Equatable {}
extension StoreWrite: Sendable where Value: Sendable {}

package enum StoreError: Error, Sendable, Equatable {
    /// The database is away or the queue is full: nothing was stored. Seconds after which to try again.
    case unavailable(retryAfter: Int)
    /// The connection was lost while the commit was under way and the database did not come back in time to ask:
    /// stored or not is unknown. Repeating the call settles it.
    case unknown
    /// The database refused the row for a reason nobody foresaw; logged with the cause.
    case rejected
    /// The run, or all that this process has, is another gateway's by now: nothing was stored, and nothing of it may be
    /// told any more.
    case fenced
}

package struct UserRecord: Sendable, Equatable {
    package var id: String
    package var email: String?
    package var name: String?

    package init(id: String, email: String? = nil, name: String? = nil) {
        self.id = id
        self.email = email
        self.name = name
    }
}

package enum ConversationStatus: String, Sendable {
    case active, dormant, archived, deleted
}

package struct Conversation: Sendable, Equatable {
    package var id: Identifier
    package var title: String?
    package var status: ConversationStatus
    package var messageCount: Int
    /// Microseconds since 1970, UTC.
    package var createdAt: Int64
    package var updatedAt: Int64
    /// The message that was just accepted woke it: it was dormant or archived before.
    package var wasAsleep: Bool
    /// JSON text of an object; `nil` where it was not asked for.
    package var metadata: String?

    package init(
        id: Identifier, title: String?, status: ConversationStatus, messageCount: Int, createdAt: Int64,
        updatedAt: Int64, wasAsleep: Bool = false, metadata: String? = nil
    ) {
        self.metadata = metadata
        self.id = id
        self.title = title
        self.status = status
        self.messageCount = messageCount
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.wasAsleep = wasAsleep
    }
}

/// Messages in order of position.
package struct MessagePage: Sendable, Equatable {
    package var messages: [Message]
    /// There are older ones.
    package var hasMore: Bool

    package init(messages: [Message], hasMore: Bool) {
        self.messages = messages
        self.hasMore = hasMore
    }

    /// A run of the conversation may wait for a person: one does that answers one of these, or what was said last answers
    /// none of them.
    package var mayAsk: Bool {
        if messages.contains(where: { $0.run?.status == .suspended }) { return true }
        guard hasMore, let last = messages.last(where: { $0.role != .user }) else { return false }
        return !messages.contains { message in
            guard message.role == .user, let run = last.runID else { return false }
            return message.run?.id == run || message.runID == run
        }
    }
}

/// A user's message with the run that will answer it.
package struct NewTurn: Sendable {
    package var userID: String
    package var threadID: Identifier
    /// The conversation is made with this message, titled `title`.
    package var isNewThread: Bool
    package var title: String?
    package var messageID: Identifier
    package var clientID: String?
    package var content: String
    package var runID: Identifier
    /// The run begins at once, or waits in the queue of its conversation.
    package var startsNow: Bool
    /// Otherwise it begins at once, or is refused as `busy` where a run is active or waits for a person.
    package var waits = true

    package init(
        userID: String, threadID: Identifier, isNewThread: Bool, title: String?, messageID: Identifier,
        clientID: String?, content: String, runID: Identifier, startsNow: Bool
    ) {
        self.userID = userID
        self.threadID = threadID
        self.isNewThread = isNewThread
        self.title = title
        self.messageID = messageID
        self.clientID = clientID
        self.content = content
        self.runID = runID
        self.startsNow = startsNow
    }
}

/// A turn of which the client's id is known.
package struct SentTurn: Sendable, Equatable {
    package var threadID: Identifier
    package var messageID: Identifier
    package var runID: Identifier
    package var runEnded: Bool
    /// It has not ended, and another process has it or had it.
    package var isElsewhere: Bool

    package init(
        threadID: Identifier, messageID: Identifier, runID: Identifier, runEnded: Bool, isElsewhere: Bool
    ) {
        self.threadID = threadID
        self.messageID = messageID
        self.runID = runID
        self.runEnded = runEnded
        self.isElsewhere = isElsewhere
    }
}

package enum Acceptance: Sendable, Equatable {
    /// Committed. The conversation as it is now; `position` of the message in it; whether the run is the conversation's
    /// active one, which it is not as long as another gateway has that.
    /// Boxed: it is handed on at every step.
    indirect case accepted(Conversation, position: Int, isRunning: Bool)
    /// This user has used the client id before; the ids of that time, and whether that run has ended since.
    case duplicate(threadID: Identifier, messageID: Identifier, runID: Identifier, runEnded: Bool)
    /// No such conversation of this user, or it is deleted.
    case threadNotFound
    /// It holds `MAX_MESSAGES_PER_CONVERSATION` messages.
    case conversationFull
    /// Something is under way, which it was not to wait for.
    case busy
}

/// Whether a committed turn may run now.
package enum Beginning: Sendable, Equatable {
    case begun
    /// Another run of its conversation is active: this one.
    case waits(behind: Identifier?)
    /// It has ended, or is another gateway's, or was deleted with its conversation.
    case gone
}

package enum RunStatus: String, Sendable {
    case queued, running, suspended, completed, cancelled, failed, interrupted

    /// It says nothing more. One that waits for a person does not either: another goes on with the answers.
    package var isTerminal: Bool { self != .queued && self != .running }
}

package struct RunFailure: Sendable, Equatable {
    package var code: RunErrorCode
    package var message: String

    package init(code: RunErrorCode, message: String) {
        self.code = code
        self.message = message
    }
}

/// How a run ended and what it leaves.
package struct RunEnding: Sendable {
    package var userID: String
    package var threadID: Identifier
    package var runID: Identifier
    /// One of the terminal states.
    package var status: RunStatus
    /// Assistant and tool messages in order; stored behind what the conversation holds.
    package var messages: [Message]
    package var usage: Usage?
    package var failure: RunFailure?
    /// The queued run of this conversation that becomes `running` in the same transaction.
    package var nextRunID: Identifier?

    package init(
        userID: String, threadID: Identifier, runID: Identifier, status: RunStatus, messages: [Message],
        usage: Usage? = nil, failure: RunFailure? = nil, nextRunID: Identifier? = nil
    ) {
        self.userID = userID
        self.threadID = threadID
        self.runID = runID
        self.status = status
        self.messages = messages
        self.usage = usage
        self.failure = failure
        self.nextRunID = nextRunID
    }
}

package enum EndingOutcome: Sendable, Equatable {
    /// Committed; the conversation's time of last activity, microseconds since 1970.
    case stored(updatedAt: Int64)
    /// The conversation was deleted meanwhile and the run with it.
    case threadGone
}

/// The merged text of a run so far, by message: stored as the JSON text `[{"id":…,"content":…}]` of these.
package struct RunCheckpoint: Sendable {
    package var userID: String
    package var threadID: Identifier
    package var runID: Identifier
    package var messages: [(id: Identifier, content: String)]

    package init(
        userID: String, threadID: Identifier, runID: Identifier, messages: [(id: Identifier, content: String)]
    ) {
        self.userID = userID
        self.threadID = threadID
        self.runID = runID
        self.messages = messages
    }
}
