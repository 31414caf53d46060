import JSON
import Chat
import HTTP
import HTTPTypes

/// The routes beside the API: the socket, health, and the description of it all.
enum ServiceRoutes {
    static let endpoints: [Endpoint] = [
        Endpoint(
            .get, "/ws", .user,
            APIOperation(
                id: "openSocket", tag: "socket", summary: "The chat, as a WebSocket.",
                detail: "Without an `Upgrade` it is refused.",
                answers: [APIOperation.Answer(status: 101, summary: "The connection is a WebSocket from here on.")],
                failures: [(405, "Not by this method."), (426, "It must be a handshake of version 13.")])
        ) { handler, request, _, responder in handler.openChat(request, responder) },
        Endpoint(
            .get, "/events", .user,
            APIOperation(
                id: "openStream", tag: "socket", summary: "The chat where WebSockets do not pass, as an event stream.",
                detail: """
                    Every frame of the gateway is an event: `data:` the frame, `id:` what `Last-Event-ID` takes up a stream \
                    with that was cut. The first, `ready`, has the `streamId` that frames are sent to.
                    """,
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The frames, up to `closing`.",
                        content: [("text/event-stream", ["type": "string"])])
                ])
        ) { handler, request, _, responder in handler.openStream(request, responder) },
        Endpoint(
            .post, "/events/{id}", .user,
            APIOperation(
                id: "sendFrames", tag: "socket", summary: "What the client of an event stream says.",
                detail: "One frame, or an array of them. They are answered on the stream.",
                body: [
                    "oneOf": [["type": "object"], ["type": "array", "items": ["type": "object"]]]
                ],
                answers: [APIOperation.Answer(status: 202, summary: "The frames were carried out in their order.")])
        ) { handler, request, parameters, responder in handler.receiveFrames(request, parameters, responder) },
        Endpoint(
            .get, "/healthz", .everyone,
            APIOperation(
                id: "health", tag: "service", summary: "Whether the process answers.",
                answers: [APIOperation.json(200, "It does.", APISchemas.reference("Status"))])
        ) { handler, _, _, responder in handler.respond(json: Array(#"{"status":"ok"}"#.utf8), responder) },
        Endpoint(
            .get, "/readyz", .everyone,
            APIOperation(
                id: "readiness", tag: "service", summary: "Whether a turn would be taken now.",
                answers: [
                    APIOperation.json(200, "It would.", APISchemas.reference("Status")),
                    APIOperation.json(
                        503, "The database is away, or the server is about to stop.", APISchemas.reference("Status")),
                ])
        ) { handler, _, _, responder in handler.readiness(responder) },
        Endpoint(
            .get, "/metrics", .everyone,
            APIOperation(
                id: "showMetrics", tag: "service", summary: "What has been counted, as Prometheus reads it.",
                detail: "For this machine, or for who has `METRICS_TOKEN` where that is set.",
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The figures.", content: [("text/plain", ["type": "string"])])
                ],
                failures: [(403, "Not for you.")])
        ) { handler, request, _, responder in handler.showMetrics(request, responder) },
        Endpoint(
            .get, "/openapi.json", .everyone,
            APIOperation(
                id: "describe", tag: "service", summary: "This description.",
                answers: APIOperation.tagged("OpenAPI 3.1.", ["type": "object"]))
        ) { handler, request, _, responder in
            let response = APIResponse.read(handler.description)
            responder.respond(response.head(for: request), body: response.body(for: request))
        },
    ]

    static let development: [Endpoint] = [
        Endpoint(
            .post, "/dev/token", .development,
            APIOperation(
                id: "makeToken", tag: "development", summary: "A token for anybody, on this machine only.",
                body: APISchemas.reference("NewDevelopmentToken"),
                answers: [APIOperation.json(200, "The token.", APISchemas.reference("DevelopmentToken"))],
                failures: [(403, "Not from this machine.")])
        ) { handler, request, _, responder in handler.makeToken(request, responder) }
    ]
}
