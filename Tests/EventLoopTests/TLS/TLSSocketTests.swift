import EventLoop
import Glibc
import Testing

@Suite("TLS sockets")
struct TLSSocketTests {
    private let certificates: Certificates
    private let context: TLSServerContext
    private let trusting: TLSClientContext
    private let test: TestLoop

    init() throws {
        certificates = try Certificates()
        let files = try certificates.make("own")
        context = try TLSServerContext([files])
        trusting = try TLSClientContext(extraCAFile: files.chain)
        test = try TestLoop()
    }

    @Test("a client's socket over TLS is like any other; it ends with close_notify both ways")
    func roundTrip() throws {
        let server = try TLSServer(context, on: test)
        let client = try server.connect(trusting).get()
        try test.run { _ = client.socket.value.write(Array("hello".utf8)) }
        #expect(client.heard.wait { _ in client.text == "hello" })
        try test.run { client.socket.value.closeAfterFlush(within: 20_000_000_000) }
        #expect(server.heard.wait { $0.last == .end })
        try test.run { server.sockets.values[0].value.close() }
        #expect(client.heard.wait { $0.last == .closed })
        #expect(server.heard.values == [.received("hello"), .end, .closed])
        #expect(try test.run { client.socket.value.tlsFailure } == nil)
        try server.close()
    }

    @Test("how a connection fails")
    func failures() throws {
        let server = try TLSServer(context, on: test)
        func failure(_ trust: TLSClientContext, _ host: String) throws -> ConnectFailure? {
            if case .failure(let failure) = try server.connect(trust, host: host) { failure } else { nil }
        }
        #expect(try failure(trusting, "example.com") == .tls(.certificate("hostname mismatch")))
        #expect(server.failures.wait(forCount: 1))
        #expect(server.failures.values == [.alert(42)])
        #expect(try failure(TLSClientContext(), "localhost") == .tls(.certificate("self-signed certificate")))
        #expect(server.failures.wait(forCount: 2))
        #expect(server.failures.values == [.alert(42), .alert(48)])
        try server.close()
        #expect(
            try failure(trusting, "localhost") == .system(SystemError("connect", code: ECONNREFUSED)))
        #expect(server.sockets.values.isEmpty)
    }

    @Test("a connection that is given up says no more; one without an answer ends by time")
    func givenUp() throws {
        // Listens and takes nothing.
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let (loop, trusting) = (test.loop, trusting)
        let outcome = Record<ConnectFailure?>()
        let address = try #require(SocketAddress(ip: "127.0.0.1", port: listening.port))
        try test.run {
            let tls = Connector.Encryption(trusting, host: "localhost")
            let given = Connector.connect(to: address, on: loop, timeout: 1, tls: tls) { _ in outcome.append(nil) }
            given.cancel()
            _ = Connector.connect(to: address, on: loop, timeout: 1_000_000, tls: tls) { result in
                if case .failure(let failure) = result { outcome.append(failure) } else { outcome.append(nil) }
            }
        }
        #expect(outcome.wait(forCount: 1))
        try test.turn()
        #expect(outcome.values == [.timedOut])
        listening.close()
    }
}
