package import Tracing

/// What the sessions of a shard have in common: time, ids, and the ports behind which everything else is.
package protocol SessionEnvironment: AnyObject {
    /// Whether this process may hand out events and take turns. Not while it can't say that it lives: another gateway may
    /// then have taken over what it has. Looked at for each token.
    var holdsLease: Bool { get }
    /// Ends with the process, or when it was fenced; the first part of every cursor.
    var epoch: String { get }
    var limits: ChatLimits { get }
    var store: any ChatStore { get }
    var agents: any AgentHost { get }
    var tools: any ToolHost { get }
    /// `nil`: nothing is traced.
    var tracer: Tracer? { get }
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
    /// Counts a conversation, or a task by HTTP, that this user is about to make.
    ///
    /// - Returns: `nil` when it may be made; else the seconds to wait.
    func admitCreation(by userID: String) -> Int?
    /// A limit of the chat was reached; for the figures.
    func limitReached(_ limit: StaticString)
    /// A run has ended, which is durable now.
    func runEnded(_ run: Identifier, userID: String, threadID: Identifier, _ status: RunStatus, _ code: RunErrorCode?)
    /// Something may be open somewhere that a person is asked.
    var mayAsk: Bool { get }
    /// A run of this process waits for a person.
    func somethingAsks()
    /// Microseconds since 1970, UTC.
    var wallClock: Int64 { get }
    /// Runs `action` on the loop after so many milliseconds.
    func schedule(after milliseconds: UInt64, _ action: @escaping () -> Void) -> UInt64
    func cancel(timer: UInt64)
    /// A run or a write went wrong in a way that the operator should see. No content of users.
    func report(_ incident: String)
}

extension SessionEnvironment {
    package var tracer: Tracer? { nil }

    /// Of a turn that begins now, where it is traced.
    ///
    /// - Parameter begins: how it comes, where it was not sent.
    func span(
        ofTurn run: Identifier, in thread: Identifier, under parent: TraceContext? = nil, begins: String? = nil
    ) -> Span? {
        guard let tracer else { return nil }
        let span = tracer.start("turn", parent: parent)
        span.set("parley.thread", .text("\(thread)"))
        span.set("parley.run", .text("\(run)"))
        if let begins { span.set("parley.begins", .text(begins)) }
        return span
    }

    package var nowNanoseconds: UInt64 { nowMilliseconds &* 1_000_000 }
    package func admitMessage(of userID: String) -> Int? { nil }
    package func admitCreation(by userID: String) -> Int? { nil }
    package func limitReached(_ limit: StaticString) {}
    package var mayAsk: Bool { false }
    package func somethingAsks() {}
    package var wallClock: Int64 { Int64(clamping: nowMilliseconds &* 1_000) }
    package func runEnded(
        _ run: Identifier, userID: String, threadID: Identifier, _ status: RunStatus, _ code: RunErrorCode?
    ) {}
}
