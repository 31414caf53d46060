/// When a gateway looks for reminders that are due, and what it does with them: one look at a time, the next when the
/// next one is due that is known, or after a while, since others may have been made elsewhere.
///
/// ```
///          look            claimed                    all told
///  idle ─────────▶ asking ─────────▶ telling (1 … n) ─────────▶ idle: the next look after a wait
///                    │ failed: back off                          at once where there may be more
/// ```
///
/// What is told once is the store's matter; this is only about time.
package struct ReminderMachine: Sendable {
    package enum Input: Sendable {
        case start
        /// The wait is over.
        case tick
        /// Reminders were claimed, so many; and milliseconds until the next that is known.
        case claimed(Int, waits: Int64?)
        /// The database could not be asked.
        case failed
        /// One of those claimed was told, or given up: its claim ends by itself.
        case told
        case stop
    }

    package enum Action: Sendable, Equatable {
        case look
        /// Milliseconds.
        case wait(Int)
        case none
    }

    private enum State: Sendable, Equatable {
        case idle, asking
        case telling(Int, next: Int)
        case stopped
    }

    /// Milliseconds between two looks where nothing is known to be due before.
    package static let interval = 2_000
    /// The shortest wait, and the longest after failures.
    package static let shortest = 50
    package static let longest = 30_000

    private var state = State.idle
    private var failures = 0
    /// As many as are claimed at a time: there may be more.
    private let batch: Int

    package init(batch: Int) { self.batch = batch }

    package mutating func next(_ input: Input) -> Action {
        switch (state, input) {
        case (.stopped, _): return .none
        case (_, .stop):
            state = .stopped
            return .none
        case (.idle, .start), (.idle, .tick):
            state = .asking
            return .look
        case (.asking, .claimed(let count, let waits)):
            failures = 0
            let known = waits.map { Int(clamping: min(max($0, Int64(Self.shortest)), Int64(Self.interval))) }
            let next = count >= batch ? Self.shortest : known ?? Self.interval
            guard count > 0 else {
                state = .idle
                return .wait(next)
            }
            state = .telling(count, next: next)
            return .none
        case (.asking, .failed):
            failures += 1
            state = .idle
            return .wait(min(Self.interval << min(failures - 1, 4), Self.longest))
        case (.telling(let count, let next), .told):
            if count > 1 {
                state = .telling(count - 1, next: next)
                return .none
            }
            state = .idle
            return .wait(next)
        default: return .none
        }
    }
}
