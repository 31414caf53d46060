/// What a load test does, as a plain value.
struct LoadPlan: Sendable {
    enum Scenario: String, Sendable, CaseIterable {
        /// Sockets that only stay.
        case idle
        /// One turn after the other on every socket.
        case turns
        /// Long streams, a token every `pace` milliseconds.
        case paced
        /// Streams, while a share of the sockets is cut each second and resumes.
        case reconnect
        /// Streams on some sockets, then all sockets cut at once.
        case storm
        /// Most sockets idle, some with a turn now and then, some with streams, some being cut.
        case mixed
    }

    /// The protocol of the other end.
    enum Dialect: Sendable {
        case parley
        /// A bare server for comparison: `{"content":…}` in, `TEXT_MESSAGE_CONTENT` frames and `RUN_FINISHED` out.
        case peer
    }

    var scenario: Scenario
    var dialect = Dialect.parley
    var target: LoadTarget
    /// One for each user, used in turn.
    var tokens: [String]
    var sockets: Int
    /// New connections a second; 0: as fast as they are accepted.
    var connectRate: Int
    /// The measured time in nanoseconds; nil: until `turns` are done.
    var duration: UInt64?
    /// Turns of all sockets together.
    var turns: Int?
    /// Time before the measurement in which the load is on already, nanoseconds.
    var warmUp: UInt64
    /// Turns a second of all sockets together, sent whether or not the last ones have ended; nil: closed loop.
    var rate: Double?
    var content: String
    /// Of a stream: deltas, and milliseconds between them.
    var streamTokens: Int
    var pace: Int
    /// Part of the sockets that is cut each second.
    var share: Double
    /// Sockets with a stream in `storm`.
    var streams: Int
    /// Turns of a conversation before the next one is begun: conversations have a bound.
    var turnsPerThread: Int
    var offersDeflate: Bool
    /// Conversations whose stored replies are compared with what was streamed.
    var verified: Int
    /// Processes whose CPU time and memory are measured.
    var watched: [WatchedProcess]

    struct WatchedProcess: Sendable {
        var name: String
        var pid: Int32
    }

    /// Sockets in the making at a time: the listener's queue is bounded.
    static let mostDialing = 512
    /// Sockets for each source address: an address has some 28 000 ports, and those of closed sockets rest a minute.
    static let socketsPerAddress = 8_000
    /// Attempts to open a socket before it is given up.
    static let attempts = 6
    /// Nanoseconds until a socket comes back that was closed by a restart without having been told of it.
    static let returnDelay: UInt64 = 1_000_000_000
    /// Seconds, whatever a server asks for.
    static let longestReturn: Int64 = 60
    /// Nanoseconds for a socket to open.
    static let dialTimeout: UInt64 = 15_000_000_000
    /// Nanoseconds for what is under way to end after the measurement.
    static let drainTimeout: UInt64 = 20_000_000_000
}
