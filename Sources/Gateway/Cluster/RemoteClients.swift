import Chat
import Cluster
import EventLoop
import HTTP
import Strings
import WebSocket

/// The clients at other gateways whose users' sessions a shard has, or is said to have.
final class RemoteClients {
    /// Milliseconds after which a gateway is to ask again who has a session that is not here.
    static let retryAfter: UInt32 = 50

    private struct Key: Hashable {
        var other: ClusterAddress
        var number: UInt32
    }

    private unowned let relay: Relay
    private var clients: [Key: RemoteClient] = [:]
    private var requests: [Key: RemoteRequest] = [:]
    /// Answers what other gateways pass on; nil: it can't be yet, or not any more.
    var server: HTTPServer?

    init(_ relay: Relay) {
        self.relay = relay
    }

    var count: Int { clients.count }

    /// A link has begun: what was said on the one before is said again.
    func begin(with other: ClusterAddress) {
        for (key, client) in clients where key.other == other {
            clients[key] = nil
            client.vanish()
        }
        endRequests(with: other)
    }

    private func endRequests(with other: ClusterAddress) {
        for (key, request) in requests where key.other == other {
            requests[key] = nil
            request.leave()
        }
    }

    func end(with other: ClusterAddress) {
        for (key, client) in clients where key.other == other {
            clients[key] = nil
            client.leave()
        }
        endRequests(with: other)
    }

    func remove(request number: UInt32, of end: Links.End) { requests[Key(other: end.other, number: number)] = nil }

    func remove(_ client: RemoteClient) {
        clients[Key(other: client.end.other, number: client.number)] = nil
    }

    func stop() {
        for client in clients.values { client.leave() }
        clients = [:]
        for request in requests.values { request.leave() }
        requests = [:]
        server = nil
    }

    func take(_ frame: LinkFrame, _ end: Links.End) {
        switch frame {
        case .attach(let number, let attachment): attach(number, attachment, end)
        case .follow(let number, let thread, let cursor):
            guard let id = Identifier(thread) else { return }
            clients[Key(other: end.other, number: number)]?.follow(id, cursor)
        case .command(let number, let isLast, let bytes):
            let key = Key(other: end.other, number: number)
            if let request = requests[key] { return request.command(bytes) }
            clients[key]?.command(bytes, isLast: isLast)
        case .taken(let number, let total):
            let key = Key(other: end.other, number: number)
            if let request = requests[key] { return request.taken(total) }
            clients[key]?.taken(total)
        case .detach(let number):
            let key = Key(other: end.other, number: number)
            if let request = requests.removeValue(forKey: key) { return request.leave() }
            clients.removeValue(forKey: key)?.leave()
        case .output, .close, .refuse, .probe, .pulse, .reset: break
        }
    }

    private func attach(_ number: UInt32, _ attachment: LinkAttachment, _ end: Links.End) {
        let shard = relay.shard
        let key = Key(other: end.other, number: number)
        clients.removeValue(forKey: key)?.leave()
        let user = ExactString(attachment.userID)
        guard !shard.isFenced, shard.ownership.admits(attachment.userID),
            !shard.isDraining || shard.sessions[user]?.hasWork == true,
            clients.count + requests.count < shard.configuration.maximumSockets
        else { return relay.send(.refuse(socket: number, retryAfter: Self.retryAfter), to: end) }
        if attachment.isRequest { return answer(number, attachment, end) }
        let client = RemoteClient(number, end, attachment, relay)
        clients[key] = client
        // It is this gateway's, so this is answered at once.
        shard.ownership.claim(known: attachment.userID) { verdict in
            guard case .granted(let hold) = verdict else { return client.close(.serviceRestart, "the session moved") }
            shard.withSuspended(attachment.userID) { suspended in
                withExtendedLifetime(hold) { client.start(suspended: suspended) }
            }
        }
    }

    private func answer(_ number: UInt32, _ attachment: LinkAttachment, _ end: Links.End) {
        relay.shard.ownership.claim(known: attachment.userID) { [self] verdict in
            guard case .granted(let hold) = verdict, let server,
                let request = RemoteRequest(number, end, relay, hold, to: server)
            else { return relay.send(.refuse(socket: number, retryAfter: Self.retryAfter), to: end) }
            requests[Key(other: end.other, number: number)] = request
        }
    }
}
