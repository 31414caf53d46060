import Chat
import EventLoop
import Foundation
import HTTP
import HTTPTypes
import WebSocket

/// The requests of one loop: who is asking, and who answers.
final class GatewayHandler: HTTPHandler {
    /// What a route needs of the request to be answered.
    typealias Action = @Sendable (GatewayHandler, HTTPServerRequest, PathParameters, HTTPResponder) -> Void

    let shard: Shard
    let siblings: ShardDirectory
    let verifier: TokenVerifier
    let origins: OriginRules
    private let router: Router<Action>
    private let files: StaticFiles?

    init(shard: Shard, siblings: ShardDirectory, verifier: TokenVerifier, files: StaticFiles?) {
        self.shard = shard
        self.siblings = siblings
        self.verifier = verifier
        self.files = files
        origins = OriginRules(allowed: shard.configuration.allowedOrigins)
        router = Routes.make(isDevelopment: shard.configuration.isDevelopment)
    }

    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        switch router.match(request.method, request.segments) {
        case .found(let action, let parameters):
            action(self, request, parameters, responder)
        case .methodNotAllowed(let allow):
            responder.respond(
                HTTPResponse(
                    status: .methodNotAllowed, headerFields: [.allow: allow, .contentType: "application/json"]),
                body: APIErrorBody.json(.invalidOp, "This method is not possible here."))
        case .options(let allow):
            responder.respond(HTTPResponse(status: .noContent, headerFields: [.allow: allow]))
        case .notFound:
            if let files, !Routes.isReserved(request.segments) {
                files.respond(to: request, responder, on: shard.loop)
            } else {
                responder.respond(error: .notFound, "There is nothing here.")
            }
        }
    }

    /// Who is asking; answers itself where that is nobody or a page of a strange origin.
    func authenticate(_ request: HTTPServerRequest, _ responder: HTTPResponder) -> Principal? {
        let verdict = origins.judge(origin: request.headers["origin"], host: request.headers["host"])
        guard verdict != .refused else {
            responder.respond(error: .forbidden, "This origin is not allowed.")
            return nil
        }
        let found = Credential.find(in: request.headers, cookieName: shard.configuration.cookieName)
        do {
            guard let (token, source) = found else { throw TokenError.missing }
            // A browser sends the cookie whoever's page asks: only an origin that is known to be ours will do.
            if source == .cookie, verdict != .allowed {
                responder.respond(error: .forbidden, "A cookie is accepted from an allowed origin only.")
                return nil
            }
            return try verifier.verify(token, now: Double(wallClockMicroseconds()) / 1_000_000)
        } catch {
            let reason = (error as? TokenError) ?? .malformed
            var response = HTTPResponse(
                status: .unauthorized, headerFields: [.contentType: "application/json", .cacheControl: "no-store"])
            response.headerFields[.wwwAuthenticate] = "Bearer"
            responder.respond(response, body: APIErrorBody.json(.unauthenticated, reason.message))
            return nil
        }
    }

    func respond(json body: [UInt8], status: HTTPResponse.Status = .ok, _ responder: HTTPResponder) {
        responder.respond(
            HTTPResponse(
                status: status,
                headerFields: [
                    .contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
                ]), body: body)
    }
}

/// The table of routes.
enum Routes {
    static func make(isDevelopment: Bool) -> Router<GatewayHandler.Action> {
        var router = Router<GatewayHandler.Action>()
        router.on(.get, "/ws") { $0.openChat($1, $3) }
        router.on(.get, "/healthz") { handler, _, _, responder in
            handler.respond(json: Array(#"{"status":"ok"}"#.utf8), responder)
        }
        router.on(.get, "/readyz") { handler, _, _, responder in handler.readiness(responder) }
        router.on(.get, "/api/users/{user_id}/conversations") { $0.listConversations($1, $2, $3) }
        router.on(.get, "/api/conversations/{id}/messages") { $0.listMessages($1, $2, $3) }
        if isDevelopment { router.on(.post, "/dev/token") { $0.makeToken($1, $3) } }
        return router
    }

    /// Paths that are never files.
    static func isReserved(_ segments: [String]) -> Bool {
        guard let first = segments.first else { return false }
        return ["api", "dev", "ws", "healthz", "readyz", "metrics", "agui", "openapi.json"].contains(first)
    }
}
