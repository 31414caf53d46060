/// When a gateway that is asked to stop may go on to the next step.
///
///     asked ──▶ not ready, refuses with 503, runs go on ──▶ what still runs is interrupted ──▶ sockets close ──▶ end
///                      │ told long enough?  idle users' sockets close
///
/// Pure: how far it is comes in, what may be done comes out.
package struct StopRules: Sendable, Equatable {
    /// Seconds for which whoever sends requests here is told that it is over, before that is taken for known.
    package var delay: Double
    /// Seconds for replies to end.
    package var drain: Double

    package struct Progress: Sendable {
        /// Seconds since it was asked.
        package var elapsed: Double
        package var hasWork: Bool
        /// Another gateway accepts the connections now.
        package var isReplaced: Bool
        /// It was asked a second time.
        package var isHurried: Bool

        package init(elapsed: Double, hasWork: Bool, isReplaced: Bool = false, isHurried: Bool = false) {
            self.elapsed = elapsed
            self.hasWork = hasWork
            self.isReplaced = isReplaced
            self.isHurried = isHurried
        }
    }

    package init(delay: Double, drain: Double) {
        self.delay = delay
        self.drain = drain
    }

    /// Whether a user without work has a better place to be: its sockets may be closed.
    package func isKnown(_ progress: Progress) -> Bool {
        progress.isReplaced || progress.isHurried || progress.elapsed >= delay
    }

    /// Whether there is nothing more to wait for.
    package func isDrained(_ progress: Progress) -> Bool {
        guard !progress.isHurried else { return true }
        return isKnown(progress) && (!progress.hasWork || progress.elapsed >= drain)
    }
}
