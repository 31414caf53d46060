import EventLoop
import Glibc
import Testing

@Suite("Listener")
struct ListenerTests {
    @Test("connections are accepted on every loop that listens; the port is the one that was bound")
    func accept() throws {
        let (first, second) = (try TestLoop(), try TestLoop())
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let accepted = Record<Int32>()
        for test in [first, second] {
            let loop = test.loop
            try test.run { _ = try Listener(listening, on: loop) { accepted.append($0) } }
        }
        #expect(listening.port != 0)
        let clients = (0..<20).compactMap { _ in Parcel.connect(to: listening.port) }
        #expect(clients.count == 20)
        #expect(accepted.wait(forCount: 20))
        let connection = try #require(accepted.values.first)
        #expect(fcntl(connection, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(connection, F_GETFD) & FD_CLOEXEC != 0)
        for descriptor in clients + accepted.values { close(descriptor) }
        listening.close()
    }

    @Test("what the system holds of a connection is bounded, unless it may do as it likes", arguments: [0, 40_000])
    func receiveBuffer(_ size: Int) throws {
        let test = try TestLoop()
        let loop = test.loop
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let accepted = Record<Int32>()
        try test.run { _ = try Listener(listening, on: loop, receiveBuffer: size) { accepted.append($0) } }
        let client = try #require(Parcel.connect(to: listening.port))
        #expect(accepted.wait(forCount: 1))
        var (held, usual): (Int32, Int32) = (0, 0)
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(accepted.values[0], SOL_SOCKET, SO_RCVBUF, &held, &length)
        getsockopt(listening.descriptor, SOL_SOCKET, SO_RCVBUF, &usual, &length)
        // The system says what it counts, which is twice as much.
        #expect(Int(held) == (size == 0 ? Int(usual) : 2 * size))
        for descriptor in [client] + accepted.values { close(descriptor) }
        listening.close()
    }

    @Test("a port that is taken is an error")
    func taken() throws {
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        #expect(throws: SystemError.self) { try ListeningSocket(host: "127.0.0.1", port: listening.port).close() }
        #expect(throws: SystemError.self) { try ListeningSocket(host: "256.256.256.256", port: 0).close() }
        listening.close()
    }

    @Test("a listener may be closed by what it accepts; when all are closed the port is free")
    func closeWithinAccept() throws {
        let test = try TestLoop()
        let loop = test.loop
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let accepted = Record<Int32>()
        let clients = Record<Int32>()
        try test.run {
            // Both wait when the listener first looks.
            for _ in 0..<2 { Parcel.connect(to: listening.port).map { clients.append($0) } }
            var listener: Listener?
            listener = try Listener(listening, on: loop) {
                accepted.append($0)
                listener?.close()
                listener?.close()
                listener = nil
            }
        }
        #expect(accepted.wait(forCount: 1))
        try test.turn()
        #expect(accepted.values.count == 1)
        listening.close()
        #expect(Parcel.connect(to: listening.port) == nil)
        let again = try ListeningSocket(host: "127.0.0.1", port: listening.port)
        again.close()
        for descriptor in clients.values + accepted.values { close(descriptor) }
    }

    @Test("reset is a reset to the peer; the peer's address is known")
    func reset() throws {
        let test = try TestLoop()
        let loop = test.loop
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
        let accepted = Record<Int32>()
        try test.run { _ = try Listener(listening, on: loop) { accepted.append($0) } }
        let client = try #require(Parcel.connect(to: listening.port))
        #expect(accepted.wait(forCount: 1))
        let owned = try Owned(accepted.values[0], on: test)
        #expect(try test.run { owned.socket.value.peerAddress } == "127.0.0.1")
        try test.run { owned.socket.value.reset() }
        #expect(Parcel.receiveBytes(from: client, 10) == nil)
        #expect(errno == ECONNRESET)
        #expect(owned.heard.wait { $0 == [.closed] })
        close(client)
        listening.close()
    }

    @Test("a peer's reset closes a socket, also a paused one")
    func peerResets() throws {
        for paused in [false, true] {
            let test = try TestLoop()
            let loop = test.loop
            let listening = try ListeningSocket(host: "127.0.0.1", port: 0)
            let accepted = Record<Int32>()
            try test.run { _ = try Listener(listening, on: loop) { accepted.append($0) } }
            let client = try #require(Parcel.connect(to: listening.port))
            #expect(accepted.wait(forCount: 1))
            let owned = try Owned(accepted.values[0], on: test)
            if paused { try test.run { owned.socket.value.pauseReading() } }
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            close(client)
            #expect(owned.heard.wait { $0.last == .closed })
            #expect(owned.heard.values == [.closed])
            listening.close()
        }
    }
}
