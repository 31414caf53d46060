import HTTP
import Testing

@Suite struct HTTPResponseParserTests {
    @Test(
        arguments: [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                [.head(200, ["Content-Length: 3"]), .body("abc"), .end]
            ),
            ("HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n", [.head(200, ["content-length: 0"]), .end]),
            ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", [.head(200, ["Content-Length: 0"]), .end]),
            ("HTTP/1.1 204 No Content\r\n\r\n", [.head(204, []), .end]),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", [.head(304, ["Content-Length: 9"]), .end]),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx",
                [.head(404, ["Content-Length: 1"]), .body("x"), .end]
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
                [.head(200, ["Transfer-Encoding: Chunked"]), .body("abcde"), .end]
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
                [.head(200, ["Content-Length: 2", "Content-Length: 2"]), .body("ab"), .end]
            ),
            // What follows a complete response is not its own.
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", [.head(200, ["Content-Length: 1"]), .body("a"), .end]),
            ("HTTP/1.0 200 OK\r\n\r\nabc", [.head(200, []), .body("abc")]),
            ("HTTP/1.1 200 OK\r\nX:\t a b \t\r\n\r\n", [.head(200, ["X: a b"])]),
        ] as [(String, [HeardResponse])])
    func reads(_ text: String, _ expected: [HeardResponse]) {
        #expect(heard(text) == expected)
        let bytes = Array(text.utf8)
        for position in 0...bytes.count {
            #expect(heard([Array(bytes[..<position]), Array(bytes[position...])]) == expected, "at \(position)")
        }
        #expect(heard(bytes.map { [$0] }) == expected)
    }

    @Test(
        arguments: [
            ("HTTP/2 200 OK\r\n\r\n", .unsupportedVersion), ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
            ("http/1.1 200 OK\r\n\r\n", .malformedStatusLine), ("HTTP/1.1  200 OK\r\n\r\n", .malformedStatusLine),
            ("HTTP/1.1 20 OK\r\n\r\n", .malformedStatusLine), ("HTTP/1.1 2000 OK\r\n\r\n", .malformedStatusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", .malformedStatusLine), ("HTTP/1.1 200 OK\n\r\n", .malformedStatusLine),
            ("HTTP/1.1 200 O\u{1}K\r\n\r\n", .malformedStatusLine),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", .malformedStatusLine),
            ("SSH-2.0-OpenSSH_9.2\r\n", .malformedStatusLine), ("HTTP/1.1 101 Up\r\n\r\n", .unexpectedUpgrade),
            ("HTTP/1.1 200 OK\r\nX y: z\r\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\n folded\r\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\nX : z\r\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\nX: a\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", .malformedHeader),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .invalidContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", .invalidContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .invalidContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", .invalidContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .conflictingLengths),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .conflictingLengths),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                .unsupportedTransferCoding
            ),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .unsupportedTransferCoding),
        ] as [(String, HTTPResponseRefusal)])
    func refuses(_ text: String, _ refusal: HTTPResponseRefusal) {
        #expect(heard(text) == [.refused(refusal)])
        #expect(heard(Array(text.utf8).map { [$0] }) == [.refused(refusal)])
    }

    @Test(arguments: ["zz\r\n", "1\r\nab\r\n", "1\nx\r\n", "\r\n", "-1\r\n"])
    func refusesMalformedChunks(_ chunk: String) {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + chunk
        #expect(heard(text).last == .refused(.malformedChunk))
    }

    @Test(
        arguments: [
            ("", [.refused(.truncated)]), ("HTTP/1.1 200 OK\r\nX", [.refused(.truncated)]),
            ("HTTP/1.1 100 Continue\r\n\r\n", [.refused(.truncated)]),
            ("HTTP/1.1 200 OK\r\n\r\n", [.head(200, []), .end]),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
                [.head(200, ["Content-Length: 2"]), .body("a"), .refused(.truncated)]
            ),
            ("HTTP/1.1 204 X\r\n\r\n", [.head(204, []), .end]),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                [.head(200, ["Transfer-Encoding: chunked"]), .body("a"), .refused(.truncated)]
            ),
        ] as [(String, [HeardResponse])])
    func connectionEnds(_ text: String, _ expected: [HeardResponse]) {
        #expect(heard(text, closes: true) == expected)
    }

    @Test func answersToHeadAndConnectHaveNoBody() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        #expect(heard(text, rule: .head) == [.head(200, ["Content-Length: 5"]), .end])
        #expect(heard("HTTP/1.1 200 Established\r\n\r\n", rule: .connect) == [.head(200, []), .end])
        #expect(
            heard("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", rule: .connect)
                == [.head(407, ["Content-Length: 2"]), .body("no"), .end])
    }

    @Test func bounds() {
        var limits = HTTPResponseLimits()
        limits.headerBytes = 40
        limits.headerCount = 2
        limits.bodyBytes = 4
        limits.interimResponses = 1
        let line = "HTTP/1.1 200 OK\r\n"
        func heardHere(_ text: String) -> [HeardResponse] { heard(text, limits: limits) }
        #expect(heardHere(line + "A: 456789012345678901\r\n\r\n").first == .head(200, ["A: 456789012345678901"]))
        #expect(heardHere(line + "A: 456789012345678901234567") == [.refused(.headerTooLarge)])
        #expect(heardHere(String(repeating: "x", count: 100)) == [.refused(.headerTooLarge)])
        #expect(heardHere(line + "A:1\r\nB:2\r\nC:3\r\n\r\n") == [.refused(.tooManyHeaders)])
        #expect(heardHere(line + "Content-Length: 5\r\n\r\n") == [.refused(.bodyTooLarge)])
        #expect(heardHere(line + "\r\n12345").last == .refused(.bodyTooLarge))
        let interim = "HTTP/1.1 100 C\r\n\r\n"
        #expect(heardHere(interim + interim) == [.refused(.tooManyInterimResponses)])
        limits.headerBytes = 100
        #expect(
            heardHere(line + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n").last == .refused(.bodyTooLarge))
    }

    /// Bytes of responses, damaged and split at random: the events never depend on the split, and nothing traps.
    @Test func anySplitOfDamagedResponses() {
        let seeds = [
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "b;x=\"y\"\r\ndata: one\n\n\r\n0c\r\ndata: [x]\r\n\r\n\r\n0\r\nA: b\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 12\r\n\r\n{\"error\":{}}",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil the end",
        ]
        var random = Chance(state: 2026)
        for round in 0..<4_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert([0x0A, 0x0D, 0x3A, 0x20].randomElement(using: &random) ?? 0, at: index)
                default: bytes.removeSubrange(index...)
                }
                if bytes.isEmpty { bytes = [0x48] }
            }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = Int.random(in: 1...min(rest.count, 40), using: &random)
                pieces.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(heard(pieces, closes: true) == heard([bytes], closes: true), "\(bytes)")
        }
    }
}

/// A small generator with a seed (a linear congruence, upper half mixed down), so that a failure comes again.
private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 31
    }
}
