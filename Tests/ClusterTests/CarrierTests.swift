import Cluster
import EventLoop
import Foundation
import Testing

/// The carrier against a server of NATS.
@Suite(.serialized) struct CarrierTests {
    private static func options(
        _ server: NatsServer, scheme: String = "nats", user: String = "", host: String = "127.0.0.1",
        cluster: String = "main"
    ) throws -> CarrierOptions {
        try CarrierOptions(urls: "\(scheme)://\(user)\(host):\(server.port)", cluster: cluster)
    }

    private static func why(_ carrier: TestCarrier) -> [String] {
        carrier.events.compactMap { if case .away(let error?) = $0 { error.description } else { nil } }
    }

    @Test("what one publishes another has, whole, in order and once, and nobody else")
    func exchange() throws {
        let server = try NatsServer()
        let options = try Self.options(server)
        let carriers = try [
            TestCarrier(options, node: "host:8080/a b.c"), TestCarrier(options, node: "b", shard: 7),
            TestCarrier(options, node: "b", shard: 8),
            TestCarrier(Self.options(server, cluster: "other"), node: "b", shard: 7),
        ]
        defer { for carrier in carriers { carrier.stop() } }
        let (one, other) = (carriers[0], carriers[1])
        eventually { carriers.allSatisfy { $0.events == [.up] } }
        let sent = (0..<2_000).map { number in
            [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 700) + Array("\(number)".utf8)
        }
        // Who has subscribed is known to the server a moment later.
        eventually {
            _ = one.publish([[1]], to: other.address)
            return !other.messages.isEmpty
        }
        #expect(one.publish(sent, to: other.address).allSatisfy { $0 })
        eventually { other.messages.last == sent.last }
        #expect(Array(other.messages.drop { $0 == [1] }) == sent)
        let largest = [UInt8](repeating: 7, count: LinkMessage.limit)
        #expect(other.publish([largest, largest + [7]], to: one.address) == [true, false])
        eventually { one.messages == [largest] }
        #expect(carriers[2].messages.isEmpty && carriers[3].messages.isEmpty)
    }

    @Test("where nobody listens is said, and of whom")
    func nobody() throws {
        let server = try NatsServer()
        let carrier = try TestCarrier(Self.options(server), node: "a")
        let other = try TestCarrier(Self.options(server), node: "b")
        defer { carrier.stop() }
        eventually { carrier.isUp && other.isUp }
        eventually {
            _ = carrier.publish([[1]], to: other.address)
            return !other.messages.isEmpty
        }
        let nowhere = ClusterAddress(node: "gone:1", shard: 2)
        _ = carrier.publish([[1]], to: nowhere)
        eventually { carrier.events.contains(.nobody(nowhere)) }
        other.stop()
        eventually {
            _ = carrier.publish([[1]], to: other.address)
            return carrier.events.contains(.nobody(other.address))
        }
    }

    @Test("a server that goes and comes back: it is said, and messages flow again")
    func restart() throws {
        let server = try NatsServer()
        let (one, other) = try (
            TestCarrier(Self.options(server), node: "a"), TestCarrier(Self.options(server), node: "b")
        )
        defer {
            one.stop()
            other.stop()
        }
        eventually { one.isUp && other.isUp }
        server.kill()
        eventually { one.events.contains(.away(nil)) && other.events.contains(.away(nil)) }
        #expect(one.publish([[1]], to: other.address) == [false])
        eventually { !Self.why(one).isEmpty }
        try server.start()
        eventually { one.isUp && other.isUp }
        eventually {
            _ = one.publish([[2]], to: other.address)
            return other.messages.contains([2])
        }
    }

