import Strings
import Synchronization

/// Which sign-ins over HTTP the audit trail has been told of: each request brings its token, which is one sign-in as long
/// as it comes from the same place. Counted over all shards.
final class SignInNotes: Sendable {
    /// Tokens that are kept in mind.
    private static let capacity = 65_536
    /// One that goes on being used is told of again after so many seconds.
    private static let interval: UInt64 = 3_600

    private let rate = Rate(everySeconds: interval)
    private let table = Mutex(RateTable(capacity: capacity))

    /// - Parameter now: monotonic nanoseconds.
    func isNew(_ principal: Principal, from origin: String?, at now: UInt64) -> Bool {
        var hasher = Hasher()
        hasher.combine(ExactString(principal.userID))
        hasher.combine(principal.expiresAt)
        hasher.combine(origin)
        let key = UInt64(bitPattern: Int64(hasher.finalize()))
        return table.withLock { $0.take(key, rate, at: now) == nil }
    }
}
