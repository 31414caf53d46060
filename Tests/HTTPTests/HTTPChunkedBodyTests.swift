import HTTP
import Testing

@Suite struct HTTPChunkedBodyTests {
    private static let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func body(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [Recorded] {
        Array(record(Self.head + text, limits: limits).dropFirst())
    }

    @Test(arguments: [
        ("0\r\n\r\n", ""), ("0000000000000000\r\n\r\n", ""), ("1\r\nx\r\n0\r\n\r\n", "x"),
        ("000000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("aB\(";e=1")\r\n", nil),
        ("2;a;b=c;d=\"e;f\"\r\nxy\r\n0;last\r\n\r\n", "xy"), ("1 \t;a\r\nx\r\n0\r\n\r\n", "x"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"), ("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        ("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x"),
    ])
    func accepts(_ text: String, _ expected: String?) {
        guard let expected else {
            #expect(body(text) == [])
            return
        }
        #expect(body(text) == (expected.isEmpty ? [.end] : [.body(expected), .end]))
    }

    @Test(arguments: [
        "\r\n", "g\r\n", "-1\r\n", "+1\r\nx\r\n", "0x1\r\nx\r\n", " 1\r\nx\r\n", "1 \r\nx\r\n", ";a\r\n",
        "1\nx\r\n0\r\n\r\n", "1\rx\r\n", "1;a\nx\r\n", "1;a\rb\r\n", "1;a\u{0}\r\n", "00000000000000000\r\n",
        "0\n\n", "0\r\n\n", "0\r\nX\r\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\n: y\r\n\r\n",
        "0\r\nX: y\n\r\n", "0\r\nX: \u{0}\r\n\r\n", "0\r\nX: a\rb\r\n\r\n", "0\r\n\rx",
    ])
    func refusesMalformed(_ text: String) {
        #expect(body(text).last == .refused(.malformedChunk))
    }

    @Test(arguments: ["1\r\nxy\r\n0\r\n\r\n", "1\r\nx\n0\r\n\r\n", "3\r\nx\r\n0\r\n\r\n"])
    func refusesWrongSizes(_ text: String) {
        // A size that lies is seen where the data should end.
        #expect(body(text).last == .refused(.malformedChunk))
    }

    @Test func bounds() {
        var limits = HTTPLimits()
        limits.bodyBytes = 10
        limits.chunkExtensionBytes = 8
        limits.trailerBytes = 8
        #expect(body("a\r\n0123456789\r\n0\r\n\r\n", limits: limits) == [.body("0123456789"), .end])
        // A size over the bound is refused before its data is awaited, at the digit that tells.
        #expect(body("b", limits: limits) == [.refused(.bodyTooLarge)])
        #expect(body("6\r\n012345\r\n5", limits: limits) == [.body("012345"), .refused(.bodyTooLarge)])
        #expect(body("ffffffffffffffff\r\n", limits: limits) == [.refused(.bodyTooLarge)])
        #expect(body("1;234\r\nx\r\n0;678\r\n\r\n", limits: limits) == [.body("x"), .end])
        #expect(
            body("1;234\r\nx\r\n0;6789\r\n\r\n", limits: limits)
                == [.body("x"), .refused(.chunkExtensionsTooLong)])
        #expect(body("0\r\nX: 456\r\n\r\n", limits: limits) == [.end])
        #expect(body("0\r\nX: 4567\r\n\r\n", limits: limits) == [.refused(.trailersTooLarge)])
        limits = HTTPLimits()
        #expect(
            body("0\r\n" + String(repeating: "X:\r\n", count: 65) + "\r\n", limits: limits)
                == [.refused(.trailersTooLarge)])
    }

    @Test func everySplit() {
        let text = "3;ext=\"q\"\r\nabc\r\n2\r\n\r\n\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.0\r\n\r\n"
        let bytes = Array((Self.head + text).utf8)
        let whole = record([bytes])
        #expect(whole.count == 5)
        for position in 0...bytes.count {
            #expect(record([Array(bytes[..<position]), Array(bytes[position...])]) == whole, "at \(position)")
        }
        #expect(record(bytes.map { [$0] }) == whole)
    }
}
