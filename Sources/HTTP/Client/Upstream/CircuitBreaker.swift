/// Keeps requests away from an upstream that fails again and again. Pure: time is an input.
///
///     closed ──N failures in a row──▶ open ──the pause is over──▶ half open, one probe
///       ▲                              ▲                             │
///       └───────────── success ────────┼──────── success ────────────┤
///                                      └──────── failure ────────────┘   (with a doubled pause, up to eight times)
package struct CircuitBreaker: Sendable {
    package enum Phase: String, Sendable {
        case closed, open
        case halfOpen = "half_open"
    }

    package enum Answer: Sendable, Equatable {
        case go
        /// Go, as the one whose end decides.
        case probe
        /// Nanoseconds until a probe may be sent.
        case refused(UInt64)
    }

    private let failures: Int
    private let pause: UInt64
    private var failed = 0
    /// Whose failures are among `failed`: what one conversation meets again and again says no more than the first time.
    private var sources: Set<UInt64> = []
    private var openings = 0
    private var openUntil: UInt64 = 0
    private var isOpen = false
    private var isProbing = false
    /// Times it opened from the closed state.
    package private(set) var opened = 0

    /// - Parameters:
    ///   - failures: in a row that open it; 0: never.
    ///   - pause: nanoseconds.
    package init(failures: Int, pause: UInt64) {
        self.failures = failures
        self.pause = pause
    }

    package func phase(at now: UInt64) -> Phase {
        if !isOpen { return .closed }
        return isProbing || now >= openUntil ? .halfOpen : .open
    }

    /// What `ask` would say, without beginning a probe.
    package func peek(at now: UInt64) -> Answer {
        var copy = self
        return copy.ask(at: now)
    }

    /// Whether a request may go now. After `.probe` the breaker must hear how it ended.
    package mutating func ask(at now: UInt64) -> Answer {
        guard isOpen else { return .go }
        guard now >= openUntil else { return .refused(openUntil - now) }
        // What waits for the probe's end is told to come back soon.
        guard !isProbing else { return .refused(1_000_000_000) }
        isProbing = true
        return .probe
    }

    package mutating func succeeded() {
        failed = 0
        sources.removeAll()
        openings = 0
        isOpen = false
        isProbing = false
    }

    /// - Parameters:
    ///   - probe: whether this request was the probe; requests that began before it opened do not decide.
    ///   - source: the conversation that it was for, which counts once; `nil`: one of its own.
    package mutating func failed(probe: Bool, source: UInt64? = nil, at now: UInt64) {
        guard failures > 0 else { return }
        if isOpen {
            guard probe else { return }
            isProbing = false
        } else {
            if let source, !sources.insert(source).inserted { return }
            failed += 1
            guard failed >= failures else { return }
            isOpen = true
            opened += 1
            sources.removeAll()
        }
        openUntil = now &+ pause << UInt64(min(openings, 3))
        openings += 1
    }

    /// The probe's answer has begun, which may take minutes to end: others may go meanwhile. One more failure opens the
    /// breaker again as long as no answer was whole.
    package mutating func probeAnswered() {
        guard isOpen else { return }
        isOpen = false
        isProbing = false
        failed = failures - 1
    }

    /// The probe ended without saying anything about the upstream (it was cancelled): the next request is one.
    package mutating func probeAbandoned() {
        isProbing = false
    }
}
