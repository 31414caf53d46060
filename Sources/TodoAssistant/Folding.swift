/// Reduces words to what comparison cares about: no case, no diacritics, no apostrophes, no hyphens inside a word.
///
/// It is a table rather than a Unicode decomposition: a to-do title is compared here, not collated, and the table
/// covers the Latin letters people leave the accents off; combining marks of every script are dropped.
enum Folding {
    static func fold(_ text: some StringProtocol) -> String {
        var folded = ""
        var afterLetter = false
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x41...0x5A:
                folded.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value) | 0x20))
                afterLetter = true
            case 0x61...0x7A:
                folded.unicodeScalars.append(scalar)
                afterLetter = true
            case 0x27, 0x60, 0x2018, 0x2019, 0x02BC, 0xB4:  // apostrophes
                continue
            case 0x2D, 0x2010, 0x2011:  // hyphens: "to-do" is "todo", "1-3" stays
                if !afterLetter { folded.unicodeScalars.append("-") }
            case ..<0x80:
                folded.unicodeScalars.append(scalar)
                afterLetter = false
            case 0xC0...0xFF:
                folded += latin1[Int(scalar.value - 0xC0) & 0x1F]
                afterLetter = true
            case 0x100...0x17F:
                folded.unicodeScalars.append(Unicode.Scalar(latinExtended[Int(scalar.value - 0x100)]))
                afterLetter = true
            case 0xFF01...0xFF5E:  // full-width forms
                let ascii = UInt8(truncatingIfNeeded: scalar.value - 0xFEE0)
                let isUpper = ascii >= 0x41 && ascii <= 0x5A
                folded.unicodeScalars.append(Unicode.Scalar(isUpper ? ascii | 0x20 : ascii))
                afterLetter = false
            default:
                let properties = scalar.properties
                if properties.generalCategory == .nonspacingMark || properties.isDefaultIgnorableCodePoint { continue }
                folded += properties.lowercaseMapping
                afterLetter = properties.isAlphabetic
            }
        }
        return folded
    }

    /// U+00C0…U+00DF; U+00E0…U+00FF are the same letters in lower case.
    private static let latin1 = [
        "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
        "d", "n", "o", "o", "o", "o", "o", "x", "o", "u", "u", "u", "u", "y", "th", "ss",
    ]

    /// U+0100…U+017F.
    private static let latinExtended = Array(
        ("aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnn"
            + "oooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs").utf8)

    /// The number of single-letter edits (insert, delete, replace, swap of neighbours) between two words, or `nil`
    /// when it is more than `limit`. Words longer than 32 bytes are never near each other.
    static func distance(_ left: String, _ right: String, limit: Int) -> Int? {
        let a = Array(left.utf8)
        let b = Array(right.utf8)
        guard abs(a.count - b.count) <= limit, a.count <= 32, b.count <= 32 else { return nil }
        if a == b { return 0 }
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) <= limit ? max(a.count, b.count) : nil }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i] + [Int](repeating: 0, count: b.count)
            for j in 1...b.count {
                let cost = a[i - 1] == b[j - 1] ? 0 : 1
                row[j] = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + cost)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[b.count] <= limit ? last[b.count] : nil
    }
}
