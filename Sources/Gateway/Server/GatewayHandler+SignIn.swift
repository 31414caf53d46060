import JSON
import EventLoop
import HTTP
import HTTPTypes
import Store

extension GatewayHandler {
    /// Who is asking; answers itself where that is nobody, somebody who has tried too often, or a page of a strange
    /// origin.
    ///
    /// To be called while the request is handled, not later. A token whose key is not known yet makes new keys be asked
    /// for: then nobody is answered now, and the whole request is handled once more when they have come.
    func authenticate(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> Principal? {
        let verdict = origins.judge(origin: request.headers["origin"], host: request.headers["host"])
        guard verdict != .refused else {
            refuse(request, .origin)
            responder.respond(error: .forbidden, "This origin is not allowed.")
            return nil
        }
        let found = Credential.find(in: request.headers, cookieName: shard.configuration.cookieName)
        do throws(TokenError) {
            guard let (token, source) = found else { throw .missing }
            // A browser sends the cookie whoever's page asks: only an origin that is known to be ours will do.
            if source == .cookie, verdict != .allowed {
                refuse(request, .origin)
                responder.respond(error: .forbidden, "A cookie is accepted from an allowed origin only.")
                return nil
            }
            if let seconds = commons.addresses.signIn(from: clientAddress(of: request), at: shard.loop.now) {
                shard.metrics.limitReached(.failedSignIns)
                responder.respond(
                    error: .rateLimited, "Too many failed sign-ins from your address.", retryAfter: seconds)
                return nil
            }
            return try verifier.verify(token, now: Double(wallClockMicroseconds()) / 1_000_000)
        } catch {
            if error == .unknownKey, !isSecondTry, waitForKeys(request, responder) { return nil }
            answer(error, request, responder)
            return nil
        }
    }

    private func answer(_ error: TokenError, _ request: HTTPServerRequest, _ responder: HTTPResponder) {
        if error.isUnproven { commons.addresses.signInFailed(from: clientAddress(of: request), at: shard.loop.now) }
        // Pages ask before they have a token: that is no event.
        if error != .missing { refuse(request, SignInOutcome(error)) } else { shard.metrics.signIn(.missing) }
        var response = HTTPResponse(
            status: .unauthorized, headerFields: [.contentType: "application/json", .cacheControl: "no-store"])
        // RFC 6750 section 3: a request without a token is told of no error.
        response.headerFields[.wwwAuthenticate] = error == .missing ? "Bearer" : "Bearer error=\"invalid_token\""
        responder.respond(response, body: APIErrorBody.json(.unauthenticated, error.message))
    }

    private func refuse(_ request: HTTPServerRequest, _ outcome: SignInOutcome) {
        shard.metrics.signIn(outcome)
        shard.audit.record(
            .refused, by: "(unknown)", from: origin(of: request), allowed: false,
            detail: ["reason": .string(outcome.rawValue)])
    }

    /// - Returns: `false` when no new keys are to be had now.
    private func waitForKeys(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> Bool {
        let waiting = LoopBound((handler: self, request: request, responder: responder), on: shard.loop)
        return verifier.keySet?.refreshForUnknownKey {
            waiting.loop.execute {
                let (handler, request, responder) = waiting.value
                handler.isSecondTry = true
                defer { handler.isSecondTry = false }
                handler.handle(request, responder)
            }
        } ?? false
    }

    // MARK: Where from

    func address(of request: HTTPServerRequest) -> ClientAddress {
        ClientAddress(
            peer: request.peerAddress, forwarded: request.headers.values("x-forwarded-for"),
            trusted: shard.configuration.trustedProxies)
    }

    private func clientAddress(of request: HTTPServerRequest) -> IPAddress? {
        address(of: request).address
    }

    /// The client's address as text, for the audit trail.
    func origin(of request: HTTPServerRequest) -> String {
        address(of: request).text
    }
}

extension SignInOutcome {
    init(_ error: TokenError) {
        self = SignInOutcome(rawValue: error.reason) ?? .malformed
    }
}
