import EventLoop
import Glibc
import HTTP
import HTTPTypes
import Testing

/// The server over real descriptors: a socket pair, a loop of its own.
@Suite struct HTTPServerSocketTests {
    /// Takes `/ws` over and sends back what it gets; serves files otherwise.
    private final class Handler: HTTPHandler, SocketDelegate {
        let loop: EventLoop
        let files: StaticFiles
        private var upgraded: Socket?

        init(_ loop: EventLoop, _ files: StaticFiles) {
            self.loop = loop
            self.files = files
        }

        func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
            guard request.segments == ["ws"] else {
                files.respond(to: request, responder, on: loop)
                return
            }
            let response = HTTPResponse(
                status: .switchingProtocols, headerFields: [.connection: "Upgrade", .upgrade: "echo"])
            guard let upgrade = responder.upgrade(response) else { return }
            upgrade.socket.delegate = self
            upgrade.socket.write(Array("left:".utf8) + upgrade.leftover)
            upgraded = upgrade.socket
        }

        func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
            socket.write(UnsafeRawBufferPointer(bytes))
        }
        func socketReceivedEnd(_ socket: Socket) { socket.closeAfterFlush(within: 1_000_000_000) }
        func socketDrained(_ socket: Socket) {}
        func socketClosed(_ socket: Socket) { upgraded = nil }
    }

    /// Sends `pieces`, each after something has come back for the one before, and reads to the end.
    private func talk(_ pieces: [String], directory: String) throws -> String {
        let loop = try EventLoop(label: "test")
        let files = try StaticFiles(directory: directory)
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let (server, client) = (pair[0], pair[1])
        defer { close(client) }
        // A test that waits for ever would say nothing.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = fcntl(server, F_SETFL, O_NONBLOCK)
        loop.start()
        loop.execute {
            let http = HTTPServer(on: loop, handler: Handler(loop, files))
            http.accept(server)
        }
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        for (position, piece) in pieces.enumerated() {
            var piece = piece
            piece.withUTF8 { _ = send(client, $0.baseAddress, $0.count, 0) }
            if position == pieces.count - 1 { shutdown(client, Int32(SHUT_WR)) }
            repeat {
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                text += String(decoding: buffer[..<count], as: UTF8.self)
            } while position == pieces.count - 1
        }
        loop.stop()
        return text
    }

    @Test func upgradesWithWhatIsLeft() throws {
        let directory = try Directory()
        let text = try talk(
            [get("/ws", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "early", "later"],
            directory: directory.path + "/public")
        #expect(
            text == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nleft:earlylater")
    }

    @Test func servesFilesFromItsQueue() throws {
        let directory = try Directory()
        let text = try talk(
            [get("/app.js") + get("/.hidden") + get("/", "Connection: close\r\n")],
            directory: directory.path + "/public")
        #expect(text.contains("\r\n\r\nappHTTP/1.1 404 Not Found\r\n"))
        #expect(text.hasSuffix("\r\n\r\n<p>index"))
    }
}
