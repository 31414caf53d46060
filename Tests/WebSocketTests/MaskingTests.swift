import Testing
import WebSocket

@Suite("Masking, RFC 6455 section 5.3")
struct MaskingTests {
    private let key: [UInt8] = [0x12, 0x34, 0xA6, 0xF8]
    private let number: UInt32 = 0xF8A6_3412

    /// What section 5.3 says, byte by byte.
    private func masked(_ bytes: [UInt8], phase: Int) -> [UInt8] {
        bytes.enumerated().map { $1 ^ key[($0 + phase) % 4] }
    }

    @Test("every length up to 100, every phase, every alignment", arguments: 0..<8)
    func lengths(alignment: Int) {
        for count in 0...100 {
            for phase in 0..<4 {
                let plain = noise(count, seed: UInt64(count + 1))
                var bytes = [UInt8](repeating: 0xEE, count: alignment) + plain + [0xEE]
                bytes.withUnsafeMutableBytes { buffer in
                    let slice = UnsafeMutableRawBufferPointer(rebasing: buffer[alignment..<(alignment + count)])
                    Masking.apply(number, phase: phase, to: slice)
                }
                let expected =
                    [UInt8](repeating: 0xEE, count: alignment) + masked(plain, phase: phase) + [0xEE]
                #expect(bytes == expected)
            }
        }
    }

    @Test("in two parts at every position it is the same")
    func parts() {
        let plain = noise(77)
        for split in 0...plain.count {
            var bytes = plain
            bytes.withUnsafeMutableBytes { buffer in
                Masking.apply(number, to: UnsafeMutableRawBufferPointer(rebasing: buffer[..<split]))
                Masking.apply(number, phase: split, to: UnsafeMutableRawBufferPointer(rebasing: buffer[split...]))
            }
            #expect(bytes == masked(plain, phase: 0))
        }
    }

    @Test("reports a byte over 0x7F wherever it stands")
    func ascii() {
        for count in 1...80 {
            for position in -1..<count {
                var bytes = [UInt8](repeating: 0x61, count: count)
                if position >= 0 { bytes[position] = 0xC3 }
                bytes = masked(bytes, phase: 3)
                let isASCII = bytes.withUnsafeMutableBytes { Masking.apply(number, phase: 3, to: $0) }
                #expect(isASCII == (position < 0))
            }
        }
    }

    @Test("a turned key masks what follows", arguments: 0..<9)
    func rotation(phase: Int) {
        let turned = (0..<4).map { key[($0 + phase) % 4] }
        let expected = turned.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        #expect(Masking.rotated(number, by: phase) == expected)
    }
}
