import Testing
import WebSocket

@Suite("The connection machine, RFC 6455 sections 5 to 8")
struct WebSocketConnectionMachineTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let seen: [Seen]
        var limit = 1 << 20
        var role = Role.server
        var testDescription: String { name }
    }

    private static let long = String(repeating: "0123456789", count: 20)

    static let cases: [Case] = [
        Case(
            name: "text, binary, ping, pong", bytes: text("hi") + frame(0x2, [0, 255]) + frame(0x9, [1]) + frame(0xA),
            seen: [.text("hi"), .binary([0, 255]), .ping([1]), .pong([])]),
        Case(name: "empty messages", bytes: text("") + frame(0x2), seen: [.text(""), .binary([])]),
        Case(name: "16 bit length", bytes: text(long), seen: [.text(long)]),
        Case(
            name: "fragments", bytes: text("a", bits: 0) + frame(0x0, [0x62], bits: 0) + frame(0x0, [0x63]),
            seen: [.text("abc")]),
        Case(name: "empty fragments", bytes: text("", bits: 0) + frame(0x0, bits: 0) + frame(0x0), seen: [.text("")]),
        Case(name: "binary fragments", bytes: frame(0x2, [1], bits: 0) + frame(0x0, [2]), seen: [.binary([1, 2])]),
        Case(
            name: "control frames between fragments",
            bytes: text("a", bits: 0) + frame(0x9, [7]) + frame(0x0, [0x62], bits: 0) + frame(0xA, [8])
                + frame(0x0, [0x63])
                + text("d"),
            seen: [.ping([7]), .pong([8]), .text("abc"), .text("d")]),
        Case(
            name: "a Close between fragments", bytes: text("a", bits: 0) + close(1001, "bye"),
            seen: [.close(1001, "bye")]),
        Case(
            name: "a character over two fragments",
            bytes: frame(0x1, [0xF0, 0x9F], bits: 0) + frame(0x0, [0x98, 0x80]),
            seen: [.text("😀")]),
        Case(name: "half a character", bytes: frame(0x1, [0xF0, 0x9F]), seen: [.failed(.invalidUTF8)]),
        Case(
            name: "half a character in fragments", bytes: frame(0x1, [0xF0], bits: 0) + frame(0x0, [0x9F]),
            seen: [.failed(.invalidUTF8)]),
        Case(name: "binary is not checked", bytes: frame(0x2, [0xF0, 0x9F]), seen: [.binary([0xF0, 0x9F])]),
        Case(
            name: "the check starts anew", bytes: text("é") + text("x", bits: 0) + frame(0x0, Array("é".utf8)),
            seen: [.text("é"), .text("xé")]),
        Case(
            name: "ping of 125", bytes: frame(0x9, [UInt8](repeating: 5, count: 125)),
            seen: [.ping([UInt8](repeating: 5, count: 125))]),
        Case(
            name: "continuation of nothing", bytes: text("x") + frame(0x0, [1]),
            seen: [.text("x"), .failed(.unexpectedContinuation)]),
        Case(
            name: "a message inside another", bytes: text("x", bits: 0) + text("y"),
            seen: [.failed(.expectedContinuation)]),
        Case(name: "not masked", bytes: frame(0x1, [0x61], key: nil), seen: [.failed(.notMasked)]),
        Case(name: "compressed without agreement", bytes: text("x", bits: 0xC0), seen: [.failed(.reservedBits)]),
        Case(name: "just the limit", bytes: text("abcd"), seen: [.text("abcd")], limit: 4),
        Case(name: "over the limit", bytes: text("abcde"), seen: [.failed(.messageTooBig)], limit: 4),
        Case(
            name: "just the limit in fragments",
            bytes: text("ab", bits: 0) + frame(0x0, bits: 0) + frame(0x0, [0x63, 0x64]),
            seen: [.text("abcd")], limit: 4),
        Case(
            name: "over the limit in fragments", bytes: text("ab", bits: 0) + frame(0x0, [0x63, 0x64, 0x65]),
            seen: [.failed(.messageTooBig)], limit: 4),
        Case(
            name: "a client is answered unmasked", bytes: frame(0x1, Array("aé".utf8), key: nil) + frame(0x9, key: nil),
            seen: [.text("aé"), .ping([])], role: .client),
        Case(name: "a client refuses a mask", bytes: text("x"), seen: [.failed(.masked)], role: .client),
    ]

    @Test("the events do not depend on how the bytes come", arguments: cases)
    func splits(_ example: Case) {
        func run(_ parts: [Int]) -> [Seen] {
            events(example.bytes, parts: parts, role: example.role, limit: example.limit)
        }
        #expect(run([.max]) == example.seen)
        for size in 1...16 { #expect(run([size]) == example.seen) }
        for first in 1...example.bytes.count { #expect(run([first, .max]) == example.seen) }
    }

    @Test("large messages in parts", arguments: [1, 2, 3, 7, 1000, 1448, 65536])
    func large(size: Int) {
        let payload = noise(70_000)
        let bytes =
            frame(0x2, payload) + frame(0x2, Array(payload[..<30000]), bits: 0) + frame(0x0, Array(payload[30000...]))
        #expect(events(bytes, parts: [size]) == [.binary(payload), .binary(payload)])
    }

    @Test("bad UTF-8 fails at the byte, in the middle of a frame and of a message")
    func failsFast() {
        var machine = WebSocketConnectionMachine(role: .server, messageLimit: 1000)
        let bytes = frame(0x1, Array("caf".utf8) + [0xC3, 0x28] + [UInt8](repeating: 0x61, count: 100), bits: 0)
        #expect(feed(&machine, Array(bytes[..<10])) == [])
        #expect(feed(&machine, Array(bytes[10...10])) == [.failed(.invalidUTF8)])
        #expect(feed(&machine, Array(bytes[11...])) == [])
    }

    @Test("a length over the limit fails before the masking key and the payload come")
    func lengthFirst() {
        var machine = WebSocketConnectionMachine(role: .server, messageLimit: 1000)
        #expect(feed(&machine, [0x82, 0xFE, 0x03, 0xE9]) == [.failed(.messageTooBig)])
        #expect(machine.keptCount == 0)
    }

    @Test("nothing is kept but what is unfinished")
    func kept() {
        var machine = WebSocketConnectionMachine(role: .server, messageLimit: 100_000)
        #expect(feed(&machine, text("whole") + frame(0x9, [1, 2, 3])).count == 2)
        #expect(machine.keptCount == 0)
        let bytes = frame(0x2, noise(1000))
        #expect(feed(&machine, Array(bytes[..<508])) == [])
        #expect(machine.keptCount == 500)
        #expect(feed(&machine, Array(bytes[508...])).count == 1)
        #expect(machine.keptCount == 0)
        #expect(feed(&machine, text("open", bits: 0)) == [])
        #expect(machine.keptCount == 4)
        #expect(feed(&machine, frame(0x3)) == [.failed(.reservedOpcode)])
        #expect(machine.keptCount == 0)
    }

    @Test(
        "pings, pongs and empty fragments cost credit, messages do not",
        arguments: [
            (Array(repeating: frame(0x9), count: 4).flatMap { $0 }, 3),
            (Array(repeating: frame(0xA), count: 4).flatMap { $0 }, 3),
            (text("", bits: 0) + frame(0x0, bits: 0) + frame(0x0, bits: 0) + frame(0x0, bits: 0), 0),
        ] as [([UInt8], Int)])
    func flood(_ bytes: [UInt8], events count: Int) {
        let seen = events(bytes, credit: 3)
        #expect(seen.count == count + 1)
        #expect(seen.last == .failed(.flood))
        #expect(events(text("") + text("") + text("") + text("") + close(1000), credit: 0).count == 5)
    }

    @Test("after a Close was sent messages are dropped, pings and the peer's Close are not")
    func dropping() {
        var machine = WebSocketConnectionMachine(role: .server, messageLimit: 1000)
        #expect(feed(&machine, text("ab", bits: 0)) == [])
        machine.dropMessages()
        #expect(machine.keptCount == 0)
        #expect(feed(&machine, frame(0x0, [0xFF], bits: 0) + frame(0x9) + frame(0x0, [1])) == [.ping([])])
        #expect(feed(&machine, text("late") + frame(0x2, noise(500)) + close(1000)) == [.close(1000, "")])
        #expect(machine.keptCount == 0)
    }

    @Test("compressed messages, whole, in fragments, in every part size")
    func compressed() throws {
        let codec = DeflateCodec()
        let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        let bytes =
            frame(0x1, hello, bits: 0xC0) + text("plain") + frame(0x2, Array(hello[..<3]), bits: 0x40)
            + frame(0x9, [1]) + frame(0x0, Array(hello[3...])) + frame(0x1, [0x00], bits: 0xC0)
        let expected: [Seen] = [.text("Hello"), .text("plain"), .ping([1]), .binary(Array("Hello".utf8)), .text("")]
        for size in 1...bytes.count { #expect(events(bytes, parts: [size], codec: codec) == expected) }
    }

    @Test("what is wrong with a compressed message")
    func compressedFailures() throws {
        let codec = DeflateCodec()
        let bomb = try #require(
            [UInt8](repeating: 0x61, count: 100_000).withUnsafeBytes {
                codec.compress($0, headroom: 0, windowBits: 15).map { [UInt8]($0) }
            })
        #expect(events(frame(0x1, bomb, bits: 0xC0), limit: 99_999, codec: codec) == [.failed(.messageTooBig)])
        #expect(events(frame(0x1, bomb, bits: 0xC0), limit: 100_000, codec: codec).count == 1)
        #expect(events(frame(0x1, [0x07], bits: 0xC0), codec: codec) == [.failed(.invalidDeflate)])
        let latin = [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xE9, 0x00] as [UInt8]
        #expect(events(frame(0x1, latin, bits: 0xC0), codec: codec) == [.failed(.invalidUTF8)])
        #expect(events(frame(0x2, latin, bits: 0xC0), codec: codec) == [.binary([0xE9])])
        #expect(
            events(frame(0x1, [0xF2], bits: 0x40) + frame(0x0, [0x48], bits: 0xC0), codec: codec)
                == [.failed(.reservedBits)])
        #expect(events(frame(0x9, bits: 0xC0), codec: codec) == [.failed(.reservedBits)])
        #expect(events(text("abcde"), limit: 4, codec: codec) == [.failed(.messageTooBig)])
        let huge = frame(0x2, [UInt8](repeating: 0, count: 5000), bits: 0xC0)
        #expect(events(huge, parts: [20], limit: 1000, codec: codec) == [.failed(.messageTooBig)])
    }
}
