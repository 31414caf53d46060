import Testing
import WebSocket

@Suite("Close frames, RFC 6455 sections 5.5.1 and 7.4")
struct CloseCodeTests {
    @Test(
        "codes that a peer may send",
        arguments: [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999,
        ] as [UInt16])
    func accepted(_ code: UInt16) {
        #expect(CloseCode(rawValue: code).mayBeSent)
        #expect(events(close(code)) == [.close(code, "")])
        #expect(events(close(code, "tschüs")) == [.close(code, "tschüs")])
    }

    @Test(
        "codes that are reserved or out of range",
        arguments: [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 65535,
        ] as [UInt16])
    func refused(_ code: UInt16) {
        #expect(!CloseCode(rawValue: code).mayBeSent)
        #expect(events(close(code)) == [.failed(.closeCode)])
    }

    @Test(
        "payloads",
        arguments: [
            (frame(0x8), .close(1005, "")),
            (frame(0x8, [0x03]), .failed(.closePayload)),
            (
                frame(0x8, [0x03, 0xE8] + [UInt8](repeating: 0x7A, count: 123)),
                .close(1000, String(repeating: "z", count: 123))
            ),
            (frame(0x8, [0x03, 0xE8] + [UInt8](repeating: 0x7A, count: 124)), .failed(.longControl)),
            (frame(0x8, [0x03, 0xE8, 0xC3]), .failed(.invalidUTF8)),
            (frame(0x8, [0x03, 0xE8, 0xED, 0xA0, 0x80]), .failed(.invalidUTF8)),
        ] as [([UInt8], Seen)])
    func payloads(_ bytes: [UInt8], _ expected: Seen) {
        for size in 1...bytes.count { #expect(events(bytes, parts: [size]) == [expected]) }
    }

    @Test("nothing comes after a Close or a failure")
    func after() {
        #expect(events(close(1000) + text("late") + frame(0x9)) == [.close(1000, "")])
        #expect(events(frame(0x3) + text("late") + close(1000)) == [.failed(.reservedOpcode)])
    }

    @Test("the code that answers each broken rule")
    func answers() {
        #expect(Failure.reservedBits.closeCode == .protocolError)
        #expect(Failure.notMasked.closeCode == .protocolError)
        #expect(Failure.invalidUTF8.closeCode == .invalidPayload)
        #expect(Failure.invalidDeflate.closeCode == .invalidPayload)
        #expect(Failure.messageTooBig.closeCode == .messageTooBig)
        #expect(Failure.flood.closeCode.rawValue == 4429)
    }
}
