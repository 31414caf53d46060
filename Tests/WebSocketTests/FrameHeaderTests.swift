import Testing
import WebSocket

@Suite("Frame headers, RFC 6455 section 5.2")
struct FrameHeaderTests {
    private func parse(
        _ bytes: [UInt8], masked: Bool = true, compression: Bool = false, inside: Bool = false, limit: Int = 1 << 20
    ) -> FrameHeader.Parsed {
        let rules = FrameHeader.Rules(
            masked: masked, allowsCompression: compression, insideMessage: inside, payloadLimit: limit)
        return bytes.withUnsafeBytes { FrameHeader.parse($0, rules) }
    }

    @Test(
        "good headers, and every beginning of one is incomplete",
        arguments: [
            ([0x81, 0x85, 1, 2, 3, 4], .init(opcode: .text, maskingKey: 0x0403_0201, payloadCount: 5)),
            ([0x01, 0x80, 0, 0, 0, 0], .init(isFinal: false, opcode: .text, maskingKey: 0, payloadCount: 0)),
            ([0x82, 0xFD, 9, 8, 7, 6], .init(opcode: .binary, maskingKey: 0x0607_0809, payloadCount: 125)),
            ([0x82, 0xFE, 0x00, 0x7E, 1, 0, 0, 0], .init(opcode: .binary, maskingKey: 1, payloadCount: 126)),
            ([0x82, 0xFE, 0xFF, 0xFF, 1, 0, 0, 0], .init(opcode: .binary, maskingKey: 1, payloadCount: 65535)),
            (
                [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0],
                .init(opcode: .binary, maskingKey: 1, payloadCount: 65536)
            ),
            ([0x88, 0x80, 1, 0, 0, 0], .init(opcode: .close, maskingKey: 1, payloadCount: 0)),
            ([0x88, 0x82, 1, 0, 0, 0], .init(opcode: .close, maskingKey: 1, payloadCount: 2)),
            ([0x89, 0xFD, 1, 0, 0, 0], .init(opcode: .ping, maskingKey: 1, payloadCount: 125)),
            ([0x8A, 0x80, 1, 0, 0, 0], .init(opcode: .pong, maskingKey: 1, payloadCount: 0)),
        ] as [([UInt8], FrameHeader)])
    func good(_ bytes: [UInt8], _ header: FrameHeader) {
        #expect(parse(bytes) == .header(header, count: bytes.count))
        #expect(parse(bytes + [0xAA]) == .header(header, count: bytes.count))
        for count in 0..<bytes.count { #expect(parse(Array(bytes[..<count])) == .incomplete) }
        var written = [UInt8](repeating: 0, count: header.count)
        written.withUnsafeMutableBytes { _ = header.write(to: $0) }
        #expect(written == bytes)
    }

    @Test(
        "rules broken show as soon as the byte is there",
        arguments: [
            ([0xA1, 0x80], .reservedBits), ([0x91, 0x80], .reservedBits), ([0xC1, 0x80], .reservedBits),
            ([0x83, 0x80], .reservedOpcode), ([0x87, 0x80], .reservedOpcode), ([0x8B, 0x80], .reservedOpcode),
            ([0x8F, 0x80], .reservedOpcode), ([0x81, 0x05], .notMasked), ([0x89, 0x00], .notMasked),
            ([0x09, 0x80], .fragmentedControl), ([0x08, 0x80], .fragmentedControl), ([0x0A, 0x80], .fragmentedControl),
            ([0x89, 0xFE], .longControl), ([0x88, 0xFF], .longControl), ([0x8A, 0xFE], .longControl),
            ([0x88, 0x81], .closePayload), ([0x80, 0x80], .unexpectedContinuation),
            ([0x00, 0x80], .unexpectedContinuation), ([0x81, 0xFE, 0x00, 0x7D], .lengthNotMinimal),
            ([0x81, 0xFE, 0x00, 0x00], .lengthNotMinimal),
            ([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .lengthNotMinimal),
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthOverflow),
            ([0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .lengthOverflow),
            ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .messageTooBig),
            ([0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0x01], .messageTooBig),
        ] as [([UInt8], Failure)])
    func broken(_ bytes: [UInt8], _ failure: Failure) {
        #expect(parse(bytes) == .failed(failure))
        #expect(parse(Array(bytes.dropLast())) == .incomplete)
    }

    @Test("what the moment allows")
    func moment() {
        let limit = 1 << 20
        #expect(parse([0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0]) == .incomplete, "just the limit: \(limit)")
        #expect(parse([0x81, 0x84], limit: 3) == .failed(.messageTooBig))
        #expect(parse([0x89, 0x84, 0, 0, 0, 0], limit: 3) != .failed(.messageTooBig), "control frames have their own")
        #expect(parse([0x81, 0x80], inside: true) == .failed(.expectedContinuation))
        #expect(parse([0x82, 0x80], inside: true) == .failed(.expectedContinuation))
        #expect(
            parse([0x80, 0x80, 0, 0, 0, 0], inside: true)
                == .header(FrameHeader(opcode: .continuation, maskingKey: 0, payloadCount: 0), count: 6))
        #expect(parse([0x81, 0x80], masked: false) == .failed(.masked))
        #expect(parse([0x81, 0x01], masked: false) == .header(FrameHeader(opcode: .text, payloadCount: 1), count: 2))
        #expect(
            parse([0xC1, 0x01], masked: false, compression: true)
                == .header(FrameHeader(isCompressed: true, opcode: .text, payloadCount: 1), count: 2))
        #expect(parse([0xC0, 0x01], masked: false, compression: true, inside: true) == .failed(.reservedBits))
        #expect(parse([0xC9, 0x01], masked: false, compression: true) == .failed(.reservedBits))
    }

    @Test("whole frames are encoded with minimal lengths", arguments: [0, 1, 125, 126, 127, 65535, 65536, 70000])
    func encoder(count: Int) {
        let payload = [UInt8](repeating: 0x61, count: count)
        let expected = frame(0x1, payload, key: nil)
        #expect(FrameEncoder.text(payload) == expected)
        #expect(FrameEncoder.text(capacity: count) { $0 += payload } == expected)
        #expect(payload.withUnsafeBytes { FrameEncoder.binary($0) } == frame(0x2, payload, key: nil))
        var several: [UInt8] = []
        for _ in 0..<3 {
            let start = FrameEncoder.open(&several)
            several += payload
            FrameEncoder.seal(.text, from: start, in: &several)
        }
        #expect(several == expected + expected + expected)
    }
}
