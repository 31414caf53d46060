import JSON
import EventLoop
import Foundation
import HTTP
import HTTPTypes
import Logging
import Store
import Tracing
import WebSocket

/// The requests of one loop: who is asking, and who answers.
final class GatewayHandler: HTTPHandler {
    /// What a route needs of the request to be answered.
    typealias Action = @Sendable (GatewayHandler, HTTPServerRequest, PathParameters, HTTPResponder) -> Void

    let shard: Shard
    let siblings: ShardDirectory
    let commons: GatewayCommons
    let origins: OriginRules
    private let router: Router<Endpoint>
    private let files: StaticFiles?
    private let headers: ResponseHeaders
    /// The request is tried again after new keys were asked for: it does not wait a second time.
    var isSecondTry = false
    private var requests: UInt64 = 0
    /// `/openapi.json`
    let description: [UInt8]

    /// What it is asked, other gateways were: they have checked where it comes from, and what it says of its client is
    /// true. It passes nothing on.
    let isRelayed: Bool

    init(
        shard: Shard, siblings: ShardDirectory, commons: GatewayCommons, files: StaticFiles?, isRelayed: Bool = false
    ) {
        self.isRelayed = isRelayed
        self.shard = shard
        self.siblings = siblings
        self.commons = commons
        self.files = files
        origins = OriginRules(allowed: shard.configuration.allowedOrigins)
        headers = ResponseHeaders(
            origins: origins, cookieName: shard.configuration.cookieName,
            isEncrypted: !shard.configuration.certificates.isEmpty)
        router = Routes.make(isDevelopment: shard.configuration.isDevelopment)
        description = Array(OpenAPIDocument.make(router.routes.map(\.handler)).description.utf8)
        // A request is handled where it comes in; what its user writes by socket, another shard's store has written.
        shard.chatStore.knowsWrites = { [loop = shard.loop] in siblings.home(of: $0)?.loop === loop }
    }

    var verifier: TokenVerifier { commons.verifier }

    func finish(_ response: inout HTTPResponse, for head: HTTPRequestHead?) {
        // Counted and told by the gateway that was asked.
        guard !isRelayed else { return }
        headers.apply(to: &response, for: head)
        shard.metrics.responded(response.status.code)
        let id = nextRequestID()
        if let name = Self.requestIDName { response.headerFields[name] = id }
        log(response.status.code, head, id)
    }

    private static let requestIDName = HTTPField.Name("X-Request-Id")

    /// Names an answer, in its head and in the log.
    func nextRequestID() -> String {
        requests &+= 1
        return "\(shard.epoch)-\(shard.index)-\(String(requests, radix: 36))"
    }

    /// The path only: a query may hold what a client should not have put there.
    private func log(_ status: Int, _ head: HTTPRequestHead?, _ id: String) {
        let level: Logger.Level = status >= 500 && status != 503 ? .warning : .debug
        guard level >= shard.logger.logLevel else { return }
        var metadata: Logger.Metadata = ["request": "\(id)", "status": "\(status)"]
        if let head {
            metadata["method"] = "\(head.method.rawValue)"
            metadata["path"] = "\(head.rawPath)"
        }
        shard.logger.log(level: level, "answered", metadata: metadata)
    }

    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        if shard.isDraining, !isRelayed, !Self.isAnsweredToTheEnd(request) {
            refuseWhileStopping(responder)
            return
        }
        switch router.match(request.method, request.segments) {
        case .found(let endpoint, let parameters):
            if let tracer = commons.tracer { trace(request, endpoint, responder, tracer) }
            endpoint.action(self, request, parameters, responder)
        case .methodNotAllowed(let allow):
            responder.respond(
                HTTPResponse(
                    status: .methodNotAllowed, headerFields: [.allow: allow, .contentType: "application/json"]),
                body: APIErrorBody.json(.invalidOp, "This method is not possible here."))
        case .options(let allow):
            responder.respond(headers.options(allow: allow, request))
        case .notFound where request.method == .options:
            // Balancers ask so whether somebody is there, for `*` too; and what a page asks before its request must not
            // hide from it that there is nothing.
            let isFile = files != nil && !Routes.isReserved(request.segments)
            let isAll = request.rawPath == "*"
            let allow = isAll ? "GET, HEAD, POST, PATCH, DELETE, OPTIONS" : isFile ? "GET, HEAD, OPTIONS" : "OPTIONS"
            responder.respond(headers.options(allow: allow, request))
        case .notFound:
            if let files, !Routes.isReserved(request.segments) {
                files.respond(to: request, responder, on: shard.loop)
            } else {
                responder.respond(error: .notFound, "There is nothing here.")
            }
        }
    }

    /// A request that another gateway was to answer, and has not.
    func handleAgain(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        isSecondTry = true
        defer { isSecondTry = false }
        handle(request, responder)
    }

    /// Named by its route: what stands in its place may be anybody's.
    private func trace(
        _ request: HTTPServerRequest, _ endpoint: Endpoint, _ responder: HTTPResponder, _ tracer: Tracer
    ) {
        // A second try is the same request; and who looks whether somebody is there looks often.
        guard responder.trace == nil, !["/healthz", "/readyz", "/metrics"].contains(endpoint.pattern) else { return }
        var parent = request.headers["traceparent"].flatMap { TraceContext(traceparent: $0) }
        parent?.state = request.headers["tracestate"].flatMap { TraceContext.state($0) }
        let span = tracer.start("\(endpoint.methodName) \(endpoint.pattern)", .server, parent: parent)
        span.set("http.request.method", .text(endpoint.methodName))
        span.set("http.route", .text(endpoint.pattern))
        responder.trace = span
    }

    func respond(json body: [UInt8], status: HTTPResponse.Status = .ok, _ responder: HTTPResponder) {
        responder.respond(
            HTTPResponse(
                status: status,
                headerFields: [
                    .contentType: "application/json", .cacheControl: "no-store",
                ]), body: body)
    }
}
