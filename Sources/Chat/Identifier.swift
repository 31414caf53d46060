/// A UUID (RFC 9562) as two words: the id of a conversation, message, run or operation.
///
/// Text form is the canonical one, 36 characters in lower case, so that an id looks the same on the wire, in the
/// database and in a log. The gateway makes version 7 ids, which sort by time of creation.
package struct Identifier: Hashable, Sendable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Version 7, RFC 9562 section 5.7.
    ///
    /// - Parameters:
    ///   - milliseconds: Unix time; 48 bits are kept.
    ///   - sequence: 12 bits that order the ids of one millisecond (`rand_a`).
    ///   - random: 62 bits are kept (`rand_b`).
    package init(version7 milliseconds: UInt64, sequence: UInt16, random: UInt64) {
        high = (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | UInt64(sequence & 0x0FFF)
        low = 0x8000_0000_0000_0000 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    }

    /// The canonical form, upper or lower case; anything else is `nil`.
    package init?(_ text: some StringProtocol) {
        let utf8 = text.utf8
        guard utf8.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in utf8 {
            defer { position += 1 }
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let nibble = Self.value(ofHexDigit: byte) else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | nibble } else { words.1 = words.1 << 4 | nibble }
            digits += 1
        }
        high = words.0
        low = words.1
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    private static func value(ofHexDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte &- UInt8(ascii: "a") &+ 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte &- UInt8(ascii: "A") &+ 10)
        default: nil
        }
    }
}

extension Identifier: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(into: buffer)
            return 36
        }
    }

    /// Appends the 36 bytes of the canonical form.
    package func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
            write(into: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    /// Eight digits at a time: an id is written into every event.
    private func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        let (second, third) = (
            Self.digits(UInt32(truncatingIfNeeded: high)), Self.digits(UInt32(truncatingIfNeeded: low >> 32))
        )
        bytes.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: high >> 32)), as: UInt64.self)
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: second), toByteOffset: 9, as: UInt32.self)
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: 14, as: UInt32.self)
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: third), toByteOffset: 19, as: UInt32.self)
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: 24, as: UInt32.self)
        bytes.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: low)), toByteOffset: 28, as: UInt64.self)
        (bytes[8], bytes[13], bytes[18], bytes[23]) = (0x2D, 0x2D, 0x2D, 0x2D)
    }

    /// The eight hexadecimal digits of a number, the first one in the lowest byte: the nibbles are spread over the
    /// bytes of a word, and those above nine moved on to the letters.
    private static func digits(_ value: UInt32) -> UInt64 {
        var word = UInt64(value.byteSwapped)
        word = (word | word << 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word << 8) & 0x00FF_00FF_00FF_00FF
        word = (word >> 4 & 0x000F_000F_000F_000F) | (word & 0x000F_000F_000F_000F) << 8
        let letters = ((word &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return word &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }
}
