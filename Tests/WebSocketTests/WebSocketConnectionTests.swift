import EventLoop
import Testing
import WebSocket

@Suite("The connection on a loop", .timeLimit(.minutes(1)))
struct WebSocketConnectionTests {
    private static func options(
        ping: UInt64 = 0, pong: UInt64 = 0, close: UInt64 = 5_000_000_000, credit: Int32 = 100
    ) -> WebSocketOptions {
        WebSocketOptions(
            pingInterval: ping, pongTimeout: pong, closeTimeout: close, maxControlFramesPerSecond: credit)
    }

    @Test(
        "a client and the echo, then a clean close",
        arguments: [
            nil, DeflateParameters(),
            DeflateParameters(serverNoContextTakeover: false, clientNoContextTakeover: false, serverMaxWindowBits: 9),
        ])
    func echo(_ deflate: DeflateParameters?) async throws {
        let sent = [
            "", "a", "é😀", String(repeating: #"{"type":"TEXT"}"#, count: 40), String(repeating: "z中", count: 50_000),
        ]
        let (seen, end, open) = try await onLoop { (loop, done: @escaping (([Seen], End, Int)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            _ = WebSocketConnection(far, hub: hub, deflate: deflate, delegate: EchoHandler())
            let recorder = Recorder()
            let client = WebSocketConnection(near, hub: hub, role: .client, deflate: deflate, delegate: recorder)
            recorder.onMessage = { connection in
                if recorder.seen.count == sent.count + 1 { connection.close(.normal, reason: "done") }
            }
            recorder.onEnd = { done((recorder.seen, $0, hub.count)) }
            for text in sent { #expect(client.sendText(text)) }
            #expect(noise(3000).withUnsafeBytes { client.sendBinary($0) })
        }
        #expect(seen == sent.map { .text($0) } + [.binary(noise(3000))])
        #expect(end == End(code: 1000, reason: "", clean: true))
        #expect(open == 2, "the sockets close after the answer")
    }

    @Test("the server closes with a code of its own, and both sides hear of it once")
    func serverCloses() async throws {
        let ends = try await onLoop { (loop, done: @escaping ([End]) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let (server, client) = (Recorder(), Recorder())
            let connection = WebSocketConnection(far, hub: hub, delegate: server)
            _ = WebSocketConnection(near, hub: hub, role: .client, delegate: client)
            server.onEnd = { _ in _ = loop.schedule(after: 1) { done(server.ends + client.ends) } }
            connection.close(CloseCode(rawValue: 4401), reason: String(repeating: "é", count: 100))
            #expect(!connection.sendText("late"))
            connection.close(.goingAway)
        }
        #expect(
            ends == [
                End(code: 4401, reason: "", clean: true),
                End(code: 4401, reason: String(repeating: "é", count: 61), clean: true),
            ])
    }

    @Test(
        "what a peer does, what it gets, what the delegate hears",
        arguments: [
            (frame(0x3), [.close(1002, "reserved opcode")], End(code: 1002, reason: "reserved opcode", clean: false)),
            (
                frame(0x1, [0xFF]), [.close(1007, "invalid UTF-8")],
                End(code: 1007, reason: "invalid UTF-8", clean: false)
            ),
            (
                frame(0x2, [UInt8](repeating: 0, count: 256 * 1024 + 1)), [.close(1009, "message too big")],
                End(code: 1009, reason: "message too big", clean: false)
            ),
            (
                frame(0x9, [1, 2]) + close(1001, "bye"), [.pong([1, 2]), .close(1001, "")],
                End(code: 1001, reason: "bye", clean: true)
            ),
            (frame(0x8), [.close(1005, "")], End(code: 1005, reason: "", clean: true)),
            (
                Array((0..<101).map { _ in frame(0x9) }.joined()),
                Array(repeating: .pong([]), count: 100) + [.close(4429, "too many control frames")],
                End(code: 4429, reason: "too many control frames", clean: false)
            ),
        ] as [([UInt8], [Seen], End)])
    func peers(_ bytes: [UInt8], _ answer: [Seen], _ expected: End) async throws {
        let (seen, ends) = try await onLoop { (loop, done: @escaping (([Seen], [End])) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            let peer = RawPeer(near)
            peer.onClosed = { peer in done((peer.seen, server.ends)) }
            peer.socket.write(bytes)
        }
        #expect(seen == answer)
        #expect(ends == [expected])
    }

    @Test(
        "the loop is to gather when one read brings three messages to a server, whatever comes between them",
        arguments: [
            (text("a") + text("b"), false), (text("a") + text("b") + text("c"), true),
            (text("a") + frame(0x9) + frame(0x2, [1]) + text("c") + Array(text("d")[..<3]), true),
            (text("a") + Array((0..<5).map { _ in frame(0x9) }.joined()) + text("b"), false),
        ])
    func gathers(_ bytes: [UInt8], _ expected: Bool) async throws {
        let gathers = try await onLoop { (loop, done: @escaping (Bool) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            server.onMessage = { _ in loop.atEndOfTick(TickEnd { done(loop.gathers) }) }
            RawPeer(near).socket.write(bytes)
        }
        #expect(gathers == expected)
    }

    @Test("a client waits for nobody: its loop does not gather")
    func clientDoesNotGather() async throws {
        let (gathers, count) = try await onLoop { (loop, done: @escaping ((Bool, Int)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let client = Recorder()
            let server = WebSocketConnection(far, hub: hub, delegate: Recorder())
            _ = WebSocketConnection(near, hub: hub, role: .client, delegate: client)
            client.onMessage = { _ in loop.atEndOfTick(TickEnd { done((loop.gathers, client.seen.count)) }) }
            for text in ["a", "b", "c", "d"] { #expect(server.sendText(text)) }
        }
        #expect(count == 4)
        #expect(!gathers)
    }

    @Test("bytes that came with the handshake are taken first")
    func leftover() async throws {
        let seen = try await onLoop { (loop, done: @escaping ([Seen]) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            let connection = WebSocketConnection(far, hub: hub, delegate: server)
            server.onMessage = { _ in if server.seen.count == 2 { done(server.seen) } }
            var early = text("early") + Array(text("late")[..<4])
            early.withUnsafeMutableBytes { connection.start(leftover: $0) }
            let peer = RawPeer(near)
            peer.socket.write(Array(text("late")[4...]))
        }
        #expect(seen == [.text("early"), .text("late")])
    }

    @Test("a connection that is lost ends with 1006")
    func lost() async throws {
        let end = try await onLoop { (loop, done: @escaping (End) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            server.onEnd = done
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            RawPeer(near).socket.close()
        }
        #expect(end == End(code: 1006, reason: "", clean: false))
    }

    @Test("a delegate that closes in the middle of the input gets no more messages")
    func closesInside() async throws {
        let (seen, got) = try await onLoop { (loop, done: @escaping (([Seen], [Seen])) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            server.onMessage = { $0.close(.unsupportedData, reason: "no") }
            let peer = RawPeer(near)
            peer.onSeen = { peer in
                if peer.seen.last == .close(1003, "no") { peer.socket.write(close(1003)) }
            }
            peer.onClosed = { peer in done((server.seen, peer.seen)) }
            peer.socket.write(text("one") + text("two") + frame(0x9) + text("three"))
        }
        #expect(seen == [.text("one")])
        #expect(got == [.close(1003, "no")])
    }

    @Test("an aborted connection ends at once and says so once")
    func aborts() async throws {
        let (seen, ends) = try await onLoop { (loop, done: @escaping (([Seen], [End])) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            server.onMessage = { $0.abort() }
            let peer = RawPeer(near)
            peer.onClosed = { _ in done((server.seen, server.ends)) }
            peer.socket.write(text("one") + text("two"))
        }
        #expect(seen == [.text("one")])
        #expect(ends == [End(code: 1006, reason: "", clean: false)])
    }

    @Test("a silent peer is pinged, then given up; one that answers is not")
    func keepAlive() async throws {
        let millisecond: UInt64 = 1_000_000
        let (pings, end) = try await onLoop { (loop, done: @escaping ((Bool, End)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options(ping: 20 * millisecond, pong: 100 * millisecond))
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            _ = WebSocketConnection(far, hub: hub, delegate: server)
            let peer = RawPeer(near)
            var answered = 0
            // It answers ten pings, more than the time-out allows for, and then no more.
            peer.onSeen = { peer in
                guard answered < 10, peer.seen.last == .ping([]) else { return }
                answered += 1
                peer.socket.write(frame(0xA))
            }
            server.onEnd = { end in done((answered == 10, end)) }
        }
        #expect(pings)
        #expect(end == End(code: 1006, reason: "no answer to pings", clean: false))
    }

    @Test("a Close that is not answered is waited for, but not for ever")
    func closeTimeout() async throws {
        let (end, count) = try await onLoop { (loop, done: @escaping ((End, Int)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options(close: 5_000_000))
            let (near, far) = try socketPair(loop)
            let server = Recorder()
            let connection = WebSocketConnection(far, hub: hub, delegate: server)
            let peer = RawPeer(near)
            peer.onClosed = { _ in done((server.ends.first ?? End(code: 0, reason: "", clean: true), hub.count)) }
            connection.close()
        }
        #expect(end == End(code: 1006, reason: "", clean: false))
        #expect(count == 0)
    }

    @Test("a peer that does not read: the bound, one pong, a Close that gets through, and drained")
    func slowReader() async throws {
        let (refusedAt, drained, pongs, last) = try await onLoop {
            (loop, done: @escaping ((Bool, Int, [Seen], Seen?)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let limit = 64 * 1024
            let (near, far) = try socketPair(loop, outboundLimit: limit)
            let server = Recorder()
            let connection = WebSocketConnection(far, hub: hub, delegate: server)
            let peer = RawPeer(near)
            peer.socket.pauseReading()
            var withinBound = true
            // First until the kernel takes no more, then until the bound is reached; then the peer pings and reads.
            func fill() {
                while connection.sendText(String(repeating: "x", count: 1000)) {}
                withinBound = withinBound && connection.outboundCount <= limit
                if !connection.isBlocked {
                    _ = loop.schedule(after: 1) { fill() }
                    return
                }
                peer.socket.write(frame(0x9, [1]) + frame(0x9, [2]) + frame(0x9, [3]))
                _ = loop.schedule(after: 5_000_000) { peer.socket.resumeReading() }
            }
            server.onDrained = { $0.close(CloseCode(rawValue: 4408), reason: "too slow") }
            peer.onSeen = { peer in
                if case .close? = peer.seen.last { peer.socket.write(close(4408)) }
            }
            peer.onClosed = { peer in
                let pongs = peer.seen.filter { if case .pong = $0 { true } else { false } }
                done((withinBound, server.drained, pongs, peer.seen.last))
            }
            fill()
        }
        #expect(refusedAt)
        #expect(drained == 1)
        #expect(pongs == [.pong([3])])
        #expect(last == .close(4408, "too slow"))
    }

    @Test("a frame made once goes to many, compressed or not, but not from a client")
    func shared() async throws {
        let (seen, fromClient) = try await onLoop { (loop, done: @escaping (([Seen], Bool)) -> Void) in
            let hub = WebSocketHub(loop: loop, options: Self.options())
            let made = FrameEncoder.text(capacity: 10) { $0 += Array("shared".utf8) }
            let recorder = Recorder()
            var fromClient = false
            recorder.onMessage = { _ in if recorder.seen.count == 3 { done((recorder.seen, fromClient)) } }
            for deflate in [nil, DeflateParameters(), DeflateParameters(serverNoContextTakeover: false)] {
                let (near, far) = try socketPair(loop)
                let client = WebSocketConnection(near, hub: hub, role: .client, deflate: deflate, delegate: recorder)
                let server = WebSocketConnection(far, hub: hub, deflate: deflate, delegate: EchoHandler())
                #expect(server.sendFrame(preEncoded: made))
                fromClient = fromClient || client.sendFrame(preEncoded: made)
            }
        }
        #expect(seen == Array(repeating: .text("shared"), count: 3))
        #expect(!fromClient)
    }
}
