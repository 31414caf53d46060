import HTTP
import Testing

@Suite struct ServerSentEventTests {
    struct Heard: Equatable, CustomStringConvertible {
        var data: String
        var event = ""
        var id = ""

        var description: String { "(\(data.debugDescription), \(event), \(id))" }
    }

    private func read(
        _ pieces: [[UInt8]], eventBytes: Int = 1 << 20, skipping: Set<String> = []
    ) -> ([Heard], ServerSentEventParser.Outcome) {
        var parser = ServerSentEventParser(eventBytes: eventBytes, skipping: skipping)
        var events: [Heard] = []
        var outcome = ServerSentEventParser.Outcome.more
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                outcome = parser.feed(bytes) { event in
                    events.append(
                        Heard(
                            data: String(decoding: event.data, as: UTF8.self),
                            event: String(decoding: event.event, as: UTF8.self),
                            id: String(decoding: event.id, as: UTF8.self)))
                    return true
                }
            }
        }
        return (events, outcome)
    }

    @Test(
        arguments: [
            ("data: a\n\n", [Heard(data: "a")]),
            ("data:a\n\ndata:  b\n\n", [Heard(data: "a"), Heard(data: " b")]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", [Heard(data: "a"), Heard(data: "b")]),
            ("data: a\r\rdata: b\r\r", [Heard(data: "a"), Heard(data: "b")]),
            ("data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", [Heard(data: "a"), Heard(data: "b"), Heard(data: "c")]),
            ("\u{FEFF}data: a\n\n", [Heard(data: "a")]),
            ("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n", [Heard(data: "b")]),
            ("data: a\ndata\ndata: b\n\n", [Heard(data: "a\n\nb")]),
            (": comment\n\n:\ndata: a\n: another\n\n", [Heard(data: "a")]),
            ("event: x\ndata: a\n\ndata: b\n\n", [Heard(data: "a", event: "x"), Heard(data: "b")]),
            (
                "data: a\nevent: x\nid: 7\n\ndata: b\n\n",
                [Heard(data: "a", event: "x", id: "7"), Heard(data: "b", id: "7")]
            ),
            ("event: lost\n\ndata: b\n\n", [Heard(data: "b")]),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", [Heard(data: "a", id: "1"), Heard(data: "b")]),
            ("id: 1\nid: 2\u{0}\ndata: a\n\n", [Heard(data: "a", id: "1")]),
            ("data\n\n", [Heard(data: "")]), ("data:\n\ndata: \n\n", [Heard(data: ""), Heard(data: "")]),
            ("retry: 10\nunknown: x\nDATA: y\nnothing\n\ndata: a\n\n", [Heard(data: "a")]),
            ("\n\n\r\r\n\ndata: a\n\n", [Heard(data: "a")]),
            ("data: {\"a\":\"ä€😀\"}\n\ndata: [DONE]\n\n", [Heard(data: "{\"a\":\"ä€😀\"}"), Heard(data: "[DONE]")]),
            ("data: cut off\n", []), ("data: cut off", []), ("", []),
        ] as [(String, [Heard])])
    func reads(_ text: String, _ expected: [Heard]) {
        let bytes = Array(text.utf8)
        #expect(read([bytes]).0 == expected)
        #expect(read(bytes.map { [$0] }).0 == expected)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map(Array.init)
                #expect(read(pieces).0 == expected, "at \(first), \(second)")
            }
        }
    }

    @Test func bounds() {
        func outcome(_ text: String) -> ServerSentEventParser.Outcome { read([Array(text.utf8)], eventBytes: 16).1 }
        #expect(outcome("data: 0123456789\n\n") == .more)
        #expect(outcome("data: 01234567890\n\n") == .tooLarge)
        #expect(outcome("data: 01234567890") == .tooLarge)
        #expect(outcome(": 34567890123456789") == .tooLarge)
        #expect(outcome("data: 01234\ndata: 0123456\n\n") == .more)
        #expect(outcome("data: 01234\ndata: 0123456789\n\n") == .tooLarge)
        // Of many lines without end no more is kept than of one.
        #expect(read([Array("data:".utf8), Array(repeating: 0x61, count: 12)], eventBytes: 16).1 == .tooLarge)
    }

    @Test func stopsWhenTheConsumerHasEnough() {
        var parser = ServerSentEventParser()
        var count = 0
        let bytes = Array("data: a\n\ndata: b\n\n".utf8)
        for _ in 0..<2 {
            let outcome = bytes.withUnsafeBytes { bytes in
                parser.feed(bytes) { _ in
                    count += 1
                    return false
                }
            }
            #expect(outcome == .stopped)
        }
        #expect(count == 1)
    }

    /// Events over the bound of 24 bytes, with an ordinary one behind each. In any split of bytes.
    @Test(
        arguments: [
            (#"data: {"type":"RAW","x":"0123456789"}"#, true), (#"data: {"x":"0123456789abc","type":"RAW"}"#, true),
            (#"data: {"x":{"type":"TEXT","y":[1,2,3]},"type":"RAW"}"#, true),
            ("data: {\"x\":\ndata: \"0123456789abcdef\",\ndata: \"type\":\"RAW\"}", true),
            (#"data: {"x":"a \"type\":\"TEXT\" in it","type" : "RAW" }"#, true),
            ("event: x\nid: 5\ndata: {\"type\":\"RAW\",\"x\":\"01234567890123456789\"}\nretry: 1", true),
            (#"data: {"type":"TEXT","x":"0123456789"}"#, false), (#"data: {"x":"0123456789012345678901"}"#, false),
            (#"data: ["type","RAW","0123456789012345678901"]"#, false), (": a comment of more than 24 bytes", false),
            (#"data: {"x":{"type":"RAW"},"y":"0123456789"}"#, false),
            (#"data: "type RAW 0123456789 0123456789""#, false),
        ])
    func overTheBound(_ text: String, _ isSkipped: Bool) {
        for end in ["\n\n", "\r\n\r\n", "\r\r"] {
            let lines = text.replacing("\n", with: end == "\n\n" ? "\n" : end == "\r\r" ? "\r" : "\r\n")
            let bytes = Array((lines + end + "data: next" + end).utf8)
            let splits =
                [[bytes], bytes.map { [$0] }] + (1..<bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
            for pieces in splits {
                let (events, outcome) = read(pieces, eventBytes: 24, skipping: ["RAW", "CUSTOM"])
                #expect(outcome == (isSkipped ? .more : .tooLarge))
                #expect(events.map(\.data) == (isSkipped ? ["next"] : []))
            }
        }
    }
}
