import HTTP
import HTTPTypes
import Testing

@Suite struct HTTPRequestParserTests {
    struct Valid: Sendable {
        let text: String
        let events: [Recorded]
        init(_ text: String, _ events: [Recorded]) {
            self.text = text
            self.events = events
        }
    }

    @Test(arguments: [
        Valid("GET / HTTP/1.1\r\nHost: a\r\n\r\n", [.head("GET / http11 none keep [Host=a]"), .end]),
        Valid("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [.head("GET / http11 none keep [Host=a]"), .end]),
        Valid("GET / HTTP/1.0\r\n\r\n", [.head("GET / http10 none close []"), .end]),
        Valid(
            "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            [.head("GET / http10 none keep [Connection=Keep-Alive]"), .end]),
        Valid(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, CLOSE\r\n\r\n",
            [.head("GET / http11 none close [Host=a|Connection=upgrade, CLOSE]"), .end]),
        Valid("GET / HTTP/1.7\r\nHost: a\r\n\r\n", [.head("GET / http11 none keep [Host=a]"), .end]),
        Valid(
            "GET /a?b=|{c}^ HTTP/1.1\r\nhost: a:80\r\n\r\n",
            [.head("GET /a?b=|{c}^ http11 none keep [host=a:80]"), .end]),
        Valid(
            "GET http://h:1/a?b HTTP/1.1\r\nHost: a\r\n\r\n",
            [.head("GET http://h:1/a?b http11 none keep [Host=a]"), .end]),
        Valid(
            "OPTIONS * HTTP/1.1\r\nHost: [::1]:8\r\n\r\n", [.head("OPTIONS * http11 none keep [Host=[::1]:8]"), .end]),
        Valid("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", [.head("BREW /pot http11 none keep [Host=a]"), .end]),
        Valid(
            "GET / HTTP/1.1\r\nHost:a\r\nX: \t v  w\t \r\nEmpty:\r\n\r\n",
            [.head("GET / http11 none keep [Host=a|X=v  w|Empty=]"), .end]),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc",
            [.head("POST / http11 length 3 keep [Host=a|Content-Length=003]"), .body("abc"), .end]),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            [.head("POST / http11 none keep [Host=a|Content-Length=0]"), .end]),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            [
                .head("POST / http11 length 1 keep expects [Host=a|Expect=100-Continue|Content-Length=1]"), .body("x"),
                .end,
            ]),
        Valid(
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            [.head("POST / http10 length 1 close [Expect=100-continue|Content-Length=1]"), .body("x"), .end]),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "3\r\nabc\r\n0A;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n",
            [
                .head("POST / http11 chunked keep [Host=a|Transfer-Encoding=Chunked]"), .body("abc0123456789"), .end,
            ]),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "0 ;a\r\nHost: evil\r\nX-Trailer:\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            [
                .head("POST / http11 chunked keep [Host=a|Transfer-Encoding=chunked]"), .end,
                .head("GET / http10 none close []"), .end,
            ]),
        Valid(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
            [.head("GET /1 http11 none keep [Host=a]"), .end, .head("GET /2 http11 none keep [Host=b]"), .end]),
        // Not complete: nothing is said yet.
        Valid("GET / HTTP/1.1\r\nHost: a\r\n", []),
        Valid(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc",
            [.head("POST / http11 length 5 keep [Host=a|Content-Length=5]"), .body("abc")]),
    ])
    func accepts(_ row: Valid) {
        #expect(record(row.text) == row.events)
    }

    struct Refused: Sendable, CustomStringConvertible {
        let text: String
        let refusal: HTTPRefusal
        let status: Int
        init(_ text: String, _ refusal: HTTPRefusal, _ status: Int = 400) {
            self.text = text
            self.refusal = refusal
            self.status = status
        }
        var description: String { "\(refusal): \(text.prefix(60).debugDescription)" }
    }

    static let badRequestLines: [Refused] = [
        Refused("\r\n\r\nGET / HTTP/1.1\r\n", .malformedRequestLine),
        Refused(" GET / HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GET  / HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GET /  HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GET / HTTP/1.1 \r\n", .malformedRequestLine),
        Refused("GET\t/ HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GET /\r\n", .malformedRequestLine),
        Refused("GET\r\n", .malformedRequestLine),
        Refused("GET / http/1.1\r\n", .malformedRequestLine),
        Refused("GET / HTTP/1.10\r\n", .malformedRequestLine),
        Refused("GET / HTTP/1\r\n", .malformedRequestLine),
        Refused("GET / HTTPS/1.1\r\n", .malformedRequestLine),
        Refused("G(T / HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GËT / HTTP/1.1\r\n", .malformedRequestLine),
        Refused("GET / HTTP/2.0\r\n", .unsupportedVersion, 505),
        Refused("PRI * HTTP/2.0\r\n", .unsupportedVersion, 505),
        Refused("GET / HTTP/0.9\r\n", .unsupportedVersion, 505),
        Refused("CONNECT a:80 HTTP/1.1\r\n", .unsupportedMethod, 501),
        Refused("GET /a\u{0}b HTTP/1.1\r\n", .invalidTarget),
        Refused("GET /a\tb HTTP/1.1\r\n", .invalidTarget),
        Refused("GET /é HTTP/1.1\r\n", .invalidTarget),
        Refused("GET /a#b HTTP/1.1\r\n", .invalidTarget),
        Refused("GET /\"a HTTP/1.1\r\n", .invalidTarget),
        Refused("GET /a\rb HTTP/1.1\r\n", .invalidTarget),
        Refused("GET a HTTP/1.1\r\n", .invalidTarget),
        Refused("GET * HTTP/1.1\r\n", .invalidTarget),
        Refused("GET ftp://a/ HTTP/1.1\r\n", .invalidTarget),
        Refused("GET http:///a HTTP/1.1\r\n", .invalidTarget),
        Refused("GET http://u@h/a HTTP/1.1\r\n", .invalidTarget),
        Refused("GET / HTTP/1.1\n", .bareLineFeed),
        Refused("\nGET / HTTP/1.1\r\n", .bareLineFeed),
    ]

    @Test(arguments: badRequestLines)
    func refusesRequestLine(_ row: Refused) {
        let rest = "Host: a\r\n\r\n"
        #expect(record(row.text + rest) == [.refused(row.refusal)])
        #expect(row.refusal.status.code == row.status)
    }

    /// Each stands among good header fields.
    static let badFields: [Refused] = [
        Refused("Host: a\r\n X: folded\r\n", .obsoleteLineFolding),
        Refused("Host: a\r\n\tX: folded\r\n", .obsoleteLineFolding),
        Refused(" Host: a\r\n", .obsoleteLineFolding),
        Refused("Host: a\r\nX : v\r\n", .malformedHeader),
        Refused("Host: a\r\nContent-Length : 3\r\n", .malformedHeader),
        Refused("Host: a\r\nTransfer-Encoding\t: chunked\r\n", .malformedHeader),
        Refused("Host: a\r\nX\r\n", .malformedHeader),
        Refused("Host: a\r\n: v\r\n", .malformedHeader),
        Refused("Host: a\r\nX@Y: v\r\n", .malformedHeader),
        Refused("Host: a\r\nXé: v\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\u{0}b\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\rb\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\r\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\u{7F}\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\u{1B}[2J\r\n", .malformedHeader),
        Refused("Host: a\r\nX: a\n", .bareLineFeed),
        Refused("Host: a\r\nX: a\nContent-Length: 3\r\n", .bareLineFeed),
        Refused("", .missingHost),
        Refused("X-Host: a\r\n", .missingHost),
        Refused("Host: a\r\nHost: a\r\n", .duplicateHost),
        Refused("Host: a\r\nHOST: b\r\n", .duplicateHost),
        Refused("Host:\r\n", .invalidHost),
        Refused("Host: a b\r\n", .invalidHost),
        Refused("Host: a/b\r\n", .invalidHost),
        Refused("Host: u@a\r\n", .invalidHost),
        Refused("Host: a\\b\r\n", .invalidHost),
        Refused("Host: a\r\nExpect: 200-ok\r\n", .unsupportedExpectation, 417),
    ]

    /// Two parsers could disagree on where each of these requests ends.
    static let smuggling: [Refused] = [
        Refused("Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n", .duplicateContentLength),
        Refused("Host: a\r\nContent-Length: 3\r\ncontent-length: 4\r\n", .duplicateContentLength),
        Refused("Host: a\r\nContent-Length: 3, 3\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: +3\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: -3\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: 0x3\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: 3 3\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: 3.0\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length:\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: ٣\r\n", .invalidContentLength),
        Refused("Host: a\r\nContent-Length: 1048577\r\n", .bodyTooLarge, 413),
        Refused("Host: a\r\nContent-Length: 18446744073709551619\r\n", .bodyTooLarge, 413),
        Refused("Host: a\r\nContent-Length: 99999999999999999999999999\r\n", .bodyTooLarge, 413),
        Refused("Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", .contentLengthWithTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n", .contentLengthWithTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: chunked, gzip\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding:\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: ,\r\n", .invalidTransferEncoding),
        Refused("Host: a\r\nTransfer-Encoding: \u{B}chunked\r\n", .malformedHeader),
        Refused("Host: a\r\nTransfer-Encoding: gzip\r\n", .unsupportedTransferCoding, 501),
        Refused("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", .unsupportedTransferCoding, 501),
        Refused("Host: a\r\nTransfer-Encoding: identity\r\n", .unsupportedTransferCoding, 501),
        Refused("Host: a\r\nTransfer-Encoding: xchunked\r\n", .unsupportedTransferCoding, 501),
        Refused("Host: a\r\nTransfer-Encoding: chunked;q=1\r\n", .unsupportedTransferCoding, 501),
        Refused("Host: a\r\nTransfer-Encoding: \"chunked\"\r\n", .unsupportedTransferCoding, 501),
    ]

    @Test(arguments: badFields + smuggling)
    func refusesFields(_ row: Refused) {
        // The request that follows must never be seen.
        let text = "POST / HTTP/1.1\r\n" + row.text + "\r\nabcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(record(text) == [.refused(row.refusal)])
        #expect(row.refusal.status.code == row.status)
    }

    @Test func refusesChunksInHTTP10() {
        #expect(
            record("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                == [.refused(.invalidTransferEncoding)])
        #expect(record("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == [.refused(.duplicateHost)])
    }

    // MARK: Bounds

    struct Bound: Sendable {
        let text: @Sendable (Int) -> String
        let most: Int
        let refusal: HTTPRefusal
    }

    @Test(arguments: [
        Bound(
            text: { "GET /\(String(repeating: "a", count: $0 - 14)) HTTP/1.1\r\nHost: a\r\n\r\n" }, most: 8192,
            refusal: .requestLineTooLong),
        Bound(
            text: { "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: $0 - 1))\r\n" }, most: 64,
            refusal: .tooManyHeaders),
        Bound(
            text: { "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: $0 - 14))\r\n\r\n" }, most: 32768,
            refusal: .headersTooLarge),
        Bound(
            text: { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \($0)\r\n\r\n" }, most: 1 << 20,
            refusal: .bodyTooLarge),
    ])
    func bounds(_ row: Bound) {
        let atBound = record(row.text(row.most))
        #expect(atBound.count >= 1)
        if case .head? = atBound.first {} else { Issue.record("refused at the bound: \(atBound)") }
        #expect(record(row.text(row.most + 1)) == [.refused(row.refusal)])
    }

    /// A line that never ends is refused at the bound, not collected.
    @Test func endlessLines() {
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
        #expect(record(Array(repeating: piece, count: 9)) == [.refused(.requestLineTooLong)])
        let start = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8)
        #expect(record([start] + Array(repeating: piece, count: 33)) == [.refused(.headersTooLarge)])
    }

    // MARK: Splits

    static let stream =
        "\r\nGET /one?a=b HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n"
        + "POST /two HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhello"
        + "POST /three HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "6;name=value\r\n world\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
        + "GET /four HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        + "GET /five HTTP/1.1\r\nHost: example.org\r\nBad Header: x\r\n\r\nGET /six HTTP/1.1\r\n\r\n"

    @Test func everySplit() {
        let bytes = Array(Self.stream.utf8)
        let whole = record([bytes])
        #expect(whole.count == 11)
        #expect(whole.last == .refused(.malformedHeader))
        for position in 0...bytes.count {
            #expect(record([Array(bytes[..<position]), Array(bytes[position...])]) == whole, "at \(position)")
        }
        for size in 1...7 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(record(pieces) == whole, "pieces of \(size)")
        }
    }

    /// Refusals do not depend on the split either.
    @Test(arguments: badRequestLines + badFields + smuggling)
    func everySplitOfARefusal(_ row: Refused) {
        let isFields = !Self.badRequestLines.contains { $0.text == row.text }
        let text = isFields ? "POST / HTTP/1.1\r\n" + row.text + "\r\nabc" : row.text + "Host: a\r\n\r\n"
        let bytes = Array(text.utf8)
        for position in 0...bytes.count {
            #expect(record([Array(bytes[..<position]), Array(bytes[position...])]) == [.refused(row.refusal)])
        }
    }

    /// Damaged streams, the same ones every time: whatever becomes of them does not depend on the split.
    @Test(arguments: 0..<20)
    func damagedStreams(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let interesting = Array("\r\n\0 \t:;,0fF-\u{7F}".utf8) + [0x80, 0xFF]
        for _ in 0..<100 {
            var bytes = Array(Self.stream.utf8)
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[position] = interesting[Int.random(in: 0..<interesting.count, using: &random)]
                case 1: bytes.insert(interesting[Int.random(in: 0..<interesting.count, using: &random)], at: position)
                case 2: bytes.remove(at: position)
                default: bytes.removeSubrange(position..<min(bytes.count, position + 9))
                }
            }
            let first = Int.random(in: 0...bytes.count, using: &random)
            let second = Int.random(in: first...bytes.count, using: &random)
            let pieces = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
            #expect(record(pieces) == record([bytes]), "\(first) \(second) \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test func saysWhereItIs() {
        var parser = HTTPRequestParser()
        func feed(_ text: String) {
            Array(text.utf8).withUnsafeBytes { bytes in
                var input = bytes
                while parser.next(&input) != nil {}
            }
        }
        #expect(parser.isBetweenRequests)
        feed("PO")
        #expect(!parser.isBetweenRequests && !parser.isInBody)
        feed("ST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
        #expect(!parser.isBetweenRequests && parser.isInBody)
        feed("b")
        #expect(parser.isBetweenRequests && !parser.isInBody)
    }
}

/// A small generator with a seed, so that a failure comes again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
