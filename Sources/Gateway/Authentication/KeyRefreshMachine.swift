/// When a key set is asked for again; pure, with monotonic nanoseconds as an input.
///
/// It is asked for at the start, then every `interval`, after a failure with growing pauses, and at once for a token
/// that new keys may make a good one, but for that at most once in `pause`, so that made-up key ids and signatures don't
/// become a flood at the issuer. Tokens that come while an answer is awaited wait for it, up to `waiting` of them.
///
/// Whether such a token is good is known only while the set is: where the newest attempt to have it failed, nobody can
/// tell, and the token is neither taken nor refused.
package struct KeyRefreshMachine: Sendable {
    package struct Settings: Sendable {
        package var interval: UInt64 = 300_000_000_000
        package var pause: UInt64 = 30_000_000_000
        /// Instead of `pause`, since the last attempt's end, while the set can't be had.
        package var pauseWhileAway: UInt64 = 2_000_000_000
        package var firstRetry: UInt64 = 1_000_000_000
        package var lastRetry: UInt64 = 60_000_000_000
        package var waiting = 1_000

        package init() {}
    }

    package enum Answer: Sendable, Equatable {
        /// Wait for the answer that is under way; `fetch`: ask for it first.
        case wait(fetch: Bool)
        /// The set is known, and does not make the token a good one.
        case refuse
        /// Nobody can tell; in so many seconds it may be known.
        case undecided(seconds: Int)
    }

    private let settings: Settings
    private var isFetching = false
    /// The newest attempt has brought a set.
    private var isCurrent = false
    private var lastAsked: UInt64?
    private var lastEnded: UInt64 = 0
    private var failures: UInt64 = 0
    private var due: UInt64 = 0
    package private(set) var waiting = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// A token has come that new keys may make a good one.
    package mutating func tokenFailed(at now: UInt64) -> Answer {
        if isFetching {
            guard waiting < settings.waiting else { return .undecided(seconds: 1) }
            waiting += 1
            return .wait(fetch: false)
        }
        guard mayAsk(at: now) else { return standing(at: now) }
        lastAsked = now
        isFetching = true
        waiting += 1
        return .wait(fetch: true)
    }

    private func mayAsk(at now: UInt64) -> Bool {
        guard let lastAsked else { return true }
        return isCurrent ? now >= lastAsked &+ settings.pause : now >= lastEnded &+ settings.pauseWhileAway
    }

    /// What can be said of such a token without asking: `refuse` or `undecided`.
    package func standing(at now: UInt64) -> Answer {
        guard !isCurrent else { return .refuse }
        let next = min(due, lastEnded &+ settings.pauseWhileAway)
        let wait = isFetching || next <= now ? 0 : next - now
        return .undecided(seconds: max(1, wait.wholeSeconds))
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
        isCurrent = succeeded
        lastEnded = now
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
