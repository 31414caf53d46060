import EventLoop
import Foundation
import Glibc
import Testing

@Suite("TLS servers")
struct TLSServerTests {
    private let certificates: Certificates
    private let test: TestLoop

    init() throws {
        certificates = try Certificates()
        test = try TestLoop()
    }

    @Test("a client gets the certificate of the name that it asks for, from wildcards too, or the first")
    func names() throws {
        let files = [
            try certificates.make("first"), try certificates.make("second", for: ["DNS:a.example", "DNS:*.b.example"]),
            try certificates.make("third", for: ["DNS:x.b.example"], key: .rsa),
        ]
        let context = try TLSServerContext(files)
        let blind = try TLSClientContext(verifies: false)
        let table: [(String, [String])] = [
            ("a.example", ["a.example", "*.b.example"]), ("A.EXAMPLE.", ["a.example", "*.b.example"]),
            ("q.b.example", ["a.example", "*.b.example"]), ("x.b.example", ["x.b.example"]),
            ("b.example", ["localhost"]), ("q.x.b.example", ["localhost"]), ("c.example", ["localhost"]),
            ("127.0.0.1", ["localhost"]), (".b.example", ["localhost"]),
        ]
        for (name, expected) in table {
            guard let pair = try? EnginePair(context, blind, host: name) else {
                #expect(name.hasPrefix("."))
                continue
            }
            pair.exchange()
            #expect(pair.client.isOpen && pair.client.peerNames == expected, "\(name): \(pair.client.peerNames)")
        }
    }

    @Test("a reload serves new connections; the others go on, and a bad file changes nothing")
    func reload() throws {
        let files = try certificates.make("own")
        let context = try TLSServerContext([files])
        let blind = try TLSClientContext(verifies: false)
        let before = try EnginePair(context, blind)
        before.exchange()
        func served() throws -> [String] {
            let pair = try EnginePair(context, blind)
            pair.exchange()
            return pair.client.peerNames
        }
        try certificates.make("own", for: ["DNS:new.example"])
        try context.reload()
        #expect(try served() == ["new.example"])
        _ = try certificates.write("own.key", "nothing")
        #expect(throws: TLSConfigurationError.self) { try context.reload() }
        #expect(try served() == ["new.example"])
        try certificates.make("own", isExpired: true)
        #expect(throws: TLSConfigurationError("the certificate in \(files.chain) is expired")) { try context.reload() }
        #expect(try served() == ["new.example"])
        #expect(before.write([1, 2]))
        before.exchange()
        #expect(before.serverRead == [1, 2])
    }

    @Test("what can't be served, in one line")
    func unfit() throws {
        let good = try certificates.make("good")
        let other = try certificates.make("other")
        let locked = try certificates.make("locked", passphrase: "secret")
        let short = try certificates.make("short", key: .shortRSA)
        let table: [(TLSCertificateFiles, String)] = [
            (.init(chain: good.chain, key: other.key), "does not belong to the certificate"),
            (.init(chain: good.key, key: good.key), "has no certificate that can be used"),
            (.init(chain: good.chain, key: good.chain), "has no private key that can be used"),
            (.init(chain: "/nowhere", key: good.key), "/nowhere can't be read: No such file or directory"),
            (.init(chain: certificates.directory, key: good.key), "is no PEM file"),
            (locked, "it is encrypted"), (short, "ee key too small"),
        ]
        for (files, text) in table {
            let error = #expect(throws: TLSConfigurationError.self) { try TLSServerContext([files]) }
            #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
        }
    }

    @Test("ticket keys change with time; the one before is still good, the one before that is not")
    func ticketKeys() throws {
        let clock = Record<UInt64>()
        clock.append(1_000)
        let keys = TicketKeys(period: 100) { clock.values.last ?? 0 }
        func opening(_ key: TicketKeys.Key) -> String {
            key.name.withUnsafeBufferPointer { name in
                switch keys.opening(name) {
                case .current(let found): found.cipher == key.cipher ? "current" : "wrong"
                case .previous(let found): found.cipher == key.cipher ? "previous" : "wrong"
                case nil: "none"
                }
            }
        }
        let first = try #require(keys.sealing())
        #expect(keys.sealing()?.name == first.name && opening(first) == "current")
        clock.append(1_099)
        #expect(keys.sealing()?.name == first.name)
        clock.append(1_100)
        #expect(opening(first) == "previous")
        let second = try #require(keys.sealing())
        #expect(second.name != first.name && second.cipher != first.cipher)
        #expect(opening(second) == "current" && opening(first) == "previous")
        clock.append(1_200)
        #expect(opening(first) == "none" && opening(second) == "previous")
        clock.append(1_500)
        #expect(opening(second) == "none")
    }

    @Test("of more handshakes than there may be at once, the oldest is cut; so is one that takes its time")
    func crowd() throws {
        let files = try certificates.make("own")
        var limits = HandshakeLimits()
        limits.concurrent = 3
        let server = try TLSServer(TLSServerContext([files]), limits: limits, on: test)
        var silent: [Int32] = []
        for count in 1...5 {
            silent.append(try connected(to: server.port))
            // Accepted in their order.
            if count > 3 { #expect(server.failures.wait(forCount: count - 3)) }
        }
        #expect(server.failures.values == [.crowdedOut, .crowdedOut])
        let acceptor = server.acceptor
        #expect(try test.run { acceptor.value.count } == 3)
        for descriptor in silent[..<2] {
            var byte: UInt8 = 0
            #expect(recv(descriptor, &byte, 1, 0) <= 0)
        }
        // Who means it gets through.
        let client = try server.connect(TLSClientContext(extraCAFile: files.chain)).get()
        try test.run { _ = client.socket.value.write([65]) }
        #expect(client.heard.wait { _ in client.text == "A" })
        for descriptor in silent { close(descriptor) }
        try server.close()

        limits.timeout = 1_000_000
        let hasty = try TLSServer(TLSServerContext([files]), limits: limits, on: test)
        let slow = try connected(to: hasty.port)
        #expect(hasty.failures.wait(forCount: 1))
        #expect(hasty.failures.values == [.timedOut])
        close(slow)
        try hasty.close()
    }

    @Test("handshakes take turns: with no time at all for them they come about nevertheless, one a tick")
    func turns() throws {
        let files = try certificates.make("own")
        let server = try TLSServer(TLSServerContext([files]), on: test)
        let trusting = try TLSClientContext(extraCAFile: files.chain)
        let (loop, outcome) = (test.loop, Record<Bool>())
        let address = try server.address
        try test.run {
            loop.handshakeGate.workPerTick = 0
            for _ in 0..<20 {
                Connector.connect(
                    to: address, on: loop, timeout: 20_000_000_000, tls: .init(trusting, host: "localhost")
                ) { result in
                    outcome.append((try? result.get()) != nil)
                }
            }
        }
        #expect(outcome.wait(forCount: 20))
        #expect(outcome.values.allSatisfy { $0 })
        // A client is done a moment before the server.
        #expect(server.sockets.wait(forCount: 20))
        try server.close()
    }

    private func connected(to port: UInt16) throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw SystemError("connect") }
        return descriptor
    }
}
