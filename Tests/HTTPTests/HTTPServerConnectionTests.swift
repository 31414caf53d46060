import HTTP
import HTTPTypes
import Testing

@Suite struct HTTPServerConnectionTests {
    @Test func keepsAliveAndPipelines() {
        let bench = Bench()
        bench.receive(get("/1"))
        #expect(bench.transport.takeText() == ok("/1"))
        bench.receive(get("/2") + "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy" + get("/4").dropLast(1))
        #expect(bench.transport.takeText() == ok("/2") + ok("/3xy"))
        bench.receive("\r\n")
        #expect(bench.transport.takeText() == ok("/4"))
        #expect(bench.handler.requests.count == 4)
        #expect(bench.handler.requests[0].peerAddress == "192.0.2.7")
        #expect(bench.connection.isIdle && !bench.transport.isLingering)
    }

    @Test func everySplitGivesTheSameAnswers() {
        let bytes = Array(HTTPRequestParserTests.stream.utf8)
        let whole = Bench()
        whole.receive(HTTPRequestParserTests.stream)
        #expect(whole.handler.requests.count == 4 && whole.transport.isLingering)
        for position in 0...bytes.count {
            let bench = Bench()
            bench.receive(String(decoding: bytes[..<position], as: UTF8.self))
            bench.receive(String(decoding: bytes[position...], as: UTF8.self))
            #expect(bench.transport.text == whole.transport.text, "at \(position)")
        }
    }

    @Test func answersInOrderWhenTheyComeLate() {
        let bench = Bench(echo: false)
        bench.receive(get("/1") + get("/2") + get("/3"))
        // One at a time.
        #expect(bench.handler.waiting.count == 1)
        bench.receive(get("/4"))
        for number in 1...4 {
            let responder = bench.handler.waiting.removeFirst()
            #expect(responder.isOpen)
            #expect(responder.respond(HTTPResponse(status: .ok), body: Array("\(number)".utf8)))
            #expect(!responder.isOpen)
            #expect(!responder.respond(HTTPResponse(status: .ok), body: [1]))
        }
        #expect(bench.transport.text == (1...4).map { ok("\($0)") }.joined())
    }

    struct Answered: Sendable {
        let request: String
        let status: HTTPResponse.Status
        let text: String
        let closes: Bool
    }

    @Test(arguments: [
        Answered(request: get("/", "Connection: close\r\n"), status: .ok, text: ok("body", close: true), closes: true),
        Answered(
            request: "GET / HTTP/1.0\r\n\r\n", status: .ok, text: ok("body", close: true), closes: true),
        Answered(
            request: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", status: .ok,
            text: "HTTP/1.1 200 OK\r\n\(dateLine)Content-Length: 4\r\nConnection: keep-alive\r\n\r\nbody", closes: false
        ),
        Answered(
            request: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", status: .ok,
            text: "HTTP/1.1 200 OK\r\n\(dateLine)Content-Length: 4\r\n\r\n", closes: false),
        Answered(
            request: get("/"), status: .noContent, text: "HTTP/1.1 204 No Content\r\n\(dateLine)\r\n", closes: false),
        Answered(
            request: get("/"), status: .notModified, text: "HTTP/1.1 304 Not Modified\r\n\(dateLine)\r\n",
            closes: false),
    ])
    func framesAnswers(_ row: Answered) {
        let bench = Bench()
        bench.handler.answer = { _, responder in
            responder.respond(HTTPResponse(status: row.status), body: Array("body".utf8))
        }
        bench.receive(row.request)
        #expect(bench.transport.text == row.text)
        #expect(bench.transport.isLingering == row.closes)
    }

