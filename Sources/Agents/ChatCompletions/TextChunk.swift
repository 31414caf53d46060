/// Reads the chunk that nearly all chunks are: one choice whose delta has text, and nothing else that counts.
///
/// It is read in place, without a tree, since a model sends one for each token. Whatever is not plainly of that form,
/// or might not be JSON at all, is left to the general reader: what this one accepts, that one reads in the same way.
package struct TextChunk {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var text: String?
    /// Where the text stands, as it does in the JSON.
    private var textRange = 0..<0

    /// - Returns: the text, which may be empty; `nil`: the chunk is of another form.
    package static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        read(bytes)?.text
    }

    /// - Returns: the text and where it stands between its quotes.
    package static func read(_ bytes: UnsafeRawBufferPointer) -> (text: String, range: Range<Int>)? {
        var chunk = TextChunk(bytes: bytes)
        guard chunk.readChunk(), chunk.position == bytes.count, let text = chunk.text else { return nil }
        return (text, chunk.textRange)
    }

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    // MARK: The three objects

    private mutating func readChunk() -> Bool {
        var choices = 0
        let isRead = readMembers { chunk, key in
            if Self.equal(key, "choices") {
                choices += 1
                guard chunk.take("["), chunk.readChoice() else { return false }
                return chunk.take("]")
            }
            if Self.equal(key, "usage") || Self.equal(key, "x_groq") || Self.equal(key, "error") {
                return chunk.readNull()
            }
            if Self.equal(key, "object") {
                guard let value = chunk.readPlainString() else { return false }
                return !Self.equal(value, "error")
            }
            return chunk.skipValue(depth: 0)
        }
        return isRead && choices == 1
    }

    private mutating func readChoice() -> Bool {
        var deltas = 0
        let isRead = readMembers { chunk, key in
            if Self.equal(key, "delta") {
                deltas += 1
                return chunk.readDelta()
            }
            if Self.equal(key, "index") { return chunk.take("0") }
            if Self.equal(key, "finish_reason") { return chunk.readNull() }
            if Self.equal(key, "message") || Self.equal(key, "error") || Self.equal(key, "text") { return false }
            return chunk.skipValue(depth: 0)
        }
        return isRead && deltas == 1
    }

    private mutating func readDelta() -> Bool {
        readMembers { chunk, key in
            if Self.equal(key, "content") {
                guard chunk.text == nil, let text = chunk.readText() else { return false }
                chunk.text = text
                return true
            }
            if Self.isOther(key) { return chunk.readNull() }
            return chunk.skipValue(depth: 0)
        }
    }

    /// What a delta may have beside its text that counts.
    private static func isOther(_ key: UnsafeRawBufferPointer) -> Bool {
        equal(key, "tool_calls") || equal(key, "function_call") || equal(key, "refusal")
            || equal(key, "reasoning_content") || equal(key, "reasoning") || equal(key, "reasoning_details")
    }

    // MARK: JSON

    private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 { position += 1 }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    /// The members of an object, each value read by `body`.
    private mutating func readMembers(
        _ body: (inout TextChunk, UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        guard take("{") else { return false }
        if take("}") { return true }
        repeat {
            guard let key = readPlainString(), take(":") else { return false }
            skipSpace()
            guard body(&self, key) else { return false }
        } while take(",")
        return take("}")
    }

    private mutating func readNull() -> Bool {
        skipSpace()
        return readWord("null")
    }

    private mutating func readWord(_ word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, Self.equal(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), word) else {
            return false
        }
        position = end
        return true
    }

    /// A string of ASCII without escapes.
    private mutating func readPlainString() -> UnsafeRawBufferPointer? {
        guard take("\"") else { return nil }
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<(position - 1)])
            }
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
            position += 1
        }
        return nil
    }

    /// A string with any characters and the short escapes.
    private mutating func readText() -> String? {
        guard take("\"") else { return nil }
        let start = position
        var escapes = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let slice = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
                textRange = start..<position
                position += 1
                return escapes == 0
                    ? String(validating: slice.bindMemory(to: UInt8.self), as: UTF8.self)
                    : Self.unescaped(slice, count: slice.count - escapes)
            }
            guard byte >= 0x20 else { return nil }
            if byte == UInt8(ascii: "\\") {
                escapes += 1
                position += 1
                guard position < bytes.count, Self.escaped(bytes[position]) != nil else { return nil }
            }
            position += 1
        }
        return nil
    }

    private static func unescaped(_ slice: UnsafeRawBufferPointer, count: Int) -> String? {
        var plain: [UInt8] = []
        plain.reserveCapacity(count)
        var index = 0
        while index < slice.count {
            if slice[index] == UInt8(ascii: "\\"), index + 1 < slice.count, let byte = escaped(slice[index + 1]) {
                plain.append(byte)
                index += 2
            } else {
                plain.append(slice[index])
                index += 1
            }
        }
        return String(validating: plain, as: UTF8.self)
    }

    private static func escaped(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        default: nil
        }
    }

    private static let skippedDepth = 8

    /// A value of no interest: plain strings, short whole numbers, words, and what is made of them.
    private mutating func skipValue(depth: Int) -> Bool {
        guard depth < Self.skippedDepth else { return false }
        skipSpace()
        switch current {
        case UInt8(ascii: "\""): return readPlainString() != nil
        case UInt8(ascii: "n"): return readWord("null")
        case UInt8(ascii: "t"): return readWord("true")
        case UInt8(ascii: "f"): return readWord("false")
        case UInt8(ascii: "0"):
            position += 1
            return true
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            let start = position
            while current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") { position += 1 }
            return position - start <= 18
        case UInt8(ascii: "{"): return readMembers { chunk, _ in chunk.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            position += 1
            if take("]") { return true }
            repeat {
                guard skipValue(depth: depth + 1) else { return false }
            } while take(",")
            return take("]")
        default: return false
        }
    }

    private static func equal(_ slice: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard slice.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<slice.count where slice[index] != word.utf8Start[index] { return false }
        return true
    }
}
