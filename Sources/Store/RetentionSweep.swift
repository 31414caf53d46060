package import Chat
import EventLoop
import Postgres

/// One pass of the retention: every due move, batch after batch with a pause in between, so that writers always get
/// through. Confined to the store's loop; one at a time.
package final class RetentionSweep {
    /// Rows moved, by move; what could not be done.
    package struct Report: Sendable, Equatable {
        package var counts: [RetentionPolicy.Move: Int] = [:]
        package var usersDeleted = 0
        /// Another gateway is at it: the rest is left to that.
        package var wasBusy = false
        package var failure: StoreError?
    }

    private let store: PostgresChatStore
    private let now: Int64
    private let pause: UInt64
    private let moved: ([RetainedConversation]) -> Void
    private let completion: (Report) -> Void
    private var due: ArraySlice<RetentionPolicy.Due>
    private var users: [String] = []
    private var report = Report()
    private var isStopped = false

    /// A user's deletion that has been under way for that long is nobody's. Microseconds.
    private static let abandoned: Int64 = 600_000_000

    /// - Parameters:
    ///   - now: microseconds since 1970, UTC.
    ///   - pause: nanoseconds between two batches.
    ///   - moved: told of each batch.
    package init(
        _ policy: RetentionPolicy, store: PostgresChatStore, now: Int64, pause: UInt64 = 20_000_000,
        moved: @escaping ([RetainedConversation]) -> Void = { _ in }, completion: @escaping (Report) -> Void
    ) {
        self.store = store
        self.now = now
        self.pause = pause
        self.moved = moved
        self.completion = completion
        due = policy.due(at: now)[...]
    }

    package func start() {
        store.usersToDelete(before: now - Self.abandoned) { [self] result in
            if case .success(let found) = result { users = found }
            nextUser()
        }
    }

    /// The batch under way is the last.
    package func stop() { isStopped = true }

    private func nextUser() {
        guard !isStopped, let user = users.popLast() else { return next() }
        store.deleteUser(id: user) { [self] result in
            if case .success(true) = result { report.usersDeleted += 1 }
            nextUser()
        }
    }

    private func next() {
        guard !isStopped, let first = due.first else { return completion(report) }
        store.sweep(first, now: now) { [self] result in
            switch result {
            case .success(.moved(let count, let conversations)):
                report.counts[first.move, default: 0] += count
                if count == 0 { due.removeFirst() }
                if !conversations.isEmpty { moved(conversations) }
            case .success(.busy):
                report.wasBusy = true
                due = []
            case .failure(let error):
                report.failure = error
                due = []
            }
            _ = store.pool.loop.schedule(after: pause) { [self] in next() }
        }
    }
}
