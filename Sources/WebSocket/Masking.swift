/// The payload masking of RFC 6455 section 5.3: byte i is XORed with byte i mod 4 of the key. Worked in words,
/// because it touches every byte a client sends.
///
/// A key is held as the little-endian number of its four bytes (first byte lowest), which is how it lies in memory
/// on every platform this builds for.
package enum Masking {
    /// XORs `bytes` in place and reports what went by.
    ///
    /// - Parameter phase: how many payload bytes of the same frame were masked before these; only `phase % 4` matters.
    /// - Returns: whether every byte after masking is ASCII, so that a text needs no second look.
    @discardableResult
    package static func apply(_ key: UInt32, phase: Int = 0, to bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        let key32 = rotated(key, by: phase)
        let key64 = UInt64(key32) << 32 | UInt64(key32)
        var offset = 0
        var seen: UInt64 = 0
        // Four words a turn: independent, so that the compiler makes vectors of them.
        while offset &+ 32 <= count {
            let place = base + offset
            let a = place.loadUnaligned(fromByteOffset: 0, as: UInt64.self) ^ key64
            let b = place.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ key64
            let c = place.loadUnaligned(fromByteOffset: 16, as: UInt64.self) ^ key64
            let d = place.loadUnaligned(fromByteOffset: 24, as: UInt64.self) ^ key64
            place.storeBytes(of: a, toByteOffset: 0, as: UInt64.self)
            place.storeBytes(of: b, toByteOffset: 8, as: UInt64.self)
            place.storeBytes(of: c, toByteOffset: 16, as: UInt64.self)
            place.storeBytes(of: d, toByteOffset: 24, as: UInt64.self)
            seen |= a | b | c | d
            offset &+= 32
        }
        while offset &+ 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ key64
            base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            seen |= word
            offset &+= 8
        }
        // Whole words leave the phase as it was, so the rest starts at the key's first byte again.
        var rest = key64
        while offset < count {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self) ^ UInt8(truncatingIfNeeded: rest)
            base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            seen |= UInt64(byte)
            rest >>= 8
            offset &+= 1
        }
        return seen & 0x8080_8080_8080_8080 == 0
    }

    /// The key as it applies to a payload whose first `phase` bytes are done.
    package static func rotated(_ key: UInt32, by phase: Int) -> UInt32 {
        let shift = UInt32(truncatingIfNeeded: phase & 3) &* 8
        return key &>> shift | key &<< (32 &- shift)  // both shifts are modulo 32
    }
}
