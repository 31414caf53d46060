/// Bounds of the store. Times are nanoseconds.
package struct StoreSettings: Sendable, Equatable {
    /// Names this process among all gateways, `place/incarnation`: the place (host and port) is for people, the
    /// incarnation is another with each start, and after each time that it was fenced.
    package var node: String
    /// `MAX_MESSAGES_PER_CONVERSATION`.
    package var messagesPerConversation = 1_000
    /// Rows and bytes of one group commit.
    package var batchRows = 256
    package var batchBytes = 1 << 20
    /// Group commits under way at a time, each on a connection of its own.
    package var flights = 2
    /// Rows that must wait before a commit begins beside one that is under way.
    package var flightRows = 32
    /// Rows and bytes that may wait for one.
    package var queueRows = 10_000
    package var queueBytes = 16 << 20
    /// How long a row may wait to be sent.
    package var waitLimit: UInt64 = 5_000_000_000
    /// How long a row is repeated after its connection was lost during the commit.
    package var doubtLimit: UInt64 = 5_000_000_000
    /// Users whose last write is remembered, so that a replica behind it is not asked.
    package var replicaUsers = 65_536
    /// Users waiting to be made known; a further one is not remembered.
    package var pendingUsers = 65_536
    /// Bytes of checkpoints waiting to be stored; further ones are dropped, the next second brings another.
    package var pendingCheckpointBytes = 16 << 20
    /// Between two signs of life.
    package var heartbeat: UInt64 = 500_000_000
    /// How long the last sign of life that was stored lets this process hand out events and take turns, from when it
    /// was sent. Shorter than `staleAfter`, so that it has stopped before anybody may fence it.
    package var lease: UInt64 = 3_000_000_000
    /// Milliseconds without a sign of life after which another gateway is taken for dead.
    package var staleAfter = 3_500
    /// Milliseconds that this process must itself have beaten without a gap before it judges others: after an outage of
    /// the database all have had the time to beat.
    package var steadyAfter = 3_000
    /// Bytes of a tool call's arguments that are kept in the log of operations.
    package var loggedArguments = 64 << 10

    /// Reminders that a user is told of within an hour; further ones are put off.
    package var remindersPerHour = 100

    /// `CONTENT_KEYS`: what seals and opens contents.
    package var contents = ContentCipher()
    /// The names of the endpoints that what this gateway stores is told to; empty: nobody is told.
    package var endpoints: [String] = []
    /// `SINGLE_CONVERSATION`: one active conversation a user.
    package var keepsSingleConversation = false

    /// Conversations of one batch of the retention, and about how many messages of them it moves.
    package var sweepConversations = 500
    package var sweepMessages = 5_000

    package init(node: String) {
        self.node = node
    }
}
