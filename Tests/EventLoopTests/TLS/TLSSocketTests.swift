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

    @Test("more than the kernel takes arrives whole; then both sides are drained")
    func much() throws {
        let server = try TLSServer(context, on: test)
        let client = try server.connect(trusting).get()
        let count = 24 << 20
        try test.run {
            client.socket.value.outboundLimit = count
            #expect(client.socket.value.write([UInt8](repeating: 97, count: count)))
            #expect(client.socket.value.write([98]) == false)
        }
        let isBack = client.heard.wait { heard in
            heard.reduce(0) { if case .received(let text) = $1 { $0 + text.utf8.count } else { $0 } } == count
        }
        #expect(isBack)
        #expect(client.heard.values.contains(.drained))
        #expect(try test.run { client.socket.value.outboundCount } == 0)
        try server.close()
    }

    @Test("a connection goes to another loop with its TLS and what it has not sent")
    func moved() throws {
        let other = try TestLoop()
        let server = try TLSServer(context, on: test)
        let client = try server.connect(trusting).get()
        try test.run { _ = client.socket.value.write([65]) }
        #expect(client.heard.wait { _ in client.text == "A" })
        let count = 8 << 20
        let detached = try test.run {
            client.socket.value.outboundLimit = count
            client.socket.value.write([UInt8](repeating: 66, count: count))
            return client.socket.value.detach()
        }
        let again = try Owned(#require(detached), on: other)
        let isBack = again.heard.wait { heard in
            heard.reduce(0) { if case .received(let text) = $1 { $0 + text.utf8.count } else { $0 } } == count
        }
        #expect(isBack)
        try other.run { again.socket.value.close() }
        #expect(server.heard.wait { $0.last == .end })
        try server.close()
    }

    @Test("a connection cut without close_notify is no end")
    func cut() throws {
        let server = try TLSServer(context, on: test)
        let client = try server.connect(trusting).get()
        try test.run { _ = client.socket.value.write([65]) }
        #expect(client.heard.wait { _ in client.text == "A" })
        // Given up by its loop and taken by none: its descriptor is closed, and TLS says nothing.
        try test.run { _ = client.socket.value.detach() }
        #expect(server.heard.wait { $0.last == .closed })
        #expect(server.heard.values == [.received("A"), .closed])
        let sockets = server.sockets
        let failure = try test.run { sockets.values.first?.value.tlsFailure }
        #expect(failure == .truncated)
        try server.close()
    }

    @Test("TLS through a tunnel: what was written in the clear goes first; given up, it is closed")
    func tunnel() throws {
        let server = try TLSServer(context, on: test)
        let outcome = Record<ConnectFailure?>()
        let heard = Record<Owner.Heard>()
        let (loop, trusting) = (test.loop, trusting)
        func plain() throws -> Owned { try server.connect(nil).get() }
        let first = try plain()
        let kept = Record<LoopBound<Socket>>()
        try test.run {
            guard let detached = first.socket.value.detach() else { return }
            Connector.secure(
                detached, on: loop, timeout: 20_000_000_000, tls: .init(trusting, host: "localhost")
            ) { result in
                switch result {
                case .success(let socket):
                    socket.delegate = Owner(heard)
                    socket.write(Array("through".utf8))
                    kept.append(LoopBound(socket, on: loop))
                    outcome.append(nil)
                case .failure(let failure): outcome.append(failure)
                }
            }
        }
        #expect(heard.wait { $0 == [.received("through")] })
        #expect(outcome.values == [nil])
        let second = try plain()
        try test.run {
            guard let detached = second.socket.value.detach() else { return }
            Connector.secure(
                detached, on: loop, timeout: 20_000_000_000, tls: .init(trusting, host: "localhost")
            ) { _ in outcome.append(.timedOut) }.cancel()
        }
        #expect(server.failures.wait { $0 == [.closed] })
        #expect(outcome.values == [nil])
        try server.close()
    }
}
