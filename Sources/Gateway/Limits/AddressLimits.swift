import Synchronization

/// What one address may do, counted over all shards: handshakes and failed sign-ins. A lock is taken for each of them,
/// and for nothing that comes after.
///
/// Whoever calls decides who is not limited at all: this machine itself.
package final class AddressLimits: Sendable {
    /// Addresses that are kept in mind, for each of the two.
    package static let capacity = 65_536

    private struct State {
        var handshakes: RateTable
        var failures: RateTable
    }

    private let handshakeRate: Rate?
    private let failureRate: Rate?
    private let state: Mutex<State>

    /// - Parameters: a minute and address, also the size of a burst; 0: not limited.
    package init(handshakes: Int, failedSignIns: Int) {
        handshakeRate = handshakes > 0 ? Rate(perMinute: handshakes, burst: handshakes) : nil
        failureRate = failedSignIns > 0 ? Rate(perMinute: failedSignIns, burst: failedSignIns) : nil
        state = Mutex(
            State(
                handshakes: RateTable(capacity: handshakes > 0 ? Self.capacity : 0),
                failures: RateTable(capacity: failedSignIns > 0 ? Self.capacity : 0)))
    }

    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: seconds to wait; `nil`: go on.
    package func handshake(from address: IPAddress?, at now: UInt64) -> Int? {
        guard let handshakeRate, let key = Self.key(address) else { return nil }
        return state.withLock { $0.handshakes.take(key, handshakeRate, at: now) }?.wholeSeconds
    }

    /// Whether another wrong token from there is too many. A good one never is: others may have failed at the same
    /// address, a proxy's that was not made known.
    package func signIn(from address: IPAddress?, at now: UInt64) -> Int? {
        guard let failureRate, let key = Self.key(address) else { return nil }
        return state.withLock { $0.failures.wait(key, failureRate, at: now) }?.wholeSeconds
    }

    package func signInFailed(from address: IPAddress?, at now: UInt64) {
        guard let failureRate, let key = Self.key(address) else { return }
        _ = state.withLock { $0.failures.take(key, failureRate, at: now) }
    }

    /// Hashed with the process's own seed, so that nobody can aim at somebody else's place in the table.
    private static func key(_ address: IPAddress?) -> UInt64? {
        guard let address else { return nil }
        return UInt64(bitPattern: Int64(address.block.hashValue))
    }
}
