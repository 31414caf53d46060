/// Cuts an answer into the pieces in which it is streamed: a word with the white space behind it, and in scripts
/// without spaces a few characters at a time. Never inside a grapheme; the pieces together are the text.
package struct WordChunks: Sequence, IteratorProtocol {
    /// Characters of a piece in a script without spaces.
    package static let unspacedLength = 4
    /// A word longer than this is cut, so that a piece stays small whatever a title holds.
    package static let longestPiece = 64

    private let text: String
    private var index: String.Index

    package init(_ text: String) {
        self.text = text
        index = text.startIndex
    }

    package mutating func next() -> String? {
        guard index < text.endIndex else { return nil }
        let start = index
        var unspaced = 0
        var length = 0
        // White space at the very beginning goes with the first word.
        while index < text.endIndex, text[index].isWhitespace { index = text.index(after: index) }
        while index < text.endIndex, !text[index].isWhitespace {
            if Self.isUnspaced(text[index]) { unspaced += 1 }
            length += 1
            index = text.index(after: index)
            if unspaced == Self.unspacedLength || length == Self.longestPiece { break }
        }
        while index < text.endIndex, text[index].isWhitespace { index = text.index(after: index) }
        return String(text[start..<index])
    }

    /// Han, kana, Thai, Lao, Khmer, Myanmar.
    private static func isUnspaced(_ character: Character) -> Bool {
        guard let value = character.unicodeScalars.first?.value else { return false }
        switch value {
        case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xF900...0xFAFF, 0x20000...0x3FFFF:
            return true
        default:
            return false
        }
    }
}