    @Test func asksForTheBody() {
        let bench = Bench()
        bench.receive("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(bench.transport.takeText() == "HTTP/1.1 100 Continue\r\n\r\n")
        bench.receive("ab")
        #expect(bench.transport.takeText() == ok("/ab"))
        // Not when the body is there already, and not when it will be refused.
        bench.receive("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        #expect(bench.transport.takeText() == ok("/ab"))
        bench.receive("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
        #expect(bench.transport.takeText().hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
    }

    @Test(arguments: [
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_field"), ("GET / HTTP/3.0\r\n", 505, "invalid_field"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413, "content_too_long"),
        ("CONNECT a:1 HTTP/1.1\r\n", 501, "invalid_op"),
    ])
    func refusesAndCloses(_ text: String, _ status: Int, _ code: String) {
        let bench = Bench()
        bench.receive(get("/1") + text + get("/2"))
        let answers = bench.transport.text
        #expect(answers.hasPrefix(ok("/1") + "HTTP/1.1 \(status) "))
        #expect(answers.contains(#"{"error":{"code":"\#(code)","message":""#) && answers.contains("Connection: close"))
        #expect(bench.handler.requests.count == 1 && bench.transport.isLingering)
        bench.receive(get("/3"))
        #expect(bench.handler.requests.count == 1)
    }

    @Test func aForgottenResponderAnswers500() {
        let bench = Bench()
        bench.handler.answer = { _, _ in }
        bench.receive(get("/1") + get("/2"))
        #expect(bench.transport.text.components("HTTP/1.1 500 ") == 2)
    }

    @Test func closingIsHeardOnce() {
        let bench = Bench(echo: false)
        bench.receive(get("/1"))
        let heard = Bench.Counter()
        bench.handler.waiting[0].onClosed { heard.value += 1 }
        bench.connection.closed()
        bench.connection.closed()
        #expect(heard.value == 1 && bench.ended.value == 1)
        #expect(!bench.handler.waiting[0].respond(HTTPResponse(status: .ok)))
        #expect(bench.transport.text == "")
    }

    @Test func aHalfClosedClientIsStillAnswered() {
        let bench = Bench(echo: false)
        bench.receive(get("/1") + get("/2"))
        bench.connection.receivedEnd()
        #expect(!bench.transport.isLingering)
        bench.handler.waiting.removeFirst().respond(HTTPResponse(status: .ok), body: [49])
        #expect(!bench.transport.isLingering)
        bench.handler.waiting.removeFirst().respond(HTTPResponse(status: .ok), body: [50])
        #expect(bench.transport.text == ok("1") + ok("2") && bench.transport.isLingering)
        let idle = Bench()
        idle.connection.receivedEnd()
        #expect(idle.transport.isLingering)
    }

    @Test func drains() {
        let idle = Bench()
        idle.connection.drain()
        #expect(idle.transport.isLingering && idle.transport.text == "")
        let busy = Bench(echo: false)
        busy.receive(get("/1") + get("/2"))
        busy.connection.drain()
        #expect(!busy.transport.isLingering)
        busy.handler.waiting[0].respond(HTTPResponse(status: .ok), body: [49])
        #expect(busy.transport.text == ok("1", close: true) && busy.transport.isLingering)
        #expect(busy.handler.waiting.count == 1)
    }

    // MARK: Back-pressure

    @Test func readingPausesWhileMuchWaits() {
        var settings = HTTPServerSettings()
        settings.pipelineBytes = 100
        let bench = Bench(echo: false, settings: settings)
        bench.receive(get("/1"))
        bench.receive(String(repeating: get("/2"), count: 3))
        #expect(!bench.transport.isPaused)
        bench.receive(get("/3"))
        #expect(bench.transport.isPaused)
        while !bench.handler.waiting.isEmpty {
            #expect(bench.handler.requests.count <= 5)
            bench.handler.waiting.removeFirst().respond(HTTPResponse(status: .ok))
        }
        #expect(bench.handler.requests.count == 5 && !bench.transport.isPaused)
    }

    @Test func aLargeBodyLeavesInPieces() {
        let bench = Bench()
        let body = [UInt8](repeating: 65, count: 1_000_000)
        bench.handler.answer = { _, responder in responder.respond(HTTPResponse(status: .ok), body: body) }
        bench.transport.isStuck = true
        bench.receive(get("/1") + get("/2"))
        #expect(bench.transport.outboundCount == HTTPServerSettings().outboundBytes)
        bench.transport.endTick(bench.connection)
        #expect(bench.transport.outboundCount == HTTPServerSettings().outboundBytes)
        #expect(bench.handler.requests.count == 1)
        bench.transport.isStuck = false
        for _ in 0..<20 {
            bench.transport.endTick(bench.connection)
            bench.connection.drained()
        }
        #expect(bench.handler.requests.count == 2)
        #expect(bench.transport.written.count > 2_000_000 && bench.transport.written.count < 2_000_400)
    }

    @Test func aClientThatDoesNotReadIsNotServedFurther() {
        let bench = Bench()
        bench.handler.answer = { _, responder in
            responder.respond(HTTPResponse(status: .ok), body: [UInt8](repeating: 65, count: 100_000))
        }
        bench.transport.isStuck = true
        bench.receive(String(repeating: get("/"), count: 50))
        #expect(bench.handler.requests.count == 3)
        bench.transport.advance(61, bench.connection)
        #expect(!bench.transport.isOpen)
    }

    // MARK: Streams

    @Test func streamsInChunks() throws {
        let bench = Bench(echo: false)
        bench.receive(get("/1") + get("/2"))
        let stream = try #require(bench.handler.waiting.removeFirst().beginStream(HTTPResponse(status: .ok)))
        #expect(stream.write(Array("hello".utf8)) == .taken)
        #expect(stream.write([]) == .taken)
        stream.end()
        stream.end()
        #expect(stream.write([1]) == .refused && !stream.isOpen)
        #expect(
            bench.transport.text
                == "HTTP/1.1 200 OK\r\n\(dateLine)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        #expect(bench.handler.waiting.count == 1)
    }

    @Test(arguments: [
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\(dateLine)Connection: close\r\n\r\nhello", true
        ),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\(dateLine)Transfer-Encoding: chunked\r\n\r\n", false
        ),
    ])
    func streamsToOthers(_ request: String, _ text: String, _ closes: Bool) throws {
        let bench = Bench(echo: false)
        bench.receive(request)
        let stream = try #require(bench.handler.waiting.removeFirst().beginStream(HTTPResponse(status: .ok)))
        stream.write(Array("hello".utf8))
        stream.end()
        #expect(bench.transport.text == text && bench.transport.isLingering == closes)
    }

    @Test func streamsHoldBack() throws {
        let bench = Bench(echo: false)
        bench.transport.isStuck = true
        bench.receive(get("/"))
        let stream = try #require(bench.handler.waiting.removeFirst().beginStream(HTTPResponse(status: .ok)))
        let drained = Bench.Counter()
        stream.onDrained { drained.value += 1 }
        let piece = [UInt8](repeating: 65, count: 200_000)
        #expect(stream.write(piece) == .taken)
        #expect(stream.write(piece) == .takenWait)
        for _ in 0..<3 { #expect(stream.write(piece) == .takenWait) }
        #expect(stream.write(piece) == .refused)
        bench.transport.endTick(bench.connection)
        #expect(drained.value == 0)
        bench.transport.outboundCount = 0
        bench.connection.drained()
        #expect(drained.value == 1)
        #expect(stream.write(piece) == .taken)
    }

    @Test func aDroppedStreamCuts() throws {
        let bench = Bench(echo: false)
        bench.receive(get("/"))
        _ = bench.handler.waiting.removeFirst().beginStream(HTTPResponse(status: .ok))
        #expect(!bench.transport.isOpen)
    }

    @Test func aStreamHearsThatTheClientHasGone() throws {
        let bench = Bench(echo: false)
        bench.receive(get("/"))
        let stream = try #require(bench.handler.waiting.removeFirst().beginStream(HTTPResponse(status: .ok)))
        let heard = Bench.Counter()
        stream.onClosed { heard.value += 1 }
        bench.connection.receivedEnd()
        bench.transport.endTick(bench.connection)
        #expect(heard.value == 1 && stream.write([1]) == .refused && bench.ended.value == 1)
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(_ part: String) -> Int {
        var rest = self[...]
        var count = 0
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
