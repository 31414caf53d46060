import Chat
import EventLoop
import HTTP
import HTTPTypes
import Postgres
import WebSocket

extension GatewayHandler {
    /// `GET /ws`: who is it, is it a handshake, and then to the user's shard.
    func openChat(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        let client = address(of: request)
        // On a second try the handshake is the one that was counted.
        if !isSecondTry,
            let seconds = commons.addresses.handshake(
                from: countedAddress(client, of: request), at: shard.loop.now)
        {
            shard.metrics.limitReached(.handshakes)
            responder.respond(error: .rateLimited, "Too many connections from your address.", retryAfter: seconds)
            return
        }
        guard let principal = authenticate(request, responder) else { return }
        let outcome = Handshake.respond(
            method: request.method.rawValue, version: (major: 1, minor: request.version == .http10 ? 0 : 1),
            options: siblings.handshake
        ) { request.headers.values($0) }
        let acceptance: Handshake.Acceptance
        switch outcome {
        case .accept(let accepted):
            acceptance = accepted
        case .reject(let rejection):
            reject(rejection, responder)
            return
        }
        guard !shard.isDraining else {
            responder.respond(error: .unavailable, "The gateway is about to stop.", retryAfter: 5)
            return
        }
        guard !shard.isFenced else {
            responder.respond(error: .unavailable, "The gateway begins again.", retryAfter: 1)
            return
        }
        var forwardedPlace: ConnectionLimiter.Place?
        if client.isBehindProxy, let address = client.address {
            forwardedPlace = siblings.forwarded.admit(NetworkAddress(high: address.high, low: address.low))
            guard forwardedPlace != nil else {
                shard.metrics.limitReached(.sockets)
                responder.respond(error: .unavailable, "There are too many connections.", retryAfter: 5)
                return
            }
        }
        let opening = ChatOpening(
            principal: principal, origin: client.text, requestID: nextRequestID(),
            speaksProtocol: acceptance.subprotocol != nil, deflate: acceptance.deflate,
            verifier: verifier)
        guard let upgrade = responder.upgrade(nil) else { return }
        upgrade.socket.place = Places(connection: upgrade.socket.place, client: forwardedPlace)
        let head = acceptance.responseHead
        guard let home = siblings.home(of: principal.userID), home.loop !== shard.loop else {
            upgrade.socket.write(head)
            shard.open(upgrade.socket, opening, leftover: upgrade.leftover)
            return
        }
        // The user lives on another shard: the connection moves there, and everything after it happens there.
        let place = upgrade.socket.place
        guard let detached = upgrade.socket.detach() else { return }
        let leftover = upgrade.leftover
        home.loop.execute {
            guard let socket = try? Socket(attaching: detached, on: home.loop) else { return }
            socket.place = place
            socket.write(head)
            home.value.open(socket, opening, leftover: leftover)
        }
    }

    private func reject(_ rejection: Handshake.Rejection, _ responder: HTTPResponder) {
        var response = HTTPResponse(
            status: .init(code: rejection.status), headerFields: [.contentType: "application/json"])
        for header in rejection.headers {
            // `Connection` is the connection's own to say.
            guard let name = HTTPField.Name(header.name), name != .connection else { continue }
            response.headerFields[name] = header.value
        }
        responder.respond(response, body: APIErrorBody.json(.invalidField, rejection.message))
    }
}

/// The places of a socket: the connection's own, and its client's behind a proxy.
private final class Places: Sendable {
    private let connection: (any AnyObject & Sendable)?
    private let client: ConnectionLimiter.Place?

    init(connection: (any AnyObject & Sendable)?, client: ConnectionLimiter.Place?) {
        self.connection = connection
        self.client = client
    }
}
