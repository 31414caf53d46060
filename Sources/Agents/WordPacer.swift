import Chat
import EventLoop

/// Streams pieces of text to a run, `pace` nanoseconds apart.
final class WordPacer {
    private let loop: EventLoop
    private let pace: UInt64
    @exclusivity(unchecked) private var timer: TimerToken?
    /// When the next piece is due: counted from the first one, so that the lateness of timers does not add up.
    @exclusivity(unchecked) private var due: UInt64 = 0
    /// A stream that is behind by more than this goes on from the present instead of catching up, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000
    /// The one closure all timers of a stream share; it holds this object, so it goes when the stream ends.
    @exclusivity(unchecked) private var tick: (() -> Void)?

    init(loop: EventLoop, pace: UInt64) {
        self.loop = loop
        self.pace = pace
    }

    /// The first piece goes at once; `completion` follows the last without a pause.
    func stream<Pieces: IteratorProtocol<String>>(
        _ pieces: Pieces, to run: any AgentRun, completion: @escaping () -> Void
    ) {
        var pieces = pieces
        guard pace > 0 else {
            while let piece = pieces.next() { run.text(piece) }
            completion()
            return
        }
        // One variable is one object beside the closure, which is looked at for each piece.
        let first = pieces.next()
        var state = (pieces: pieces, upcoming: first)
        tick = { [self] in
            timer = nil
            if let piece = state.upcoming { run.text(piece) }
            state.upcoming = state.pieces.next()
            if state.upcoming == nil {
                tick = nil
                completion()
            } else {
                schedule()
            }
        }
        due = loop.now
        tick?()
    }

    private func schedule() {
        guard let tick else { return }
        due &+= pace
        let now = loop.now
        if now > due &+ Self.patience { due = now }
        timer = loop.schedule(after: due > now ? due - now : 0, tick)
    }

    func stop() {
        if let timer { loop.cancel(timer) }
        timer = nil
        tick = nil
    }
}
