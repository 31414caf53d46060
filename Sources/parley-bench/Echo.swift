import ArgumentParser
import Command
import EventLoop
import Foundation
import Gateway
import Logging

struct Echo: ServingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the WebSocket layer alone: every message comes back.")

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on, 0 for a free one.")
    var port: UInt16

    @Option(help: "Bytes that a message may have.")
    var maxMessageBytes = 32 << 20

    @Option(help: "Connections at once.")
    var maxSockets = 1_000_000

    @Option(help: "Connections at once from one IPv4 address or IPv6 /64.")
    var maxSocketsPerAddress = 1_000_000

    @Option(help: "Milliseconds for a handshake.")
    var handshakeMs = 10_000

    @Option(help: "Milliseconds between pings, 0 for none.")
    var pingMs = 0

    @Option(help: "Milliseconds without a sign of life.")
    var pongMs = 60_000

    @Option(help: "Microseconds between looks at peers that send without waiting, 0: none.")
    var gatherUs = 300

    @Option(help: "Bytes of a connection that the system holds until they are read, 0: as many as it likes.")
    var receiveBufferBytes = 128 << 10

    @Flag(inversion: .prefixedNo, help: "Offer permessage-deflate.")
    var deflate = true

    @Option(help: "Bytes under which a message goes uncompressed.")
    var deflateThreshold = 0

    @Option(help: "Whose window lives on between messages: none, server, client or both.")
    var deflateTakeover = "none"

    @Option(help: "The largest window, 9 to 15.")
    var deflateWindowBits = 15

    @Option(help: "Bytes for windows that live on, of all connections together.")
    var deflateMemory = 64 << 20

    @Option(help: "A certificate with its chain: serves over TLS. Again for each further one (SNI).")
    var tlsCertificate: [String] = []

    @Option(help: "The certificate's private key, in the same order.")
    var tlsPrivateKey: [String] = []

    func validate() throws {
        guard tlsCertificate.count == tlsPrivateKey.count else {
            throw ValidationError("each --tls-certificate needs its --tls-private-key")
        }
        guard (1...(1 << 30)).contains(maxMessageBytes) else {
            throw ValidationError("--max-message-bytes is 1 to 2^30")
        }
        guard maxSockets > 0, maxSocketsPerAddress > 0 else { throw ValidationError("--max-sockets must be positive") }
        guard (1...3_600_000).contains(handshakeMs), (0...3_600_000).contains(pingMs), (1...7_200_000).contains(pongMs)
        else { throw ValidationError("times are in milliseconds, up to an hour") }
        guard (0...10_000).contains(gatherUs) else { throw ValidationError("--gather-us is 0 to 10000") }
        guard (0...(1 << 30)).contains(receiveBufferBytes) else {
            throw ValidationError("--receive-buffer-bytes is 0 to 2^30")
        }
        guard DeflateConfiguration.Takeover(rawValue: deflateTakeover) != nil else {
            throw ValidationError("--deflate-takeover is none, server, client or both")
        }
        guard (9...15).contains(deflateWindowBits) else { throw ValidationError("--deflate-window-bits is 9 to 15") }
        guard deflateThreshold >= 0, deflateMemory >= 0 else {
            throw ValidationError("--deflate-threshold and --deflate-memory can't be negative")
        }
    }

    func run() async throws {
        let lines = LineWriter(descriptor: STDERR_FILENO)
        defer { lines.flush(within: .seconds(1)) }
        let logger = Logger(label: "parley") { _ in
            LineLogHandler(format: .text, level: .notice) { lines.write($0) }
        }
        let output = LineWriter(descriptor: STDOUT_FILENO)
        let server = EchoServer(settings, logger: logger) { output.write("listening on \($0)\n") }
        try await runService(server, logger: logger)
    }

    private var settings: EchoSettings {
        var settings = EchoSettings()
        settings.host = host
        settings.port = port
        settings.maximumMessageBytes = maxMessageBytes
        settings.maximumSockets = maxSockets
        settings.maximumSocketsPerAddress = maxSocketsPerAddress
        settings.handshakeMilliseconds = handshakeMs
        settings.pingMilliseconds = pingMs
        settings.pongMilliseconds = pongMs
        settings.gatherMicroseconds = gatherUs
        settings.receiveBufferBytes = receiveBufferBytes
        settings.deflate.isOffered = deflate
        settings.deflate.threshold = deflateThreshold
        settings.deflate.takeover = DeflateConfiguration.Takeover(rawValue: deflateTakeover) ?? .none
        settings.deflate.windowBits = deflateWindowBits
        settings.deflate.memory = deflateMemory
        settings.certificates = zip(tlsCertificate, tlsPrivateKey).map { TLSCertificateFiles(chain: $0, key: $1) }
        return settings
    }
}
