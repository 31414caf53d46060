import EventLoop
import Store
import Synchronization

/// Whether the database's schema is the one that this program was made for, and may be used, by a look every two seconds
/// on a connection of the first shard. Asking costs nothing.
final class SchemaProbe: Sendable {
    /// Nanoseconds between two looks.
    private static let interval: UInt64 = 2_000_000_000

    /// What can be wrong with it, in the words of `/readyz`; no more is for everybody's eyes.
    enum Problem: String, CaseIterable {
        case steps = "migrations pending or changed"
        case rights = "database rights missing"
    }

    /// 0: nothing, as the start has seen; else the place of a problem among all, from 1.
    private let found = Atomic(0)

    /// By the last look that was answered.
    var problem: Problem? {
        let place = found.load(ordering: .relaxed)
        return place == 0 ? nil : Problem.allCases[place - 1]
    }

    private func note(_ problem: Problem?) {
        let place = problem.flatMap { Problem.allCases.firstIndex(of: $0) }.map { $0 + 1 }
        found.store(place ?? 0, ordering: .relaxed)
    }

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
                case .asExpected: note(nil)
                case .unexpected: note(.steps)
                case .lacksRights: note(.rights)
                // The pool tells that.
                case .unknown: break
                }
                schedule(shard)
            }
        }
    }
}
