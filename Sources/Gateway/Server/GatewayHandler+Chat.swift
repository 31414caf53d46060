import Chat
import EventLoop
import HTTP
import HTTPTypes
import Postgres
import WebSocket

extension GatewayHandler {
    /// `GET /ws`: who is it, is it a handshake, and then to the user's shard.
    func openChat(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
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
        let opening = ChatOpening(
            principal: principal, speaksProtocol: acceptance.subprotocol != nil, deflate: acceptance.deflate,
            verifier: verifier)
        guard let upgrade = responder.upgrade(nil) else { return }
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

    /// Whether a turn of any user would be taken now: the gateway is not about to stop, and on every shard the
    /// database answers.
    func readiness(_ responder: HTTPResponder) {
        if shard.isDraining {
            respond(json: Array(#"{"status":"draining"}"#.utf8), status: .serviceUnavailable, responder)
            return
        }
        ask(siblings.all[...], LoopBound(responder, on: shard.loop))
    }

    private func ask(_ shards: ArraySlice<LoopBound<Shard>>, _ responder: LoopBound<HTTPResponder>) {
        let here = LoopBound(self, on: shard.loop)
        Self.ask(shards) { isAvailable in
            here.loop.execute {
                let handler = here.value
                if isAvailable {
                    handler.respond(json: Array(#"{"status":"ready"}"#.utf8), responder.value)
                } else {
                    handler.respond(
                        json: Array(#"{"status":"database away"}"#.utf8), status: .serviceUnavailable, responder.value)
                }
            }
        }
    }

    /// One shard after the other, each on its own loop.
    private static func ask(
        _ shards: ArraySlice<LoopBound<Shard>>, _ answer: @escaping @Sendable (_ isAvailable: Bool) -> Void
    ) {
        guard let next = shards.first else {
            answer(true)
            return
        }
        next.loop.execute {
            if next.value.pool.isAvailable { ask(shards.dropFirst(), answer) } else { answer(false) }
        }
    }
}
