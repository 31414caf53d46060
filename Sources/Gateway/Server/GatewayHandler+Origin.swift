import HTTP
import Logging
import Synchronization

/// Where a request is from: which client's address it counts for, which page has sent it, and whether it is this
/// machine's own.
extension GatewayHandler {
    func address(of request: HTTPServerRequest) -> ClientAddress {
        if isRelayed {
            return ClientAddress(
                peer: RelayedRequest.clientName.flatMap { request.headers[$0] } ?? "", forwarded: [], trusted: [])
        }
        return ClientAddress(
            peer: request.peerAddress, forwarded: request.headers.values("x-forwarded-for"),
            trusted: shard.configuration.trustedProxies)
    }

    /// The client's address as text, for the audit trail.
    func origin(of request: HTTPServerRequest) -> String {
        address(of: request).text
    }

    /// The address that rates are counted for; `nil`: they are not counted, because it is this machine that asks.
    func countedAddress(_ client: ClientAddress, of request: HTTPServerRequest) -> IPAddress? {
        guard let address = client.address, address.isLoopback else { return client.address }
        return isThisMachine(request) ? nil : address
    }

    /// Whether somebody on this machine asks, and not a proxy on it for somebody else: nothing shows a proxy, and the
    /// name that was asked for is the machine's own. HTTP/1.0 is what proxies of the nginx kind speak when they are told
    /// nothing else, and nobody else does.
    ///
    /// It can't tell a proxy that hides all of this; so secrets are not kept by this alone.
    func isThisMachine(_ request: HTTPServerRequest) -> Bool {
        guard IPAddress(request.peerAddress)?.isLoopback == true, request.version != .http10,
            let host = request.headers["host"].flatMap({ Authority($0) }), host.isThisMachine,
            let authority = request.head.authority.flatMap({ Authority($0) }), authority.isThisMachine
        else { return false }
        // nginx with the usual lines for WebSocket announces an upgrade to nothing.
        if request.headers.hasToken("upgrade", in: "connection"), !request.headers.contains("upgrade") { return false }
        return !ProxyTrace.isShown(by: request.headers)
    }

    /// Whether the page that sends it may use the gateway.
    func judgeOrigin(of request: HTTPServerRequest) -> OriginRules.Verdict {
        guard let origin = request.headers["origin"] else { return .absent }
        guard !isRelayed else { return .allowed }
        var own: [Authority] = []
        if let host = request.head.authority.flatMap({ Authority($0) }) { own.append(host) }
        var isEncrypted = !shard.configuration.certificates.isEmpty
        let client = address(of: request)
        if let name = client.entry(of: request.headers.values("x-forwarded-host")), let host = Authority(name) {
            own.append(host)
        }
        // nginx's `$host` lacks the port.
        if let port = client.entry(of: request.headers.values("x-forwarded-port")).flatMap({ UInt16($0) }) {
            own += own.filter { $0.port == nil }.map { Authority(host: $0.host, port: port) }
        }
        if let scheme = client.entry(of: request.headers.values("x-forwarded-proto")) {
            isEncrypted = isEncrypted || ["https", "wss"].contains(scheme.lowercased())
        }
        return origins.judge(origin: origin, own: own, isEncrypted: isEncrypted)
    }

    /// Says once of a proxy that is not made known what that means: all who come through it count as one address.
    func noticeProxy(_ request: HTTPServerRequest) {
        guard !isRelayed, ProxyTrace.namesClient(request.headers), let peer = IPAddress(request.peerAddress),
            !shard.configuration.trustedProxies.contains(where: { $0.contains(peer) }), commons.proxies.isNew(peer)
        else { return }
        shard.logger.warning(
            "a proxy that TRUSTED_PROXIES does not name: its X-Forwarded-For is not read, all its clients count as one",
            metadata: ["proxy": "\(request.peerAddress)"])
    }
}

/// The proxies that were noticed though nobody has made them known. From any thread.
final class UndeclaredProxies: Sendable {
    /// So many are named in the log: a stranger who plays a proxy must not fill it.
    private static let capacity = 8

    private let seen = Mutex<Set<IPAddress>>([])
    private let isFull = Atomic(false)

    /// Whether it is to be named now.
    func isNew(_ address: IPAddress) -> Bool {
        guard !isFull.load(ordering: .relaxed) else { return false }
        return seen.withLock { seen in
            guard seen.count < Self.capacity, seen.insert(address.block).inserted else { return false }
            if seen.count == Self.capacity { isFull.store(true, ordering: .relaxed) }
            return true
        }
    }
}
