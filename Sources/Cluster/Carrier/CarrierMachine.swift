/// Whether there is a connection to NATS, and when the next is tried: pure, times and chance are inputs.
///
/// ```
///        start            connected
/// idle ────────▶ connecting ───────▶ up
///                  │    ▲            │ lost
///           failed ▼    │ due        ▼
///                 waiting ◀──────────┘            stop, from anywhere: ended
/// ```
package struct CarrierMachine: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case connect
        /// `due` is to be said so many nanoseconds later.
        case wait(UInt64)
        /// Whoever uses it is told.
        case up
        case away
        /// What was connected is not wanted any more.
        case disconnect
    }

    private enum State: Sendable, Equatable {
        case idle, connecting, waiting, ended
        case up(since: UInt64)
    }

    /// Nanoseconds before the second attempt and at most before each one after it; a quarter more or less by chance, so
    /// that the gateways of a cluster do not come back at once.
    package static let backoff: UInt64 = 100_000_000
    package static let backoffLimit: UInt64 = 2_000_000_000
    /// A connection that was lost sooner counts as an attempt that failed.
    package static let steadyAfter: UInt64 = 2_000_000_000

    private var state = State.idle
    private var failures: UInt64 = 0

    package init() {}

    package var isUp: Bool {
        if case .up = state { true } else { false }
    }

    package mutating func start() -> [Action] {
        guard state == .idle else { return [] }
        state = .connecting
        return [.connect]
    }

    package mutating func connected(at now: UInt64) -> [Action] {
        // It was stopped while it connected.
        guard state == .connecting else { return [.disconnect] }
        state = .up(since: now)
        return [.up]
    }

    /// - Parameter chance: from 0 up to 1.
    package mutating func failed(chance: Double) -> [Action] {
        guard state == .connecting else { return [] }
        return [wait(chance)]
    }

    package mutating func lost(at now: UInt64, chance: Double) -> [Action] {
        guard case .up(let since) = state else { return [] }
        if now &- since >= Self.steadyAfter { failures = 0 }
        return [.disconnect, .away, wait(chance)]
    }

    package mutating func due() -> [Action] {
        guard state == .waiting else { return [] }
        state = .connecting
        return [.connect]
    }

    /// For good.
    package mutating func stop() -> [Action] {
        defer { state = .ended }
        return isUp ? [.disconnect] : []
    }

    private mutating func wait(_ chance: Double) -> Action {
        state = .waiting
        let pause = min(Self.backoff << min(failures, 16), Self.backoffLimit)
        failures += 1
        return .wait(UInt64(Double(pause) * (0.75 + 0.5 * min(max(chance, 0), 1))))
    }
}
