import EventLoop
import Glibc
import HTTP
import HTTPTypes
import Testing

private let millisecond: UInt64 = 1_000_000

/// The client against a server of raw bytes.
@Suite struct HTTPClientTests {
    @Test func keepsConnectionsAndReadsAllFramings() throws {
        let server = try ScriptedServer { peer in
            while let request = peer.request() {
                switch request.split(separator: " ")[1] {
                case "/length": peer.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
                case "/chunked":
                    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    peer.chunk("ab")
                    peer.chunk("c")
                    peer.endChunks()
                case "/none": peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
                case "/error": peer.write("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno")
                default:
                    peer.write("HTTP/1.1 200 OK\r\n\r\nuntil the end")
                    return
                }
            }
        }
        let client = try TestClient()
        for (path, expected) in [
            ("/length", [.head(200), .body("abc"), .end]), ("/chunked", [.head(200), .body("abc"), .end]),
            ("/none", [.head(204), .body(""), .end]), ("/error", [.head(500), .body("no"), .end]),
            ("/end", [.head(200), .body("until the end"), .end]), ("/length", [.head(200), .body("abc"), .end]),
        ] as [(String, [ExchangeHeard])] {
            #expect(try client.get(server.url + path) == expected, "\(path)")
        }
        #expect(server.connections == 2)
        let figures = try #require(client.figures)
        #expect(figures.reused == 4 && figures.opened == 2 && figures.idle == 1 && figures.completed == 6)
    }

    @Test(
        arguments: [
            // What the server does, what the client makes of it.
            ("nothing", [.failed(.closedBeforeResponse)]), ("reset", [.failed(.closedBeforeResponse)]),
            ("half head", [.failed(.truncated)]), ("nonsense", [.failed(.malformed(.malformedStatusLine))]),
            ("short", [.head(200), .body("ab"), .failed(.truncated)]),
            ("short chunk", [.head(200), .body("ab"), .failed(.truncated)]),
            ("bad chunk", [.head(200), .body("ab"), .failed(.malformed(.malformedChunk))]),
            ("huge head", [.failed(.headerTooLarge)]), ("endless head", [.failed(.headerTooLarge)]),
            ("large", [.head(200), .failed(.bodyTooLarge)]), ("redirect", [.failed(.redirected(302, to: "http://a/"))]),
            ("gzip", [.failed(.encoded)]), ("reset in the middle", [.head(200), .body("ab"), .failed(.truncated)]),
            ("upgrade", [.failed(.malformed(.unexpectedUpgrade))]),
        ] as [(String, [ExchangeHeard])])
    func badServers(_ behaviour: String, _ expected: [ExchangeHeard]) throws {
        let arrived = Heard<Bool>()
        let server = try ScriptedServer { peer in
            _ = peer.request()
            let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            switch behaviour {
            case "reset": peer.reset()
            case "half head": peer.write("HTTP/1.1 200 OK\r\nContent-Le")
            case "nonsense": peer.write("220 smtp.example.com ESMTP\r\n")
            case "short": peer.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")
            case "short chunk": peer.write(chunked + "3\r\nab")
            case "bad chunk": peer.write(chunked + "2\r\nab\r\nxyz\r\n")
            case "huge head":
                peer.write("HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 3_000))\r\n\r\n")
                _ = peer.waitForEnd()
            case "endless head":
                peer.write("HTTP/1.1 200 OK\r\n")
                for _ in 0..<100 { peer.write("X: \(String(repeating: "x", count: 40))\r\n") }
                _ = peer.waitForEnd()
            case "large":
                peer.write(chunked + "ffffff\r\n")
                _ = peer.waitForEnd()
            case "redirect": peer.write("HTTP/1.1 302 Found\r\nLocation: http://a/\r\nContent-Length: 0\r\n\r\n")
            case "gzip": peer.write("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")
            case "reset in the middle":
                peer.write(chunked + "2\r\nab\r\n")
                // Not before what was sent has been read.
                arrived.wait { !$0.isEmpty }
                peer.reset()
            case "upgrade": peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
            default: break
            }
        }
        let client = try TestClient { settings in
            settings.limits.headerBytes = 2_000
            settings.limits.bodyBytes = 1_000
        }
        let heard = client.start(HTTPClientRequest(.get, try HTTPURL(server.url))) { _ in arrived.append(true) }
        #expect(heard.wait { $0.last?.isLast == true } == expected)
        let figures = try #require(client.figures)
        #expect(figures.connections == 0 && figures.failed == 1)
    }

