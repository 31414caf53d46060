import Synchronization

/// How many bytes the windows of all connections with context takeover may take together (RFC 7692 lets a window of
/// 32 KiB, and what zlib needs around it, live as long as its connection). From any thread.
package final class DeflateBudget: Sendable {
    /// What one connection has been given. It goes back when nobody holds it any more.
    package final class Share: Sendable {
        private let budget: DeflateBudget
        private let bytes: Int

        fileprivate init(_ bytes: Int, of budget: DeflateBudget) {
            self.bytes = bytes
            self.budget = budget
        }

        deinit {
            budget.left.add(bytes, ordering: .relaxed)
        }
    }

    private let left: Atomic<Int>

    package init(bytes: Int) {
        left = Atomic(bytes)
    }

    /// Bytes that nobody has.
    package var available: Int { left.load(ordering: .relaxed) }

    /// A share of so many bytes; nil when that much is not left.
    package func take(_ bytes: Int) -> Share? {
        if left.subtract(bytes, ordering: .relaxed).newValue >= 0 { return Share(bytes, of: self) }
        left.add(bytes, ordering: .relaxed)
        return nil
    }
}
