package import CoreMetrics

/// What is counted of the chat on one shard. Confined to its loop.
///
/// What happens once a turn goes to the handles of swift-metrics at once; what happens once a token is a plain number
/// here, which whoever collects the figures takes from time to time.
package final class ChatMetrics {
    /// From a message's arrival to its acknowledgement, its first text, and the end of its run.
    private let acknowledgement: Timer
    private let firstText: Timer
    private let turn: Timer
    private let ended: [RunStatus: Counter]
    private let failed: [RunErrorCode: Counter]
    private let asked: Counter
    private let decided: [Approval.Status: Counter]

    /// Runs at work now.
    package internal(set) var running = 0
    /// Turns that are being stored or wait for the one before.
    package internal(set) var waiting = 0
    /// Pieces of text that assistants have said, and the events in which they were given out (counted once, however
    /// many sockets an event goes to): the difference was merged.
    package internal(set) var deltas = 0
    package internal(set) var textEvents = 0
    /// Sockets that were given the merged rest: new ones, resumed ones, slow ones.
    package internal(set) var catchUps = 0

    /// - Parameter dimensions: of all handles, for instance the shard.
    package init(
        factory: any MetricsFactory = NOOPMetricsHandler.instance, dimensions: [(String, String)] = []
    ) {
        func timer(_ name: String) -> Timer { Timer(label: name, dimensions: dimensions, factory: factory) }
        func counter(_ name: String, _ key: String, _ value: String) -> Counter {
            Counter(label: name, dimensions: dimensions + [(key, value)], factory: factory)
        }
        acknowledgement = timer("parley_ack_seconds")
        firstText = timer("parley_first_token_seconds")
        turn = timer("parley_turn_seconds")
        var ended: [RunStatus: Counter] = [:]
        for status in [RunStatus.completed, .suspended, .cancelled, .failed, .interrupted] {
            ended[status] = counter("parley_runs_ended_total", "status", status.rawValue)
        }
        self.ended = ended
        var failed: [RunErrorCode: Counter] = [:]
        for code in RunErrorCode.allCases { failed[code] = counter("parley_run_errors_total", "code", code.rawValue) }
        self.failed = failed
        asked = Counter(label: "parley_approvals_asked_total", dimensions: dimensions, factory: factory)
        var decided: [Approval.Status: Counter] = [:]
        for status in [Approval.Status.approved, .declined, .expired] {
            decided[status] = counter("parley_approvals_decided_total", "status", status.rawValue)
        }
        self.decided = decided
    }

    /// All of these in nanoseconds since the message's arrival.
    func acknowledged(after duration: UInt64) { acknowledgement.recordNanoseconds(Int64(clamping: duration)) }
    func spoke(after duration: UInt64) { firstText.recordNanoseconds(Int64(clamping: duration)) }
    func turnEnded(after duration: UInt64) { turn.recordNanoseconds(Int64(clamping: duration)) }

    func asked(_ count: Int) { asked.increment(by: Int64(count)) }
    package func decided(_ status: Approval.Status, count: Int = 1) { decided[status]?.increment(by: Int64(count)) }

    func runEnded(_ status: RunStatus, _ code: RunErrorCode?) {
        ended[status]?.increment()
        if let code { failed[code]?.increment() }
    }
}
