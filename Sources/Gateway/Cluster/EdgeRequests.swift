import Cluster

/// The requests of a shard that other gateways answer.
final class EdgeRequests {
    /// At once.
    static let limit = 10_000

    private unowned let relay: Relay
    private var requests: [UInt32: EdgeRequest] = [:]

    init(_ relay: Relay) {
        self.relay = relay
    }

    func uses(_ owner: ClusterAddress) -> Bool { requests.values.contains { $0.place == owner } }

    /// - Returns: false: there are too many, or the owner can't be linked to.
    func join(_ request: EdgeRequest, at owner: ClusterAddress) -> Bool {
        guard requests.count < Self.limit, relay.isLinked(to: owner) || relay.link(to: owner) else { return false }
        let number = relay.edges.freshNumber()
        requests[number] = request
        request.named(number)
        relay.figures.requests += 1
        return true
    }

    func has(_ number: UInt32) -> Bool { requests[number] != nil }

    func leave(_ number: UInt32) { requests[number] = nil }

    /// - Returns: whether it was for one of them.
    func take(_ frame: LinkFrame) -> Bool {
        switch frame {
        case .output(let number, let isLast, let bytes):
            guard let request = requests[number] else { return false }
            request.received(bytes, isLast: isLast)
        case .refuse(let number, _), .close(let number, _, _):
            guard let request = requests[number] else { return false }
            request.refused()
        default: return false
        }
        return true
    }

    /// A link is no more, or has begun anew: what was on it is lost.
    func lose(at owner: ClusterAddress) {
        for request in requests.values where request.place == owner { request.lost() }
    }

    func stop() { for request in requests.values { request.lost() } }
}
