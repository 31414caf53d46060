/// When a key set is asked for again; pure, with monotonic nanoseconds as an input.
///
/// It is asked for at the start, then every `interval`, after a failure with growing pauses, and at once for a token
/// whose key is not known, but for that at most once in `pause`, so that made-up key ids don't become a flood at the
/// issuer. Tokens that come while an answer is awaited wait for it, up to `waiting` of them.
package struct KeyRefreshMachine: Sendable {
    package struct Settings: Sendable {
        package var interval: UInt64 = 300_000_000_000
        package var pause: UInt64 = 30_000_000_000
        package var firstRetry: UInt64 = 1_000_000_000
        package var lastRetry: UInt64 = 60_000_000_000
        package var waiting = 1_000

        package init() {}
    }

    package enum Answer: Sendable, Equatable {
        /// Wait for the answer that is under way; `fetch`: ask for it first.
        case wait(fetch: Bool)
        /// The key is not known and won't be asked for now.
        case refuse
    }

    private let settings: Settings
    private var isFetching = false
    private var lastUnknown: UInt64?
    private var failures: UInt64 = 0
    private var due: UInt64 = 0
    package private(set) var waiting = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// A token names a key that is not in the set.
    package mutating func unknownKey(at now: UInt64) -> Answer {
        guard waiting < settings.waiting else { return .refuse }
        if isFetching {
            waiting += 1
            return .wait(fetch: false)
        }
        if let last = lastUnknown, now < last &+ settings.pause { return .refuse }
        lastUnknown = now
        isFetching = true
        waiting += 1
        return .wait(fetch: true)
    }

    /// Whether it is time to ask; the caller then does.
    package mutating func tick(at now: UInt64) -> Bool {
        guard !isFetching, now >= due else { return false }
        isFetching = true
        return true
    }

    /// Asks now whatever the time is, unless that is under way: for SIGHUP.
    package mutating func force() -> Bool {
        guard !isFetching else { return false }
        isFetching = true
        return true
    }

    /// The answer, good or bad, has come; everybody who waits goes on.
    package mutating func ended(succeeded: Bool, at now: UInt64) {
        isFetching = false
        waiting = 0
        if succeeded {
            failures = 0
            due = now &+ settings.interval
        } else {
            due = now &+ min(settings.firstRetry << min(failures, 6), settings.lastRetry)
            failures += 1
        }
    }
}
