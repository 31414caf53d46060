import Dispatch
import EventLoop
import Glibc
import Synchronization

/// SIGTERM and SIGINT once a stop has begun: who asks again wants it sooner.
///
/// `@unchecked Sendable`: the sources are made once and only cancelled afterwards, which Dispatch allows from any thread.
final class StopSignals: @unchecked Sendable {
    /// Nanoseconds in which a further signal is the same wish: a supervisor often signals the process and its group.
    private static let sameWish: UInt64 = 1_000_000_000

    private let sources: [any DispatchSourceSignal]
    private let hurry = Flag()

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    /// - Parameter asked: called at the first signal that counts.
    init(asked: @escaping @Sendable () -> Void) {
        let hurry = hurry
        let start = monotonicNanoseconds()
        // Whoever heard the first one has taken their default off; setting it anew would take them from Dispatch.
        sources = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                guard monotonicNanoseconds() >= start + Self.sameWish,
                    !hurry.isSet.exchange(true, ordering: .relaxed)
                else { return }
                asked()
            }
            source.activate()
            return source
        }
    }

    var isHurried: Bool { hurry.isSet.load(ordering: .relaxed) }

    func cancel() {
        for source in sources { source.cancel() }
    }
}
