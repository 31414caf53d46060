import Dispatch
import Synchronization

/// What was seen on some thread, for a test on another to wait for.
final class Record<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])
    private let added = DispatchSemaphore(value: 0)

    func append(_ element: Element) {
        state.withLock { $0.append(element) }
        added.signal()
    }

    var values: [Element] { state.withLock { $0 } }

    /// Waits until what was seen satisfies `condition`; the limit is there for a test that fails, not for one that
    /// passes.
    func wait(until condition: ([Element]) -> Bool) -> Bool {
        let limit = DispatchTime.now() + 20
        while !condition(values) {
            if added.wait(timeout: limit) == .timedOut { return condition(values) }
        }
        return true
    }

    func wait(forCount count: Int) -> Bool { wait { $0.count >= count } }
}
