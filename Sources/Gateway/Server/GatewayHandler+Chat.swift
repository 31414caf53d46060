import JSON
import Chat
import Cluster
import EventLoop
import HTTP
import HTTPTypes
import Postgres
import Tracing
import Store
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
        var passage = Passage {
            $0.upgrade(nil)
        } open: { shard, socket, opening, leftover in
            socket.write(head)
            shard.open(socket, opening, agreement, leftover: leftover)
        }
        passage.openAway = { shard, socket, opening, leftover, owner in
            socket.write(head)
            shard.open(socket, opening, agreement, leftover: leftover, at: owner)
        }
        bringHome(request, principal, responder, passage)
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
        guard cursor != nil && (shard.isDraining || isRelayed) && !shard.isFenced || isOpenToChats(responder) else {
            return
        }
        let passage = Passage {
            $0.surrenderStream(EventStream.head)
        } open: { shard, socket, opening, _ in
            shard.openStream(socket, opening, after: cursor)
        }
        bringHome(request, principal, responder, passage)
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
            if stream == nil, home.value.relay != nil {
                // It may be where the session is.
                return home.value.ownership.claim(known: userID) { verdict in
                    back.loop.execute {
                        if case .elsewhere(let owner) = verdict, back.value.passOn(to: owner) { return }
                        back.value.fail(missing)
                    }
                }
            }
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
        if !isSecondTry, !isRelayed,
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

    /// Characters of what a client calls itself that are kept.
    private static let userAgentLength = 200

    /// How a connection of a request becomes a socket: what takes it from HTTP, and what is done with it on the shard of
    /// its user.
    private struct Passage {
        var surrender: (HTTPResponder) -> HTTPUpgrade?
        var open: @Sendable (Shard, Socket, ChatOpening, _ leftover: [UInt8]) -> Void
        /// The same where another gateway has the session; nil: then it is not possible.
        var openAway: (@Sendable (Shard, Socket, ChatOpening, _ leftover: [UInt8], ClusterAddress) -> Void)?
    }

    /// Claims the user's session for this gateway, and then takes the connection from its request to the shard of its
    /// user, where everything after it happens.
    private func bringHome(
        _ request: HTTPServerRequest, _ principal: Principal, _ responder: HTTPResponder, _ passage: Passage
    ) {
        let client = address(of: request)
        let opening = ChatOpening(
            principal: principal, origin: client.text,
            userAgent: request.headers["user-agent"].map { String($0.prefix(Self.userAgentLength)) },
            requestID: nextRequestID(), verifier: verifier,
            trace: responder.trace?.context)
        let user = UserRecord(id: principal.userID, email: principal.email, name: principal.name)
        guard let home = siblings.home(of: user.id), home.loop !== shard.loop else {
            shard.ownership.claim(user) { [self] in pass($0, request, opening, client, to: nil, passage, responder) }
            return
        }
        let here = LoopBound((handler: self, passage: passage, responder: responder), on: shard.loop)
        home.loop.execute {
            home.value.ownership.claim(user) { verdict in
                here.loop.execute {
                    let (handler, passage, responder) = here.value
                    handler.pass(verdict, request, opening, client, to: home, passage, responder)
                }
            }
        }
    }

    /// The user's session is this gateway's, or not: then the client is told to come again, or to another one.
    ///
    /// - Parameter home: the shard that the connection moves to; nil: this one.
    private func pass(
        _ verdict: Ownership.Verdict, _ request: HTTPServerRequest, _ opening: ChatOpening, _ client: ClientAddress,
        to home: LoopBound<Shard>?,
        _ passage: Passage, _ responder: HTTPResponder
    ) {
        let hold: OwnerHold?
        let open: @Sendable (Shard, Socket, ChatOpening, _ leftover: [UInt8]) -> Void
        switch (verdict, passage.openAway) {
        case (.granted(let granted), _): (hold, open) = (granted, passage.open)
        case (.elsewhere(let owner), let openAway?):
            (hold, open) = (nil, { openAway($0, $1, $2, $3, owner) })
        default:
            if case .elsewhere(let owner) = verdict,
                EdgeRequest.start(self, request, responder, of: opening.principal.userID, to: owner)
            {
                return
            }
            let refusal = APICall.elsewhere(verdict)
            responder.respond(error: .unavailable, refusal.message, retryAfter: refusal.retryAfter)
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
        guard let upgrade = passage.surrender(responder) else { return }
        let place = Places(connection: upgrade.socket.place, client: forwardedPlace)
        upgrade.socket.place = place
        let leftover = upgrade.leftover
        guard let home else {
            withExtendedLifetime(hold) { open(shard, upgrade.socket, opening, leftover) }
            return
        }
        // The user lives on another shard: the connection moves there.
        guard let detached = upgrade.socket.detach() else { return }
        home.loop.execute {
            guard let socket = try? Socket(attaching: detached, on: home.loop) else { return }
            socket.place = place
            withExtendedLifetime(hold) { open(home.value, socket, opening, leftover) }
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