    /// Only the time that is meant is short: a slow machine must not make it another.
    @Test(
        arguments: [
            ("/silent", "first byte", .firstByteTimedOut), ("/stall", "idle", .idleTimedOut),
            ("/drip", "total", .totalTimedOut), ("/silent", "total", .totalTimedOut),
        ] as [(String, String, HTTPClientFailure)])
    func times(_ path: String, _ time: String, _ failure: HTTPClientFailure) throws {
        let server = try ScriptedServer { peer in
            let request = peer.request() ?? ""
            if request.hasPrefix("GET /stall") { peer.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab") }
            if request.hasPrefix("GET /drip") {
                peer.write("HTTP/1.1 200 OK\r\n\r\n")
                repeat { peer.write("x") } while peer.isOpen(for: 5)
            }
            _ = peer.waitForEnd()
        }
        let client = try TestClient { settings in
            switch time {
            case "first byte": settings.firstByteTimeout = 60 * millisecond
            case "idle": settings.idleTimeout = 60 * millisecond
            default: settings.totalTimeout = 60 * millisecond
            }
        }
        #expect(try client.get(server.url + path).last == .failed(failure))
        #expect(client.figures?.connections == 0)
    }

    @Test func connectFailures() throws {
        let closed = try ScriptedServer.closedPort()
        let client = try TestClient(lookUp: { name, port in
            ["127.0.0.2", "127.0.0.1"].filter { _ in name == "two.example" }
                .compactMap { SocketAddress(ip: $0, port: port) }
        })
        #expect(try client.get("http://127.0.0.1:\(closed)") == [.failed(.refused)])
        #expect(try client.get("http://nowhere.example") == [.failed(.unresolved)])
        // The second address answers where the first refuses.
        let server = try ScriptedServer { peer in
            _ = peer.request()
            peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
        }
        #expect(try client.get("http://two.example:\(server.port)").last == .end)
        #expect(client.figures?.connections == 0)
    }

    /// A listener whose queue is full lets connections wait.
    @Test func anAddressThatDoesNotAnswer() throws {
        let full = try FullListener()
        let client = try TestClient { $0.connectTimeout = 60 * millisecond }
        #expect(try client.get("http://127.0.0.1:\(full.port)") == [.failed(.connectTimedOut)])
    }

    @Test func aNameThatHangsEndsWithTheConnectTime() throws {
        let release = Heard<Bool>()
        let client = try TestClient { settings in
            settings.connectTimeout = 30 * millisecond
        } lookUp: { _, _ in
            release.wait { !$0.isEmpty }
            return []
        }
        #expect(try client.get("http://slow.example") == [.failed(.connectTimedOut)])
        release.append(true)
    }

    @Test func aStaleConnectionIsReplacedOnce() throws {
        // Each connection serves one request and is closed at the second.
        let server = try ScriptedServer { peer in
            _ = peer.request()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(peer.number)")
            if peer.request() != nil { peer.reset() }
        }
        let client = try TestClient()
        #expect(try client.get(server.url) == [.head(200), .body("1"), .end])
        #expect(try client.get(server.url) == [.head(200), .body("2"), .end])
        #expect(client.figures?.repeated == 1)
        // What may not be repeated is not.
        var request = HTTPClientRequest(.post, try HTTPURL(server.url), body: Array("x".utf8))
        request.mayRepeat = false
        #expect(client.start(request).wait { $0.last?.isLast == true } == [.failed(.closedBeforeResponse)])
        #expect(server.connections == 2)
    }

    @Test func cancelClosesAtOnce() throws {
        let seen = Heard<Bool>()
        let server = try ScriptedServer { peer in
            _ = peer.request()
            peer.write("HTTP/1.1 200 OK\r\n\r\nx")
            seen.append(peer.waitForEnd())
        }
        let client = try TestClient()
        let heard = client.start(HTTPClientRequest(.get, try HTTPURL(server.url))) { $0.cancel() }
        #expect(seen.wait { !$0.isEmpty } == [true])
        let figures = try #require(client.figures)
        #expect(figures.cancelled == 1 && figures.connections == 0)
        #expect(heard.values == [.head(200)])
    }

    @Test func aPausedReaderHoldsTheServerBack() throws {
        let total = 64 << 20
        let sent = Heard<Int>()
        let server = try ScriptedServer { peer in
            _ = peer.request()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let block = String(repeating: "x", count: 1 << 16)
            for part in 0..<total >> 16 {
                // False: the kernel's buffers are full, and nobody reads.
                if !peer.canWrite(within: 200) { sent.append(part << 16) }
                peer.write(block)
            }
        }
        let client = try TestClient { $0.limits.bodyBytes = total }
        let paused = Heard<LoopBound<HTTPExchange>>()
        let loop = client.loop
        let heard = client.start(HTTPClientRequest(.get, try HTTPURL(server.url))) { exchange in
            guard paused.values.isEmpty else { return }
            exchange.pauseReading()
            paused.append(LoopBound(exchange, on: loop))
        }
        let held = sent.wait { !$0.isEmpty }.first
        #expect(try #require(held) < total)
        let exchange = try #require(paused.values.first)
        client.run { _, _ in exchange.value.resumeReading() }
        let end = heard.wait { $0.last?.isLast == true }
        #expect(end.last == .end)
    }

    @Test func unaskedBytesCloseAnIdleConnection() throws {
        let server = try ScriptedServer { peer in
            _ = peer.request()
            peer.write(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
            _ = peer.waitForEnd()
        }
        let client = try TestClient()
        for _ in 0..<2 { #expect(try client.get(server.url) == [.head(200), .body("x"), .end]) }
        #expect(server.connections == 2)
    }

    @Test func closingEndsWhatIsUnderWay() throws {
        let server = try ScriptedServer { peer in
            _ = peer.request()
            _ = peer.waitForEnd()
        }
        let client = try TestClient()
        let heard = client.start(HTTPClientRequest(.get, try HTTPURL(server.url)))
        client.run { client, _ in client.close() }
        #expect(heard.wait { !$0.isEmpty } == [.failed(.closed)])
        #expect(try client.get(server.url) == [.failed(.closed)])
        #expect(client.figures?.connections == 0)
    }

    @Test func httpThroughAProxy() throws {
        let server = try ScriptedServer { peer in
            let request = peer.request() ?? ""
            let lines = request.split(separator: "\r\n")
            let isRight =
                lines.first == "GET http://example.test/x HTTP/1.1" && lines.contains("Host: example.test")
                && lines.contains("Proxy-Authorization: Basic dTpw")
            peer.write("HTTP/1.1 \(isRight ? 200 : 400) X\r\nContent-Length: 0\r\n\r\n")
        }
        let port = server.port
        let proxies = try HTTPProxySettings(http: "http://u:p@127.0.0.1:\(port)", https: nil, none: "127.0.0.1")
        let client = try TestClient { $0.proxies = proxies }
        #expect(try client.get("http://example.test/x") == [.head(200), .body(""), .end])
    }
}
