/// The order in which the addresses of a name are tried, in the manner of RFC 8305: the next one begins when the one
/// before has failed or has not answered for a while, and whoever connects first wins. Pure.
package struct AddressRace {
    package enum Step: Sendable, Equatable {
        /// Connect to the address of this index as well.
        case attempt(Int)
        /// Others are under way.
        case wait
        case fail(HTTPClientFailure)
    }

    /// The pause before the next address is tried beside one that does not answer.
    package static let stagger: UInt64 = 250_000_000
    /// Addresses of a name that are tried.
    package static let most = 8

    private let count: Int
    private var next = 0
    private var running = 0
    private var firstFailure: HTTPClientFailure?

    package init(addresses count: Int) {
        self.count = min(count, Self.most)
    }

    /// Whether there is an address left that a stagger timer should begin.
    package var hasNext: Bool { next < count }

    /// At the beginning, and when the pause is over.
    package mutating func advance() -> Step {
        guard next < count else { return running > 0 ? .wait : .fail(firstFailure ?? .unresolved) }
        defer { next += 1 }
        running += 1
        return .attempt(next)
    }

    /// One attempt has failed. A certificate that is wrong is wrong at every address: that ends the race.
    package mutating func failed(_ failure: HTTPClientFailure) -> Step {
        running -= 1
        if case .tls = failure { return .fail(failure) }
        firstFailure = firstFailure ?? failure
        return advance()
    }
}
