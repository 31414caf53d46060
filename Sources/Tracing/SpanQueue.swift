import Synchronization

/// Ended spans that wait to be exported, of all shards; what finds no room is dropped and counted.
package final class SpanQueue: Sendable {
    private struct State {
        var spans: [Span.Record] = []
        var dropped = 0
        var exported = 0
        var wake: (@Sendable () -> Void)?
    }

    private let capacity: Int
    private let batch: Int
    private let state = Mutex(State())

    /// - Parameter batch: so many are worth waking the exporter.
    package init(capacity: Int, batch: Int) {
        self.capacity = capacity
        self.batch = min(batch, capacity)
    }

    package var dropped: Int { state.withLock { $0.dropped } }
    package var exported: Int { state.withLock { $0.exported } }
    package var count: Int { state.withLock { $0.spans.count } }

    /// Called each time that a batch is full, from wherever a span has ended.
    package func onBatch(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
    }

    package func add(_ span: Span.Record) {
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            guard state.spans.count < capacity else {
                state.dropped += 1
                return nil
            }
            state.spans.append(span)
            return state.spans.count == batch ? state.wake : nil
        }
        wake?()
    }

    /// The next batch, oldest first.
    package func take() -> [Span.Record] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(batch))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    package func lose(_ count: Int) { state.withLock { $0.dropped += count } }
    package func sent(_ count: Int) { state.withLock { $0.exported += count } }
}
