import Chat

/// Keeps the words of a prompt out of the operator's log: what an upstream says of a request may quote it.
///
/// A word of the upstream's is left out if it also stands in what was sent and is not one of those that errors are made
/// of; so is everything that looks like a key.
package struct PromptWords {
    /// Code points of what an upstream says that stand in a line.
    package static let lineLimit = 300
    /// Words of a prompt that are compared: the newest, should there be more.
    private static let wordLimit = 20_000
    /// Bytes of a message of the upstream's that are looked at.
    private static let messageLimit = 2_048

    private var words: Set<String> = []

    package init(_ texts: [String] = []) {
        for text in texts.reversed() {
            for word in Self.split(text) where word.count >= 3 {
                guard words.count < Self.wordLimit else { return }
                words.insert(word.lowercased())
            }
        }
    }

    /// Code and message in one line.
    package func masked(_ refusal: UpstreamRefusal) -> String {
        let names = [refusal.code, refusal.type].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
        let text = String(decoding: refusal.message.utf8.prefix(Self.messageLimit), as: UTF8.self)
        let line = [masked(names), masked(text)].filter { !$0.isEmpty }.joined(separator: ": ")
        return String(String.UnicodeScalarView(line.unicodeScalars.prefix(Self.lineLimit)))
    }

    func masked(_ text: String) -> String {
        var line = ""
        var word = ""
        func flush() {
            if !word.isEmpty { line += isSecret(word) ? "…" : word }
            word = ""
        }
        for character in text {
            if Self.isWordPart(character) {
                word.append(character)
            } else {
                flush()
                // One line, whatever it holds.
                line.append(
                    character.isNewline || character.unicodeScalars.contains { $0.value < 0x20 } ? " " : character)
            }
        }
        flush()
        return line
    }

    private func isSecret(_ word: String) -> Bool {
        let small = word.lowercased()
        if Self.ordinary.contains(small) { return false }
        if words.contains(small) { return true }
        // A key: long, of letters and digits. Names such as `context_length_exceeded` have no digits.
        return word.count >= 16 && word.contains(where: \.isNumber) || small.hasPrefix("sk-")
    }

    private static func split(_ text: String) -> [Substring] { text.split { !isWordPart($0) } }

    private static func isWordPart(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "-"
    }

    /// Words that say nothing of a prompt when they stand in an error.
    private static let ordinary: Set<String> = [
        "the", "and", "for", "not", "with", "that", "this", "are", "you", "your", "was", "has", "have", "from", "but",
        "can", "must", "may", "does", "did", "too", "all", "any", "than", "which", "when", "there", "been", "maximum",
        "minimum", "context", "length", "tokens", "token", "model", "request", "requested", "message", "messages",
        "content", "empty", "null", "string", "object", "array", "number", "integer", "type", "value", "field", "role",
        "roles", "system", "user", "assistant", "tool", "tools", "function", "functions", "call", "calls", "name", "id",
        "index", "error", "errors", "invalid", "valid", "missing", "required", "expected", "unexpected", "unsupported",
        "support", "supported", "parameter", "parameters", "argument", "arguments", "limit", "limits", "exceeds",
        "exceeded", "reduce", "please", "try", "again", "input", "output", "inputs", "extra", "permitted", "allowed",
        "alternate", "conversation", "conversations", "start", "first", "last", "long", "short", "large", "size",
        "rate",
        "server", "service", "unavailable", "failed", "failure", "access", "denied", "key", "api", "stream", "body",
        "json", "schema", "found", "unknown", "internal", "bad", "http", "provider", "returned", "policy", "filter",
        "filtered", "quota", "account", "authentication", "permission", "timeout", "overloaded", "capacity",
    ]
}
