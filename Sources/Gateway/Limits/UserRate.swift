import Strings

/// How often a user may do something, by socket and by HTTP alike. One a shard, since a user belongs to one; it outlives
/// the user's session, so that signing in again fills no bucket.
struct UserRate {
    /// Users that are kept in mind on one shard.
    private static let capacity = 32_768

    private let rate: Rate?
    private var table: RateTable

    /// - Parameter perMinute: 0: not limited.
    init(perMinute: Int, burst: Int) {
        rate = perMinute > 0 ? Rate(perMinute: perMinute, burst: burst) : nil
        table = RateTable(capacity: perMinute > 0 ? Self.capacity : 0)
    }

    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: seconds to wait; `nil`: go on.
    mutating func take(for userID: String, at now: UInt64) -> Int? {
        guard let rate else { return nil }
        return table.take(UInt64(bitPattern: Int64(ExactString(userID).hashValue)), rate, at: now)?.wholeSeconds
    }
}
