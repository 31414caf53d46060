package import EventLoop
import HTTP
import HTTPTypes
package import Logging
import ServiceLifecycle
import WebSocket

/// How `EchoServer` is set up. Nothing is narrow by default: suites send what they like.
package struct EchoSettings: Sendable {
    package var host = "127.0.0.1"
    package var port: UInt16 = 0
    /// Bytes of a message: conformance suites send up to 16 MiB.
    package var maximumMessageBytes = 32 << 20
    /// Connections in all, and from one address.
    package var maximumSockets = 1_000_000
    package var maximumSocketsPerAddress = 1_000_000
    /// Milliseconds for a handshake, between pings (0: none of its own, since a conformance suite counts every frame
    /// that it gets), and without a sign of life.
    package var handshakeMilliseconds = 10_000
    package var pingMilliseconds = 0
    package var pongMilliseconds = 60_000
    /// Microseconds between the ticks that take what peers send without waiting, 0: they are not kept apart.
    package var gatherMicroseconds = Int(EventLoop.defaultGathering / 1_000)
    /// See `Listener`.
    package var receiveBufferBytes = Listener.defaultReceiveBuffer
    package var deflate: DeflateConfiguration
    /// Over TLS when there are any.
    package var certificates: [TLSCertificateFiles] = []

    package init() {
        deflate = DeflateConfiguration()
        // What came compressed goes back compressed.
        deflate.threshold = 0
    }
}

/// The WebSocket layer alone: every message comes back as it went. For conformance suites and benchmarks.
package struct EchoServer: Service {
    private let settings: EchoSettings
    private let logger: Logger
    private let started: @Sendable (_ url: String) -> Void

    package init(
        _ settings: EchoSettings, logger: Logger, started: @escaping @Sendable (_ url: String) -> Void
    ) {
        self.settings = settings
        self.logger = logger
        self.started = started
    }

    /// Serves until a graceful shutdown is asked for.
    package func run() async throws {
        let hangups = HangupSignal()
        defer { hangups.cancel() }
        let certificates =
            try settings.certificates.isEmpty ? nil : Certificates(settings.certificates, hangups, logger: logger)
        let listening: ListeningSocket
        do {
            listening = try ListeningSocket(host: settings.host, port: settings.port)
        } catch {
            throw StartError.network("cannot listen on \(settings.host):\(settings.port): \(error)")
        }
        let loop = try EventLoop(label: "parley.echo", gathering: UInt64(settings.gatherMicroseconds) * 1_000)
        loop.start()
        let settings = settings
        let server = try await loop.run {
            LoopBound(
                try EchoShard(loop: loop, listening: listening, settings: settings, tls: certificates?.context),
                on: loop)
        }
        started("\(certificates == nil ? "ws" : "wss")://\(settings.host):\(listening.port)")
        try? await gracefulShutdown()
        _ = try? await loop.run { server.value.stop() }
        loop.stop()
    }
}

private final class EchoShard: HTTPHandler {
    /// Bytes that may wait for a peer which sends more than it reads: four of the largest messages.
    private let outboundLimit: Int
    private let hub: WebSocketHub
    private let echo = EchoHandler()
    private let handshake: Handshake.Options
    private var http: HTTPServer?
    private var entrance: Entrance?

    init(
        loop: EventLoop, listening: ListeningSocket, settings: EchoSettings, tls: TLSServerContext?
    ) throws(SystemError) {
        outboundLimit = 4 * settings.maximumMessageBytes
        hub = WebSocketHub(
            loop: loop,
            options: WebSocketOptions(
                maxMessageBytes: settings.maximumMessageBytes,
                pingInterval: UInt64(settings.pingMilliseconds) * 1_000_000,
                pongTimeout: UInt64(settings.pongMilliseconds) * 1_000_000,
                compressionThreshold: settings.deflate.threshold))
        handshake = Handshake.Options(deflate: settings.deflate.policy(settings.deflate.makeBudget()))
        var bounds = HTTPServerSettings()
        bounds.headTimeout = UInt64(settings.handshakeMilliseconds) * 1_000_000
        let limiter = ConnectionLimiter(
            total: settings.maximumSockets, perAddress: settings.maximumSocketsPerAddress)
        let http = HTTPServer(on: loop, handler: self, settings: bounds, limiter: limiter)
        self.http = http
        var limits = HandshakeLimits()
        limits.timeout = bounds.headTimeout
        entrance = try Entrance(
            listening, to: http, on: loop, receiveBuffer: settings.receiveBufferBytes, tls: tls, limits: limits)
    }

    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        let outcome = Handshake.respond(
            method: request.method.rawValue, version: (major: 1, minor: request.version == .http10 ? 0 : 1),
            options: handshake
        ) { request.headers.values($0) }
        switch outcome {
        case .reject(let rejection):
            responder.respond(
                HTTPResponse(status: .init(code: rejection.status), headerFields: [.contentType: "text/plain"]),
                body: Array(rejection.message.utf8))
        case .accept(let acceptance):
            guard let upgrade = responder.upgrade(nil) else { return }
            upgrade.socket.outboundLimit = outboundLimit
            upgrade.socket.write(acceptance.responseHead)
            let connection = WebSocketConnection(
                upgrade.socket, hub: hub, deflate: acceptance.deflate, delegate: echo)
            var leftover = upgrade.leftover
            leftover.withUnsafeMutableBytes { connection.start(leftover: $0) }
        }
    }

    func stop() {
        entrance?.close()
        http?.closeAll()
    }
}
