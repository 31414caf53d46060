/// Characters of a JSON string (RFC 8259 section 7). What each byte of a token goes through is open to the modules that
/// write events.
package enum JSONEscape {
    /// What one byte may become.
    @inlinable
    package static var mostBytes: Int { 6 }

    @inlinable @inline(__always)
    package static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// How many bytes from `start` on stand as they are.
    package static func plainCount(_ utf8: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var index = start
        let bytes = UnsafeRawBufferPointer(utf8)
        while index + 8 <= bytes.count {
            // The highest bit of each byte that is below 0x20, a quote or a backslash; borrows go upwards only, so the
            // first one is never wrong.
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let found =
                (((word &- ones &* 0x20) & ~word) | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash))
                & (ones &* 0x80)
            if found != 0 { return index + found.trailingZeroBitCount / 8 - start }
            index += 8
        }
        while index < bytes.count, isPlain(bytes[index]) { index += 1 }
        return index - start
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Writes a byte of UTF-8 as it stands in a string: as it is, or escaped. - Returns: the bytes written.
    @inlinable @inline(__always)
    package static func write(_ byte: UInt8, to space: UnsafeMutablePointer<UInt8>) -> Int {
        if isPlain(byte) {
            space.pointee = byte
            return 1
        }
        return escape(byte, to: space)
    }

    @inline(never) @usableFromInline
    package static func escape(_ byte: UInt8, to space: UnsafeMutablePointer<UInt8>) -> Int {
        space[0] = UInt8(ascii: "\\")
        let short: Unicode.Scalar? =
            switch byte {
            case UInt8(ascii: "\""): "\""
            case UInt8(ascii: "\\"): "\\"
            case 0x0A: "n"
            case 0x0D: "r"
            case 0x09: "t"
            case 0x08: "b"
            case 0x0C: "f"
            default: nil
            }
        if let short {
            space[1] = UInt8(ascii: short)
            return 2
        }
        space[1] = UInt8(ascii: "u")
        space[2] = UInt8(ascii: "0")
        space[3] = UInt8(ascii: "0")
        space[4] = hexDigit(byte >> 4)
        space[5] = hexDigit(byte & 15)
        return 6
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
