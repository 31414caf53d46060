/// Taking away what stands around a request.
extension ClauseParser {
    /// Without commas, dashes and colons at the ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var low = range.lowerBound
        var high = range.upperBound
        let loose: Set<Token.Kind> = [.comma, .dash, .colon]
        while low < high, loose.contains(tokens[low].kind) { low += 1 }
        while low < high, loose.contains(tokens[high - 1].kind) { high -= 1 }
        return low..<high
    }

    func withoutStops(_ range: Range<Int>) -> Range<Int> {
        var high = range.upperBound
        while high > range.lowerBound, tokens[high - 1].kind == .stop { high -= 1 }
        return range.lowerBound..<high
    }

    /// The length of the phrase that a clause begins with; the longest wins.
    func prefix(_ range: Range<Int>, _ phrases: [[String]]) -> Int? {
        guard let first = range.first else { return nil }
        for phrase in phrases where phrase.count <= range.count && tokens[first].isWord(phrase[0]) {
            if phrase.indices.allSatisfy({ tokens[first + $0].isWord(phrase[$0]) }) { return phrase.count }
        }
        return nil
    }

    func withoutOpeners(_ range: Range<Int>) -> Range<Int> {
        var clause = trimmed(range)
        var rounds = 0
        while rounds < 12, let count = prefix(clause, Vocabulary.openers), count < clause.count {
            // "good book to read", "first aid kit": an opener that is an adjective of the title stays.
            clause = trimmed(clause.lowerBound + count..<clause.upperBound)
            rounds += 1
        }
        return clause
    }

    /// Nothing but words that mean nothing for a request.
    func isOpener(_ range: Range<Int>) -> Bool {
        var clause = trimmed(range)
        while !clause.isEmpty, let count = prefix(clause, Vocabulary.openers) {
            clause = trimmed(clause.lowerBound + count..<clause.upperBound)
        }
        return clause.isEmpty
    }

    func withoutClosers(_ range: Range<Int>, _ phrases: [[String]]) -> Range<Int> {
        var clause = trimmed(range)
        var changed = true
        while changed, !clause.isEmpty {
            changed = false
            for phrase in phrases where phrase.count < clause.count {
                let start = clause.upperBound - phrase.count
                guard phrase.indices.allSatisfy({ tokens[start + $0].isWord(phrase[$0]) }) else { continue }
                // "send thanks", "write a thank you" keep it.
                if phrase[0].hasPrefix("thank") || phrase[0] == "cheers", tokens[start - 1].isWord(Self.beforeThanks) {
                    continue
                }
                clause = trimmed(clause.lowerBound..<start)
                changed = true
                break
            }
        }
        return clause
    }

    private static let beforeThanks = Vocabulary.words(
        "send say saying write give with of and my many for a the big to")

    /// "milk to my list" is "milk".
    func withoutListPhrase(_ range: Range<Int>) -> Range<Int> {
        var end = range.upperBound
        guard end - range.lowerBound >= 3 || (end - range.lowerBound >= 2) else { return range }
        func drop(_ words: Set<String>) -> Bool {
            guard end > range.lowerBound, tokens[end - 1].isWord(words) else { return false }
            end -= 1
            return true
        }
        if drop(["list", "lists", "todolist", "tasklist"]) {
            _ = drop(["todo", "task", "tasks", "todos", "shopping", "grocery", "do"])
            let isToDo = drop(["to"])
            if isToDo, end < range.upperBound - 2, end > range.lowerBound, tokens[end + 1].isWord("do"),
                !tokens[end - 1].isWord([
                    "to", "on", "in", "my", "the", "our", "your", "a", "this", "of", "off", "from",
                ])
            {
                return trimmed(range.lowerBound..<end)
            }
            if end > range.lowerBound, tokens[end - 1].isWord(["to", "on", "in", "onto", "into", "from", "off"]) {
                return trimmed(range.lowerBound..<end - 1)
            }
        } else if drop(["todos", "tasks"]) {
        } else if drop(["task", "todo"]) {
            _ = drop(["new"])
            guard drop(["a", "another"]) else { return range }
            return drop(["as"]) ? trimmed(range.lowerBound..<end) : range
        } else {
            return range
        }
        _ = drop(["my", "the", "our", "your", "this", "a"])
        // "of": "off of my list"
        _ = drop(["of"])
        return drop(["to", "on", "in", "onto", "into", "from", "off"]) && end > range.lowerBound
            ? trimmed(range.lowerBound..<end) : range
    }

    /// Without the quotes around the whole of a title.
    static func unquoted(_ text: String) -> String {
        var text = text.trimmingSpaces()
        let pairs: [(Character, Character)] = [
            ("\"", "\""), ("“", "”"), ("'", "'"), ("‘", "’"), ("«", "»"), ("„", "“"), ("„", "”"), ("「", "」"),
        ]
        for (left, right) in pairs where text.first == left && text.last == right && text.count > 2 {
            let inner = text.dropFirst().dropLast()
            if !inner.contains(left), !inner.contains(right) {
                text = String(inner).trimmingSpaces()
                break
            }
        }
        return text
    }

    /// The verb that a word is a misspelling of.
    func correction(of token: Token) -> String? {
        guard token.kind == .word, !token.isQuoted else { return nil }
        let word = token.folded
        if let exact = Vocabulary.exactCorrections[word] { return exact }
        guard word.utf8.count >= 4, word.utf8.count <= 14, !Vocabulary.neverCorrected.contains(word),
            !Vocabulary.actions.contains(word)
        else { return nil }
        for verb in Vocabulary.correctable where verb.utf8.count >= 4 {
            let limit = verb.utf8.count >= 7 ? 2 : 1
            if Folding.distance(word, verb, limit: limit) != nil { return verb }
        }
        return nil
    }
}

extension String {
    func trimmingSpaces() -> String { String(Substring(self).trimmed()) }
}
