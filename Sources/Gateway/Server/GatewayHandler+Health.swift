import EventLoop
import Foundation
import HTTP
import HTTPTypes
import Postgres

/// What those who watch the gateway ask: is it alive, does it take turns, what has it counted.
extension GatewayHandler {
    /// Whether a turn of any user would be taken now: the gateway is not about to stop, on every shard the database
    /// takes writes, its schema is the right one and may be used, and somebody could sign in. 503 says what is wrong.
    /// Told by what was last seen, at once: nothing is asked, and nobody connected to.
    func readiness(_ responder: HTTPResponder) {
        if shard.isDraining {
            respond(readiness: ["draining"], responder)
            return
        }
        let asking = LoopBound((handler: self, responder: responder), on: shard.loop)
        let hasNoKeys = verifier.keySet?.isEmpty ?? false
        Self.visit(siblings.all[...], { $0.pool.problem() }) { [commons] problem in
            asking.loop.execute {
                var problems: [String] = []
                if let problem {
                    problems.append(Self.reason(problem))
                } else if !asking.value.handler.shard.holdsLease {
                    problems.append("no sign of life stored")
                } else if let problem = commons.schema.problem {
                    problems.append(problem.rawValue)
                }
                if hasNoKeys { problems.append("no key to check tokens with") }
                asking.value.handler.respond(readiness: problems, asking.value.responder)
            }
        }
    }

    private static func reason(_ problem: PoolProblem) -> String {
        switch problem {
        case .away: "database away"
        case .readOnly: "database read-only"
        case .lacksMeans: "database out of resources"
        case .silent: "database silent"
        }
    }

    /// What those who watch the gateway ask, and what a browser asks before it asks anything, are answered also while it
    /// stops.
    static func isAnsweredToTheEnd(_ request: HTTPServerRequest) -> Bool {
        if request.method == .options { return true }
        // An event stream goes on to the end of what runs, as a socket does; a new one is another gateway's.
        if request.segments.first == "events" {
            return request.method == .post || request.headers.contains("last-event-id")
        }
        guard request.segments.count == 1, let name = request.segments.first else { return false }
        return ["healthz", "readyz", "metrics"].contains(name)
    }

    /// A stop is under way: whoever asked is to ask another gateway, on a new connection.
    func refuseWhileStopping(_ responder: HTTPResponder) {
        responder.respond(
            HTTPResponse(
                status: .serviceUnavailable,
                headerFields: [
                    .contentType: "application/json", .cacheControl: "no-store", .connection: "close",
                    .retryAfter: "\(ChatPeer.reconnectAfter)",
                ]), body: APIErrorBody.json(.unavailable, "The gateway is about to stop."))
    }

    private func respond(readiness problems: [String], _ responder: HTTPResponder) {
        guard !problems.isEmpty else {
            respond(json: Array(#"{"status":"ready"}"#.utf8), responder)
            return
        }
        let reasons = problems.map { "\"\($0)\"" }.joined(separator: ",")
        respond(
            json: Array("{\"status\":\"\(problems[0])\",\"reasons\":[\(reasons)]}".utf8), status: .serviceUnavailable,
            responder)
    }

    /// `GET /metrics`: with `METRICS_TOKEN` for who has it, else for this machine, and not for what a proxy on this
    /// machine passes on, as far as that shows.
    func showMetrics(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        let token = shard.configuration.metricsToken
        let isAllowed: Bool
        if token.isEmpty {
            isAllowed = isThisMachine(request)
        } else {
            let found = Credential.find(in: request.headers, cookieName: nil)
            isAllowed = found.first.map { Self.isEqual($0.token, token) } ?? false
        }
        guard isAllowed else {
            responder.respond(error: .forbidden, "The figures are not for you.")
            return
        }
        let asking = LoopBound((handler: self, responder: responder), on: shard.loop)
        let registry = commons.metrics
        Self.visit(
            siblings.all[...],
            { shard -> Never? in
                shard.collect()
                return nil
            }
        ) { _ in
            asking.loop.execute {
                var type = HTTPResponse(status: .ok, headerFields: [.cacheControl: "no-store"])
                type.headerFields[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
                asking.value.responder.respond(type, body: registry.text())
            }
        }
    }

    /// In a time that depends on the lengths alone.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    /// One shard after the other, each on its own loop, up to the first in which `body` finds something.
    private static func visit<Found: Sendable>(
        _ shards: ArraySlice<LoopBound<Shard>>, _ body: @escaping @Sendable (Shard) -> Found?,
        _ answer: @escaping @Sendable (Found?) -> Void
    ) {
        guard let next = shards.first else { return answer(nil) }
        next.loop.execute {
            if let found = body(next.value) { answer(found) } else { visit(shards.dropFirst(), body, answer) }
        }
    }
}
