/// Checks that bytes are UTF-8 as they arrive (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
///
/// The state between two calls is what the next byte has to be, so a text may be split anywhere, and a byte that
/// can't continue it fails at once and not at the end of the message.
///
/// ```
///   lead        second    then
///   00-7F
///   C2-DF       80-BF
///   E0          A0-BF     80-BF            (80-9F would be overlong)
///   E1-EC       80-BF     80-BF
///   ED          80-9F     80-BF            (A0-BF would be a surrogate)
///   EE-EF       80-BF     80-BF
///   F0          90-BF     80-BF 80-BF      (80-8F would be overlong)
///   F1-F3       80-BF     80-BF 80-BF
///   F4          80-8F     80-BF 80-BF      (90-BF would be over U+10FFFF)
/// ```
package struct UTF8Validator: Sendable {
    /// Continuation bytes still owed by the current character.
    private var owed: UInt8 = 0
    /// The range in which the next continuation byte must lie.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    package init() {}

    /// Whether the text so far ends between two characters, as a whole message must.
    package var isComplete: Bool { owed == 0 }

    /// Takes the next bytes of the text.
    ///
    /// - Returns: false as soon as the text can't be UTF-8 whatever follows. The validator is of no use after that.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var offset = 0
        var owed = owed
        var low = low
        var high = high
        while offset < count {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            offset &+= 1
            if owed != 0 {
                guard byte >= low, byte <= high else { return false }
                owed &-= 1
                low = 0x80
                high = 0xBF
                continue
            }
            switch byte {
            case 0x00...0x7F: offset = Self.skipASCII(base, from: offset, count: count)
            case 0xC2...0xDF: owed = 1
            case 0xE0: (owed, low) = (2, 0xA0)
            case 0xED: (owed, high) = (2, 0x9F)
            case 0xE1...0xEF: owed = 2
            case 0xF0: (owed, low) = (3, 0x90)
            case 0xF1...0xF3: owed = 3
            case 0xF4: (owed, high) = (3, 0x8F)
            default: return false
            }
        }
        (self.owed, self.low, self.high) = (owed, low, high)
        return true
    }

    /// Whether `bytes` are a whole text.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.consume(bytes) && validator.isComplete
    }

    /// An offset up to which all bytes from `start` on are ASCII: that of the first byte that is not, or up to 7
    /// bytes before the end.
    private static func skipASCII(_ base: UnsafeRawPointer, from start: Int, count: Int) -> Int {
        let highBits: UInt64 = 0x8080_8080_8080_8080
        var offset = start
        while offset &+ 32 <= count {
            let place = base + offset
            let a = place.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            let b = place.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let c = place.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            let d = place.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            if (a | b | c | d) & highBits != 0 { break }
            offset &+= 32
        }
        while offset &+ 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & highBits
            if word != 0 { return offset &+ word.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
        return offset
    }
}
