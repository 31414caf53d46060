package import EventLoop
package import HTTPTypes
import Synchronization

/// How many connections there may be in all and from one address, whatever they are used for. One for all loops of a
/// process; from any thread.
///
/// What it keeps is an entry for each address that has a connection, so it is bounded by the connections themselves.
package final class ConnectionLimiter: Sendable {
    /// The right to one connection. It counts until nobody holds it any more.
    package final class Place: Sendable {
        private let limiter: ConnectionLimiter
        private let site: NetworkAddress?

        fileprivate init(_ limiter: ConnectionLimiter, _ site: NetworkAddress?) {
            self.limiter = limiter
            self.site = site
        }

        deinit {
            limiter.leave(site)
        }
    }

    private struct Counts {
        var total = 0
        var bySite: [NetworkAddress: Int] = [:]
    }

    private let total: Int
    private let perAddress: Int
    private let isExempt: @Sendable (NetworkAddress) -> Bool
    private let counts = Mutex(Counts())

    /// - Parameters:
    ///   - total: connections at once.
    ///   - perAddress: connections at once from one IPv4 address or one IPv6 /64.
    ///   - isExempt: addresses that stand for many clients, such as a trusted proxy's: they count in all, but not as
    ///     one address.
    package init(
        total: Int, perAddress: Int, isExempt: @escaping @Sendable (NetworkAddress) -> Bool = { _ in false }
    ) {
        self.total = total
        self.perAddress = perAddress
        self.isExempt = isExempt
    }

    /// Connections now.
    package var count: Int { counts.withLock { $0.total } }
    /// Addresses that have any.
    package var siteCount: Int { counts.withLock { $0.bySite.count } }

    /// A place for a connection from this address; nil when there is none.
    package func admit(_ address: NetworkAddress) -> Place? {
        let site = isExempt(address) ? nil : address.site
        let isAdmitted = counts.withLock { counts in
            guard counts.total < total else { return false }
            if let site {
                guard counts.bySite[site, default: 0] < perAddress else { return false }
                counts.bySite[site, default: 0] += 1
            }
            counts.total += 1
            return true
        }
        return isAdmitted ? Place(self, site) : nil
    }

    private func leave(_ site: NetworkAddress?) {
        counts.withLock { counts in
            counts.total -= 1
            guard let site, let count = counts.bySite[site] else { return }
            counts.bySite[site] = count > 1 ? count - 1 : nil
        }
    }
}

/// Answers every request with 503: what a connection gets for which there is no place.
package final class FullHandler: HTTPHandler {
    private let other: (any HTTPHandler)?
    private let isAnswered: (HTTPServerRequest) -> Bool

    /// - Parameter isAnswered: which requests `other` answers all the same, such as those for health.
    package init(_ other: (any HTTPHandler)? = nil, isAnswered: @escaping (HTTPServerRequest) -> Bool = { _ in false })
    {
        self.other = other
        self.isAnswered = isAnswered
    }

    package func finish(_ response: inout HTTPResponse, for head: HTTPRequestHead?) {
        other?.finish(&response, for: head)
    }

    package func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        if let other, isAnswered(request) {
            other.handle(request, responder)
        } else {
            responder.respond(error: .unavailable, "There are too many connections.", retryAfter: 5)
        }
    }
}
