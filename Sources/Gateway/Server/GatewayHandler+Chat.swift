import JSON
import Chat
import EventLoop
import HTTP
import HTTPTypes
import Postgres
import WebSocket

extension GatewayHandler {
    /// `GET /ws`: who is it, is it a handshake, and then to the user's shard.
    func openChat(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        guard let principal = admit(request, responder) else { return }
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
        guard isOpenToChats(responder) else { return }
        let agreement = SocketAgreement(
            speaksProtocol: acceptance.subprotocol != nil, deflate: acceptance.deflate)
        let head = acceptance.responseHead
        bringHome(request, principal, responder) {
            $0.upgrade(nil)
        } then: { shard, socket, opening, leftover in
            socket.write(head)
            shard.open(socket, opening, agreement, leftover: leftover)
        }
    }

    /// `GET /events`: the same for a socket that only speaks.
    func openStream(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        guard let principal = admit(request, responder) else { return }
        let cursor = request.headers["last-event-id"].flatMap { StreamCursor($0) }
        if request.method == .head {
            responder.respond(EventStream.head)
            return
        }
        // Who was here before may see to its end what still runs.
        guard cursor != nil && shard.isDraining && !shard.isFenced || isOpenToChats(responder) else { return }
        bringHome(request, principal, responder) {
            $0.surrenderStream(EventStream.head)
        } then: { shard, socket, opening, _ in
            shard.openStream(socket, opening, after: cursor)
        }
    }

    /// `POST /events/{id}`: what the client of a stream says.
    func receiveFrames(
        _ request: HTTPServerRequest, _ parameters: PathParameters, _ responder: HTTPResponder
    ) {
        guard let principal = authenticate(request, responder) else { return }
        let call = APICall(
            handler: self, principal: principal, request: request, parameters: parameters, responder: responder)
        let missing = APIFailure(.notFound, "There is no such stream.")
        let frames: Result<[JSON], APIFailure>
        do throws(APIFailure) {
            let type = request.headers["content-type"]
            let limit = shard.limits.messageBytes
            frames = .success(try RequestBody.frames(request.body, contentType: type, frameLimit: limit))
        } catch {
            frames = .failure(error)
        }
        guard let id = parameters["id"].flatMap({ Identifier($0) }), let home = siblings.home(of: principal.userID)
        else { return call.fail(missing) }
        let back = LoopBound(call, on: shard.loop)
        let userID = principal.userID
        home.loop.execute {
            let stream = home.value.stream(id, of: userID)
            var failure: APIFailure? = stream == nil ? missing : nil
            switch frames {
            case .success(let frames): stream?.received(frames)
            case .failure(let error):
                stream?.received(error)
                if stream != nil { failure = error }
            }
            back.loop.execute { [failure] in
                if let failure { return back.value.fail(failure) }
                back.value.responder.respond(
                    HTTPResponse(status: .accepted, headerFields: [.cacheControl: "no-store"]))
            }
        }
    }

    /// Who wants to open a socket, unless his address has opened too many; answers itself where he may not.
    private func admit(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> Principal? {
        // On a second try the handshake is the one that was counted.
        if !isSecondTry,
            let seconds = commons.addresses.handshake(
                from: countedAddress(address(of: request), of: request), at: shard.loop.now)
        {
            shard.metrics.limitReached(.handshakes)
            responder.respond(error: .rateLimited, "Too many connections from your address.", retryAfter: seconds)
            return nil
        }
        return authenticate(request, responder)
    }

    private func isOpenToChats(_ responder: HTTPResponder) -> Bool {
        guard !shard.isDraining else {
            responder.respond(error: .unavailable, "The gateway is about to stop.", retryAfter: 5)
            return false
        }
        guard !shard.isFenced else {
            responder.respond(error: .unavailable, "The gateway begins again.", retryAfter: 1)
            return false
        }
        return true
    }

    /// Takes a connection from its request to the shard of its user, where everything after it happens.
    private func bringHome(
        _ request: HTTPServerRequest, _ principal: Principal, _ responder: HTTPResponder,
        surrendering surrender: (HTTPResponder) -> HTTPUpgrade?,
        then open: @escaping @Sendable (Shard, Socket, ChatOpening, _ leftover: [UInt8]) -> Void
    ) {
        let client = address(of: request)
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
            principal: principal, origin: client.text, requestID: nextRequestID(), verifier: verifier)
        guard let upgrade = surrender(responder) else { return }
        let place = Places(connection: upgrade.socket.place, client: forwardedPlace)
        upgrade.socket.place = place
        let leftover = upgrade.leftover
        guard let home = siblings.home(of: principal.userID), home.loop !== shard.loop else {
            open(shard, upgrade.socket, opening, leftover)
            return
        }
        // The user lives on another shard: the connection moves there.
        guard let detached = upgrade.socket.detach() else { return }
        home.loop.execute {
            guard let socket = try? Socket(attaching: detached, on: home.loop) else { return }
            socket.place = place
            open(home.value, socket, opening, leftover)
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
