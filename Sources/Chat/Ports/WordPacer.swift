/// Time for an assistant that needs no model. On the shard's loop.
package protocol AgentClock: AnyObject {
    /// Monotonic nanoseconds.
    var now: UInt64 { get }
    /// Runs `action` after so many nanoseconds.
    func timer(after nanoseconds: UInt64, _ action: @escaping () -> Void) -> UInt64
    func cancel(timer: UInt64)
}

/// Streams pieces of text to a run, `pace` nanoseconds apart.
package final class WordPacer {
    private let clock: any AgentClock
    private let pace: UInt64
    @exclusivity(unchecked) private var timer: UInt64?
    /// When the next piece is due: counted from the first one, so that the lateness of timers does not add up.
    @exclusivity(unchecked) private var due: UInt64 = 0
    /// A stream that is behind by more than this goes on from the present instead of catching up, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000
    /// The one closure all timers of a stream share; it holds this object, so it goes when the stream ends.
    @exclusivity(unchecked) private var tick: (() -> Void)?

    package init(clock: any AgentClock, pace: UInt64) {
        self.clock = clock
        self.pace = pace
    }

    /// The first piece goes at once; `completion` follows the last without a pause.
    ///
    /// - Parameter next: the next piece; `nil` behind the last.
    package func stream(_ next: @escaping () -> String?, to run: any AgentRun, completion: @escaping () -> Void) {
        guard pace > 0 else {
            while let piece = next() { run.text(piece) }
            completion()
            return
        }
        var upcoming = next()
        tick = { [self] in
            timer = nil
            if let piece = upcoming { run.text(piece) }
            upcoming = next()
            if upcoming == nil {
                tick = nil
                completion()
            } else {
                schedule()
            }
        }
        due = clock.now
        tick?()
    }

    private func schedule() {
        guard let tick else { return }
        due &+= pace
        let now = clock.now
        if now > due &+ Self.patience { due = now }
        timer = clock.timer(after: due > now ? due - now : 0, tick)
    }

    package func stop() {
        if let timer { clock.cancel(timer: timer) }
        timer = nil
        tick = nil
    }
}