    @Test("a server that does not take what is written: no more is kept than said, and it counts as lost")
    func stuck() throws {
        let server = try NatsServer()
        let carrier = try TestCarrier(Self.options(server), node: "a")
        defer { carrier.stop() }
        eventually { carrier.isUp }
        server.signal(SIGSTOP)
        let message = [UInt8](repeating: 1, count: 256 << 10)
        // What the kernel takes is not bounded here: at most a few megabytes.
        let taken = (0..<200).count { _ in
            carrier.publish([message], to: ClusterAddress(node: "b", shard: 0)) == [true]
        }
        #expect(taken >= Carrier.bufferLimit / message.count - 1 && taken < 150, "\(taken)")
        eventually { carrier.events.contains(.away(nil)) }
        server.signal(SIGCONT)
        eventually { carrier.isUp }
    }

    @Test("a server that takes only small messages is not used, and it is said why")
    func smallPayload() throws {
        let server = try NatsServer("max_payload: 65536")
        let carrier = try TestCarrier(Self.options(server), node: "a")
        defer { carrier.stop() }
        eventually { Self.why(carrier).contains { $0.contains("max_payload is 65536") } }
        #expect(!carrier.events.contains(.up))
    }

    @Test("who has no password, or a wrong one, is not let in, and the log has none")
    func password() throws {
        let server = try NatsServer(
            """
            authorization {
              users = [{ user: parley, password: secret, permissions: { publish: "parley.main.>", subscribe: "parley.main.>" } }]
            }
            """)
        let carriers = try ["", "parley:wrong@", "parley:secret@"].map {
            try TestCarrier(Self.options(server, user: $0), node: "a")
        }
        defer { for carrier in carriers { carrier.stop() } }
        eventually { carriers[2].isUp && !Self.why(carriers[0]).isEmpty && !Self.why(carriers[1]).isEmpty }
        for carrier in carriers[..<2] {
            #expect(!carrier.events.contains(.up))
            #expect(Self.why(carrier).allSatisfy { !$0.contains("wrong") && !$0.contains("127.0.0.1") })
        }
    }

    @Test("with TLS: only a server whose certificate is for its name and from whom is trusted")
    func tls() throws {
        for (names, isTrusted, isUp) in [
            ("IP:127.0.0.1,DNS:localhost", true, true), ("DNS:other.example", true, false),
            ("IP:127.0.0.1,DNS:localhost", false, false),
        ] {
            let server = try NatsServer(#"tls { cert_file: "DIRECTORY/a.pem", key_file: "DIRECTORY/a.key" }"#) {
                directory in
                for name in ["a", "b"] {
                    let openssl = Process()
                    openssl.executableURL = URL(filePath: "/usr/bin/openssl")
                    openssl.arguments = [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=test", "-addext", "subjectAltName=" + names, "-keyout", "\(directory.path)/\(name).key",
                        "-out",
                        "\(directory.path)/\(name).pem",
                    ]
                    openssl.standardError = FileHandle.nullDevice
                    try openssl.run()
                    openssl.waitUntilExit()
                }
            }
            var options = try Self.options(server, scheme: "tls", host: "localhost")
            options.authorityFile = server.directory.appending(path: isTrusted ? "a.pem" : "b.pem").path
            let carrier = try TestCarrier(options, node: "a")
            defer { carrier.stop() }
            eventually("\(names) \(isTrusted)") { isUp ? carrier.isUp : !Self.why(carrier).isEmpty }
            #expect(carrier.events.contains(.up) == isUp, "\(names) \(isTrusted): \(Self.why(carrier))")
        }
    }

    @Test("stopped while it connects, it is silent and lets go")
    func stopped() throws {
        let server = try NatsServer()
        for _ in 0..<20 {
            let carrier = try TestCarrier(Self.options(server), node: "a")
            carrier.stop()
        }
        let last = try TestCarrier(Self.options(server), node: "b")
        defer { last.stop() }
        eventually { last.isUp }
        eventually {
            _ = last.publish([[1]], to: ClusterAddress(node: "a", shard: 0))
            return last.events.contains(.nobody(ClusterAddress(node: "a", shard: 0)))
        }
    }
}
