/// The bounds of the chat itself, with their defaults (documentation, page Limits).
package struct ChatLimits: Sendable {
    /// Code points of a user's message.
    package var contentLength = 10_000
    /// Code points that a run may say; what goes beyond is cut and the run ends as `upstream_truncated`.
    package var replyLength = 200_000
    /// Messages of a conversation.
    package var messagesPerConversation = 1_000
    /// Turns that may wait behind the running one in a conversation.
    package var queuedTurns = 8
    /// Messages in a snapshot, and the bytes of content at which it ends early.
    package var snapshotMessages = 50
    package var snapshotBytes = 512 * 1024
    /// Messages of history that an assistant is given.
    package var contextMessages = 10
    /// Conversations that a socket may be subscribed to.
    package var subscriptionsPerSocket = 64
    /// Conversations of one user that may be held in memory.
    package var threadsPerSession = 512
    /// Bytes of a run's log, above which the events of its answered tool calls are let go.
    package var logBytes = 1 << 20
    /// Milliseconds for which a run's log outlives the run.
    package var logRetention: UInt64 = 60_000
    /// Milliseconds between checkpoints of a streaming run.
    package var checkpointInterval: UInt64 = 1_000
    /// Milliseconds within which deltas are merged; 0: each leaves at once.
    package var coalescingWindow: UInt64 = 0
    /// The largest text delta of one event when much is caught up, in bytes.
    package var mergedDelta = 256 * 1024
    /// Conversations of one user in which a run may be under way at once.
    package var runsPerUser = 32
    /// Requests that may wait for the answer to one write or read: repetitions of a send, cancels of a run.
    package var waitingAnswers = 64
    /// Code points of a client's idempotency key.
    package var clientIDLength = 64
    /// Bytes of a frame; told to clients, enforced by the WebSocket.
    package var messageBytes = 256 * 1024
    /// `APPROVE_TOOLS`: tools that ask a person first.
    package var approvedTools = ApprovedTools.named([])
    /// `APPROVAL_EXPIRES`: seconds for which a person may answer.
    package var approvalExpires = 86_400
    /// `SINGLE_CONVERSATION`: a send that names no conversation goes to the user's active one.
    package var keepsSingleConversation = false

    package init() {}

    package enum ApprovedTools: Sendable, Equatable {
        case all
        case named(Set<String>)

        package func asks(_ tool: String) -> Bool {
            switch self {
            case .all: true
            case .named(let names): names.contains(tool)
            }
        }
    }
}
