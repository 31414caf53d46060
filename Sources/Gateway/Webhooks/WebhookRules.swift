/// When an event that was not taken is sent again. Times are milliseconds.
package enum WebhookRules {
    package static let firstDelay: Int64 = 5_000
    package static let factor: Int64 = 3
    package static let longestDelay: Int64 = 6 * 3_600_000

    /// 5 s, 15 s, 45 s… up to 6 h, a fifth more or less so that what failed together does not come back together.
    ///
    /// - Parameters:
    ///   - attempts: that there were, 1 or more.
    ///   - retryAfter: what the endpoint asked for; never later than the longest delay.
    ///   - chance: from 0 to 1.
    package static func delay(attempts: Int, retryAfter: Int64?, chance: Double) -> Int64 {
        var delay = firstDelay
        for _ in 1..<max(attempts, 1) where delay < longestDelay { delay *= factor }
        delay = min(delay, longestDelay)
        delay = Int64(Double(delay) * (0.8 + 0.4 * min(max(chance, 0), 1)))
        return min(max(delay, retryAfter ?? 0), longestDelay)
    }

    /// What an answer means. 410 says that nobody is there any more (Standard Webhooks, "Deliverability").
    package enum Verdict: Equatable {
        case taken
        /// Tried again; whether the endpoint as a whole is ill, so that others wait too.
        case failed(isIll: Bool)
        case gone
    }

    package static func verdict(status: Int) -> Verdict {
        switch status {
        case 200..<300: .taken
        case 410: .gone
        case 408, 429, 500...: .failed(isIll: true)
        default: .failed(isIll: false)
        }
    }
}

/// One endpoint: when events are claimed for it, and how many are on their way. While it is ill, one event at a time tries
/// whether it is well again, so that an outage costs each event few of its attempts. Times are milliseconds.
package struct WebhookMachine {
    package struct Settings: Sendable {
        /// Requests at once.
        package var connections = 8
        /// Between two looks while there is nothing to do.
        package var poll: Int64 = 500
        /// After a look that failed.
        package var retry: Int64 = 1_000
        /// How long an ill endpoint is left alone first and at most.
        package var pause: Int64 = 1_000
        package var longestPause: Int64 = 60_000

        package init() {}
    }

    package enum Event {
        /// Its timer, also the first time.
        case tick
        case claimed(Int)
        case claimFailed
        case settled(isIll: Bool)
        case stop
    }

    package enum Action: Equatable {
        case none
        case claim(Int)
        /// Until the next tick, instead of what it waited for before.
        case wait(Int64)
    }

    private let settings: Settings
    private var isClaiming = false
    private var isStopped = false
    private var failures = 0
    private var pausedUntil: Int64 = .min
    private(set) package var underWay = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    package mutating func next(_ event: Event, at now: Int64) -> Action {
        switch event {
        case .stop:
            isStopped = true
        case .tick:
            return claim(at: now)
        case .claimed(let count):
            isClaiming = false
            underWay += count
            return isStopped || underWay >= allowed ? .none : .wait(settings.poll)
        case .claimFailed:
            isClaiming = false
            return isStopped ? .none : .wait(settings.retry)
        case .settled(let isIll):
            underWay -= 1
            if isIll {
                failures += 1
                let pause = min(settings.pause << Int64(min(failures - 1, 16)), settings.longestPause)
                pausedUntil = now + pause
            } else {
                failures = 0
                pausedUntil = .min
            }
            // The next one of its topic may go now.
            return claim(at: now)
        }
        return .none
    }

    private var allowed: Int { failures > 0 ? 1 : settings.connections }

    private mutating func claim(at now: Int64) -> Action {
        guard !isStopped, !isClaiming, underWay < allowed else { return .none }
        guard now >= pausedUntil else { return .wait(pausedUntil - now) }
        isClaiming = true
        return .claim(allowed - underWay)
    }
}
