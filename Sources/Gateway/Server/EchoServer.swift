import EventLoop
import HTTP
import HTTPTypes
import ServiceLifecycle
import WebSocket

/// The WebSocket layer alone: every message comes back as it went. For conformance suites and benchmarks.
package struct EchoServer: Service {
    private let host: String
    private let port: UInt16
    private let started: @Sendable (_ url: String) -> Void

    package init(host: String, port: UInt16, started: @escaping @Sendable (_ url: String) -> Void) {
        self.host = host
        self.port = port
        self.started = started
    }

    /// Serves until a graceful shutdown is asked for.
    package func run() async throws {
        let listening: ListeningSocket
        do {
            listening = try ListeningSocket(host: host, port: port)
        } catch {
            throw StartError.network("cannot listen on \(host):\(port): \(error)")
        }
        let loop = try EventLoop(label: "parley.echo")
        loop.start()
        let server = try await loop.run {
            LoopBound(try EchoShard(loop: loop, listening: listening), on: loop)
        }
        started("ws://\(host):\(listening.port)")
        try? await gracefulShutdown()
        _ = try? await loop.run { server.value.stop() }
        loop.stop()
    }
}

private final class EchoShard: HTTPHandler {
    /// Bytes of a message: conformance suites send up to 16 MiB.
    private static let messageLimit = 32 << 20
    /// Bytes that may wait for a peer which sends more than it reads.
    private static let outboundLimit = 128 << 20

    private let hub: WebSocketHub
    private let echo = EchoHandler()
    private var http: HTTPServer?
    private var listener: Listener?

    init(loop: EventLoop, listening: ListeningSocket) throws(SystemError) {
        // No pings of its own: a conformance suite counts every frame that it gets.
        hub = WebSocketHub(
            loop: loop, options: WebSocketOptions(maxMessageBytes: Self.messageLimit, pingInterval: 0))
        let http = HTTPServer(on: loop, handler: self)
        self.http = http
        listener = try Listener(listening, on: loop) { http.accept($0) }
    }

    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        let outcome = Handshake.respond(
            method: request.method.rawValue, version: (major: 1, minor: request.version == .http10 ? 0 : 1),
            options: Handshake.Options()
        ) { request.headers.values($0) }
        switch outcome {
        case .reject(let rejection):
            responder.respond(
                HTTPResponse(status: .init(code: rejection.status), headerFields: [.contentType: "text/plain"]),
                body: Array(rejection.message.utf8))
        case .accept(let acceptance):
            guard let upgrade = responder.upgrade(nil) else { return }
            upgrade.socket.outboundLimit = Self.outboundLimit
            upgrade.socket.write(acceptance.responseHead)
            let connection = WebSocketConnection(
                upgrade.socket, hub: hub, deflate: acceptance.deflate, delegate: echo)
            var leftover = upgrade.leftover
            leftover.withUnsafeMutableBytes { connection.start(leftover: $0) }
        }
    }

    func stop() {
        listener?.close()
        http?.closeAll()
    }
}
