/// Byte classes of RFC 9110 and RFC 3986, as bit sets over ASCII: one shift and one test a byte.
enum HTTPByte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20

    /// `tchar` (RFC 9110 section 5.6.2): methods and field names.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    }

    /// What may stand in a request target: visible ASCII but `"`, `<`, `>` and `#`. Wider than RFC 3986, since
    /// browsers send `|`, `{` and the like unencoded; none of it can end the target early.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0xafff_fff2_0000_0000, high: 0x7fff_ffff_ffff_ffff)
    }

    /// What may stand in `uri-host [ ":" port ]` (RFC 9110 section 7.2). No `@`: a Host carries no user.
    @inline(__always)
    static func isHost(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x2fff_7ff2_0000_0000, high: 0x47ff_fffe_afff_fffe)
    }

    /// What may stand in a field value (RFC 9110 section 5.5): visible bytes, space, tab, and bytes over 0x7F.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == tab
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte &- 0x30)
        case 0x41...0x46: Int(byte &- 0x41 &+ 10)
        case 0x61...0x66: Int(byte &- 0x61 &+ 10)
        default: nil
        }
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Whether `bytes` is `text` without regard to ASCII case. `text` must be lower case.
    @inline(__always)
    static func equal(_ bytes: UnsafeRawBufferPointer, lowercase text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        for index in 0..<bytes.count where lowercased(bytes[index]) != other[index] { return false }
        return true
    }

    @inline(__always)
    private static func isMember(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        guard byte < 128 else { return false }
        return ((byte < 64 ? low : high) &>> UInt64(byte & 63)) & 1 == 1
    }
}

extension UnsafeRawBufferPointer {
    /// The part of this buffer in `range`, as a buffer of its own. The range must lie inside.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// Without blanks (space and tab) at both ends.
    @inline(__always)
    func trimmed() -> UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, HTTPByte.isBlank(self[start]) { start += 1 }
        while end > start, HTTPByte.isBlank(self[end - 1]) { end -= 1 }
        return part(start..<end)
    }

    /// Calls `body` with each element of a comma separated list (RFC 9110 section 5.6.1), blanks trimmed, empty
    /// elements left out, until it returns false.
    func forEachListElement(_ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
            let element = part(start..<end).trimmed()
            if !element.isEmpty, !body(element) { return }
            start = end + 1
        }
    }
}
