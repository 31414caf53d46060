import Glibc

/// What all text deltas of a message have in common, so that a token is its JSON with two copies, the escaped text and
/// a number:
///
/// ```
/// {"type":"TEXT_MESSAGE_CONTENT","messageId":"…","delta":"  text  ","metadata":{"parley":{…,"cursor":"EPOCH.  number  "}}}
/// ```
package struct TextDeltaEnvelope: Sendable {
    package let message: Identifier
    /// What stands before the text, and behind it what stands before the position.
    private let bytes: [UInt8]
    private let headCount: Int
    private static let end: StaticString = #""}}}"#
    /// The digits of the largest position.
    private static let mostDigits = 20

    package init(message: Identifier, threadID: Identifier, epoch: String) {
        self.message = message
        var bytes: [UInt8] = []
        bytes.reserveCapacity(192 + epoch.utf8.count)
        bytes.append(#"{"type":"TEXT_MESSAGE_CONTENT","messageId":""#)
        message.append(to: &bytes)
        bytes.append(#"","delta":""#)
        headCount = bytes.count
        bytes.append(#"","metadata":{"parley":{"threadId":""#)
        threadID.append(to: &bytes)
        bytes.append(#"","cursor":""#)
        bytes.append(contentsOf: epoch.utf8)
        bytes.append(".")
        self.bytes = bytes
    }

    /// Room that is enough for a delta of so many bytes.
    package func room(for count: Int) -> Int {
        bytes.count + count * JSONEscape.mostBytes + Self.mostDigits + Self.end.utf8CodeUnitCount
    }

    /// Writes the event of a delta, which is a whole number of characters.
    ///
    /// - Parameter space: as much as `room` says, or more.
    /// - Returns: the bytes written.
    package func write(
        _ delta: UnsafeBufferPointer<UInt8>, endingAt position: UInt64, to space: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let start = space.baseAddress?.assumingMemoryBound(to: UInt8.self), space.count >= room(for: delta.count)
        else { return 0 }
        var next = start
        bytes.withUnsafeBufferPointer { bytes in
            guard let common = bytes.baseAddress else { return }
            memcpy(next, common, headCount)
            next += headCount
            for byte in delta { next += JSONEscape.write(byte, to: next) }
            memcpy(next, common + headCount, bytes.count - headCount)
            next += bytes.count - headCount
        }
        next += Self.write(decimal: position, to: next)
        memcpy(next, Self.end.utf8Start, Self.end.utf8CodeUnitCount)
        return next - start + Self.end.utf8CodeUnitCount
    }

    private static func write(decimal value: UInt64, to space: UnsafeMutablePointer<UInt8>) -> Int {
        var (count, bound) = (1, UInt64(10))
        while value >= bound, count < mostDigits {
            count += 1
            bound = count < mostDigits ? bound &* 10 : .max
        }
        var (rest, index) = (value, count)
        while index > 0 {
            index -= 1
            space[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
    }
}

/// Characters of a JSON string (RFC 8259 section 7).
enum JSONEscape {
    /// What one byte may become.
    static let mostBytes = 6

    @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// How many bytes from `start` on stand as they are.
    static func plainCount(_ utf8: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
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
    @inline(__always)
    static func write(_ byte: UInt8, to space: UnsafeMutablePointer<UInt8>) -> Int {
        if isPlain(byte) {
            space.pointee = byte
            return 1
        }
        return escape(byte, to: space)
    }

    @inline(never)
    private static func escape(_ byte: UInt8, to space: UnsafeMutablePointer<UInt8>) -> Int {
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
