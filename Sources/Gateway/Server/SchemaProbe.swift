import EventLoop
import Store
import Synchronization

/// Whether the database's schema is the one that this program was made for, by a look every two seconds on a connection
/// of the first shard. Asking costs nothing.
final class SchemaProbe: Sendable {
    /// Nanoseconds between two looks.
    private static let interval: UInt64 = 2_000_000_000

    /// The start has looked.
    private let expected = Atomic(true)

    /// By the last look that was answered.
    var isAsExpected: Bool { expected.load(ordering: .relaxed) }

    /// Looks from now on, as long as the shard's loop runs.
    func start(on shard: LoopBound<Shard>) {
        shard.loop.execute { [weak self] in self?.schedule(shard.value) }
    }

    private func schedule(_ shard: Shard) {
        _ = shard.loop.schedule(after: Self.interval) { [weak self, weak shard] in
            guard let self, let shard else { return }
            shard.chatStore.lookAtSchema { [weak self, weak shard] look in
                guard let self, let shard else { return }
                switch look {
                case .asExpected: expected.store(true, ordering: .relaxed)
                case .unexpected: expected.store(false, ordering: .relaxed)
                // The pool tells that.
                case .unknown: break
                }
                schedule(shard)
            }
        }
    }
}
