/// A socket (or an event stream over HTTP) as its user's session sees it. Called on the shard's loop.
package protocol SessionClient: AnyObject {
    /// Whether events may be added now. While it is `false` the session keeps nothing for the client: when it has room
    /// again it says so with `Session.drained`, and gets the merged rest.
    var isWritable: Bool { get }
    /// Sends one JSON text. A client that can't take it any more closes itself.
    func send(_ json: UnsafeRawBufferPointer)
    /// Whether it has closed for good: nothing is sent to it, and nothing subscribes it any more.
    var isGone: Bool { get }
    /// It has fallen behind what is still held: it must come back and resume.
    func fellBehind()
}

extension SessionClient {
    package func send(_ json: [UInt8]) {
        json.withUnsafeBytes { send($0) }
    }
}

/// What the sessions of a shard have in common: time, ids, the store, the assistant.
package protocol SessionEnvironment: AnyObject {
    /// Whether this process may hand out events and take turns. Not while it can't say that it lives: another gateway may
    /// then have taken over what it has. Looked at for each token.
    var holdsLease: Bool { get }
    /// Ends with the process, or when it was fenced; the first part of every cursor.
    var epoch: String { get }
    var limits: ChatLimits { get }
    var store: any ChatStore { get }
    var agent: any Agent { get }
    func makeIdentifier() -> Identifier
    /// A position beyond all that threads of this process have used: where a thread's log begins.
    func freshPosition() -> UInt64
    /// Monotonic milliseconds.
    var nowMilliseconds: UInt64 { get }
    /// Monotonic nanoseconds, for measurements.
    var nowNanoseconds: UInt64 { get }
    var chatMetrics: ChatMetrics { get }
    /// Counts a message of this user against its rate.
    ///
    /// - Returns: `nil` when it may be sent; else the seconds to wait.
    func admitMessage(of userID: String) -> Int?
    /// A limit of the chat was reached; for the figures.
    func limitReached(_ limit: StaticString)
    /// A run has ended, which is durable now.
    func runEnded(_ run: Identifier, userID: String, threadID: Identifier, _ status: RunStatus, _ code: RunErrorCode?)
    /// Runs `action` on the loop after so many milliseconds.
    func schedule(after milliseconds: UInt64, _ action: @escaping () -> Void) -> UInt64
    func cancel(timer: UInt64)
    /// A run or a write went wrong in a way that the operator should see. No content of users.
    func report(_ incident: String)
}

extension SessionEnvironment {
    package var nowNanoseconds: UInt64 { nowMilliseconds &* 1_000_000 }
    package func admitMessage(of userID: String) -> Int? { nil }
    package func limitReached(_ limit: StaticString) {}
    package func runEnded(
        _ run: Identifier, userID: String, threadID: Identifier, _ status: RunStatus, _ code: RunErrorCode?
    ) {}
}
