/// The title that a conversation gets from its first message, until somebody gives it another.
package enum ConversationTitle {
    /// Characters of a title, the ellipsis included.
    private static let length = 60
    /// Characters of a line that are looked at.
    private static let lookedAt = 600

    /// The first words on the first line that has any, at most 60 characters; nil where there is none.
    package static func make(from content: String) -> String? {
        let ascii = content.utf8.withContiguousStorageIfAvailable { madeOfASCII($0) } ?? nil
        if let ascii { return ascii.isEmpty ? nil : ascii }
        let line = content.drop(while: \.isWhitespace).prefix(lookedAt).prefix { !$0.isNewline }
        guard !line.isEmpty else { return nil }
        let words = line.split(whereSeparator: \.isWhitespace)
        var title = ""
        for word in words {
            let next = title.isEmpty ? String(word) : title + " " + word
            if next.count > length {
                if title.isEmpty { title = String(word) }
                return bounded(title.prefix(length - 1) + "…")
            }
            title = next
        }
        return bounded(title)
    }

    /// The same where a byte is a character, and no rules of Unicode need to be asked (they were 10 µs of a
    /// conversation's first turn): empty where there is no word, nil where what it looks at is not ASCII.
    private static func madeOfASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard let start = bytes.firstIndex(where: { !isSpace($0) }) else { return "" }
        var title: [UInt8] = []
        title.reserveCapacity(length + 4)
        /// Where the last whole word ends.
        var whole = 0
        for byte in bytes[start...].prefix(lookedAt) {
            guard byte < 0x80 else { return nil }
            if isSpace(byte) {
                whole = title.count
                if byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") { break }
            } else {
                if whole == title.count, whole > 0 { title.append(UInt8(ascii: " ")) }
                title.append(byte)
                if title.count > length {
                    let kept = title.prefix(min(whole == 0 ? length : whole, length - 1))
                    return String(decoding: kept, as: UTF8.self) + "…"
                }
            }
        }
        return String(decoding: title, as: UTF8.self)
    }

    /// White space of ASCII: a tab, the ends of lines, a space.
    private static func isSpace(_ byte: UInt8) -> Bool {
        (0x09...0x0D).contains(byte) || byte == 0x20
    }

    /// A character may be many code points, and the column has 255 of those.
    private static func bounded(_ title: String) -> String {
        guard title.unicodeScalars.count > 255 else { return title }
        return String(String.UnicodeScalarView(title.unicodeScalars.prefix(255)))
    }
}
