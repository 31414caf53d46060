/// The title that a conversation gets from its first message, until somebody gives it another.
package enum ConversationTitle {
    /// The first words on the first line that has any, at most 60 characters.
    package static func make(from content: String) -> String? {
        guard let line = content.split(whereSeparator: \.isNewline).first(where: { !$0.allSatisfy(\.isWhitespace) })
        else { return nil }
        let words = line.prefix(600).split(whereSeparator: \.isWhitespace)
        var title = ""
        for word in words {
            let next = title.isEmpty ? String(word) : title + " " + word
            if next.count > 60 {
                if title.isEmpty { title = String(word.prefix(59)) }
                return bounded(String(title.prefix(59)) + "…")
            }
            title = next
        }
        return bounded(title)
    }

    /// A character may be many code points, and the column has 255 of those.
    private static func bounded(_ title: String) -> String {
        guard title.unicodeScalars.count > 255 else { return title }
        return String(String.UnicodeScalarView(title.unicodeScalars.prefix(255)))
    }
}
