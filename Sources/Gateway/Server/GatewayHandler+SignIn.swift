import JSON
import CoreMetrics
import EventLoop
import HTTP
import HTTPTypes
import Store

extension GatewayHandler {
    /// Who is asking; answers itself where that is nobody, somebody who has tried too often, or a page of a strange
    /// origin.
    ///
    /// To be called while the request is handled, not later. A token that new keys may make a good one makes them be
    /// asked for: then nobody is answered now, and the whole request is handled once more when they have come.
    func authenticate(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> Principal? {
        noticeProxy(request)
        let verdict = judgeOrigin(of: request)
        guard verdict != .refused else {
            refuse(request, .origin)
            responder.respond(error: .forbidden, "This origin is not allowed.")
            return nil
        }
        let credentials = Credential.find(in: request.headers, cookieName: shard.configuration.cookieName)
        // A browser sends the cookie whoever's page asks: only an origin that is known to be ours will do.
        if credentials.first?.source == .cookie, verdict != .allowed {
            refuse(request, .origin)
            responder.respond(error: .forbidden, "A cookie is accepted from an allowed origin only.")
            return nil
        }
        let now = Double(wallClockMicroseconds()) / 1_000_000
        var failure = TokenError.missing
        for credential in credentials {
            do throws(TokenError) {
                return try verifier.verify(credential.token, now: now)
            } catch {
                // Of several cookies the first says what is wrong, unless another one may still turn out to be good.
                if failure == .missing || (error.dependsOnKeys && !failure.dependsOnKeys) { failure = error }
            }
        }
        guard failure.dependsOnKeys else {
            answer(failure, request, responder)
            return nil
        }
        switch askForKeys(request, responder) {
        case .wait: break
        case .refuse: answer(failure, request, responder)
        case .undecided(let seconds):
            shard.metrics.undecidedSignIns.increment()
            responder.respond(
                error: .unavailable, "The keys that tokens are checked with can't be had at the moment.",
                retryAfter: seconds)
        }
        return nil
    }

    /// 401, or 429 for an address from which too many have come with tokens that were never good. One failure is
    /// counted, however many cookies were tried.
    private func answer(_ error: TokenError, _ request: HTTPServerRequest, _ responder: HTTPResponder) {
        if error.isUnproven {
            let address = countedAddress(address(of: request), of: request)
            if let seconds = commons.addresses.signIn(from: address, at: shard.loop.now) {
                shard.metrics.limitReached(.failedSignIns)
                responder.respond(
                    error: .rateLimited, "Too many failed sign-ins from your address.", retryAfter: seconds)
                return
            }
            commons.addresses.signInFailed(from: address, at: shard.loop.now)
        }
        // Pages ask before they have a token: that is no event.
        if error != .missing { refuse(request, SignInOutcome(error)) } else { shard.metrics.signIn(.missing) }
        var response = HTTPResponse(
            status: .unauthorized, headerFields: [.contentType: "application/json", .cacheControl: "no-store"])
        // RFC 6750 section 3: a request without a token is told of no error.
        response.headerFields[.wwwAuthenticate] = error == .missing ? "Bearer" : "Bearer error=\"invalid_token\""
        responder.respond(response, body: APIErrorBody.json(.unauthenticated, error.message))
    }

    /// A token that was taken is an entry of the audit trail, once.
    func noteSignIn(of principal: Principal, _ request: HTTPServerRequest) {
        guard !isRelayed, !isSecondTry else { return }
        let origin = origin(of: request)
        guard commons.signIns.isNew(principal, from: origin, at: shard.loop.now) else { return }
        shard.audit.record(.signIn, by: principal.userID, from: origin, allowed: true, detail: ["by": "http"])
    }

    private func refuse(_ request: HTTPServerRequest, _ outcome: SignInOutcome) {
        shard.metrics.signIn(outcome)
        shard.audit.record(
            .refused, by: "(unknown)", from: origin(of: request), allowed: false,
            detail: ["reason": .string(outcome.rawValue)])
    }

    /// Once for a request: when it is handled again, what is known then decides.
    private func askForKeys(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> KeyRefreshMachine.Answer {
        guard let keySet = verifier.keySet else { return .refuse }
        if isSecondTry { return keySet.standing }
        let waiting = LoopBound((handler: self, request: request, responder: responder), on: shard.loop)
        return keySet.refresh {
            waiting.loop.execute {
                let (handler, request, responder) = waiting.value
                handler.isSecondTry = true
                defer { handler.isSecondTry = false }
                handler.handle(request, responder)
            }
        }
    }
}

extension SignInOutcome {
    init(_ error: TokenError) {
        self = SignInOutcome(rawValue: error.reason) ?? .malformed
    }
}
