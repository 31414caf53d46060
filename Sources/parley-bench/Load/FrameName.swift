/// An id out of a frame, kept by value so that comparing and keeping it costs no allocation.
///
/// Ids of up to 40 bytes are kept whole (the gateway's have 36); of longer ones a hash.
package struct FrameName: Equatable {
    private var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    private var count = 0

    package init() {}

    package init(_ bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        if count <= 40 {
            withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
        } else {
            var hash = TextHash()
            hash.add(bytes)
            words.0 = hash.value
        }
    }

    package init(_ text: String) {
        var text = text
        self = text.withUTF8 { FrameName(UnsafeRawBufferPointer($0)) }
    }

    package var isEmpty: Bool { count == 0 }

    package static func == (left: FrameName, right: FrameName) -> Bool {
        left.count == right.count && left.words == right.words
    }

    /// Appends the id's text; of one that is only a hash, nothing.
    func append(to bytes: inout [UInt8]) {
        guard count <= 40 else { return }
        withUnsafeBytes(of: words) { bytes.append(contentsOf: $0[..<count]) }
    }
}

/// A running FNV-1a hash, to compare a text that came in parts with the one that was stored.
package struct TextHash: Equatable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    package private(set) var count = 0

    package init() {}

    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var hash = value
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        value = hash
        count += bytes.count
    }
}
