/// What a range of words points at.
extension ClauseParser {
    /// The tasks pointed at; several for "2, 3 and 5" or "1-4". `nil` where the words single out in a way that is not
    /// understood ("everything except milk"): then nothing is done.
    func references(_ range: Range<Int>) -> [Reference]? {
        var clause = withoutStops(trimmed(range))
        guard !clause.isEmpty else { return nil }
        if let whole = quoted(clause) { return [.title(whole)] }
        if let pronoun = pronoun(clause) { return [pronoun] }
        if let ids = ids(clause) { return ids }
        // "done, actually"
        if clause.allSatisfy({ tokens[$0].kind == .comma || tokens[$0].isWord(Self.asides) }) { return [.it] }
        let listless = withoutListPhrase(clause)
        if listless != clause, !listless.isEmpty,
            listless.contains(where: { !tokens[$0].isWord(Vocabulary.determiners) })
        {
            clause = listless
            if let pronoun = pronoun(clause) { return [pronoun] }
            if let ids = ids(clause) { return ids }
        }
        let bare = withoutClosers(clause, Vocabulary.closers)
        if bare != clause, let pronoun = pronoun(bare) { return [pronoun] }
        if bare != clause, let ids = ids(bare) { return ids }
        if let quoted = quoted(inner(clause)) { return [.title(quoted)] }
        if let set = set(bare) { return [set] }
        if bare.contains(where: { tokens[$0].isWord(Vocabulary.exceptions) && bare.count > 1 }) { return nil }
        if let first = bare.first, tokens[first].isWord(Vocabulary.allWords) || tokens[first].isWord("any") {
            return nil
        }
        let subject = inner(bare)
        guard !subject.isEmpty else { return [.missing] }
        if let pronoun = pronoun(subject) { return [pronoun] }
        let title = Self.unquoted(line.text(subject))
        return title.isEmpty ? nil : [.title(title)]
    }

    /// Several tasks by what they have in common: "all but the milk", "the first two", "the ones with call in them".
    private func set(_ clause: Range<Int>) -> Reference? {
        var rest = clause
        func take(_ words: Set<String>) -> Bool {
            guard let first = rest.first, tokens[first].isWord(words) else { return false }
            rest = rest.dropFirstIndex()
            return true
        }
        let isAll = take(["all", "everything", "every", "each", "any", "anything"])
        _ = take(["of"])
        _ = take(["the", "my", "these", "those"])
        // "the first two"
        if !isAll, let first = rest.first, rest.count >= 2, rest.count <= 5 {
            let count = number(tokens[first + 1]) ?? Vocabulary.numbers[tokens[first + 1].folded]
            if let count, count > 1, count <= Int64(RequestParser.limit),
                rest.dropFirst(2).allSatisfy({
                    tokens[$0].isWord(Self.memberWords) || tokens[$0].isWord(["of", "on", "my"])
                })
            {
                if tokens[first].isWord(["first", "top", "next"]) { return .first(Int(count)) }
                if tokens[first].isWord(["last", "bottom"]) { return .lastOnes(Int(count)) }
            }
        }
        // "all the call ones except the vet"
        if isAll, let (end, but) = exception(in: rest), end > rest.lowerBound + 1,
            tokens[end - 1].isWord(Self.memberWords), let kept = references(but..<rest.upperBound),
            !kept.contains(where: { $0 == .missing || $0 == .all })
        {
            let words = Self.unquoted(line.text(rest.lowerBound..<end - 1))
            return words.isEmpty ? nil : .havingBut(words, kept)
        }
        let hasMembers = take(Self.memberWords)
        if isAll || hasMembers, let filter = due(rest) { return .due(filter) }
        if isAll || hasMembers, let count = prefix(rest, Self.exceptPhrases), count < rest.count {
            guard isAll, let kept = references(rest.lowerBound + count..<rest.upperBound),
                !kept.contains(where: { $0 == .missing || $0 == .all })
            else { return nil }
            return .allBut(kept)
        }
        if hasMembers, let count = prefix(rest, Self.havingPhrases), count < rest.count {
            rest = withoutClosers(rest.lowerBound + count..<rest.upperBound, Self.inThem)
            let words = Self.unquoted(line.text(inner(rest)))
            return words.isEmpty ? nil : .having(words)
        }
        guard isAll, !hasMembers, !rest.isEmpty else { return nil }
        // "all milk tasks", "everything about milk"
        if let count = prefix(rest, Self.havingPhrases), count < rest.count {
            rest = withoutClosers(rest.lowerBound + count..<rest.upperBound, Self.inThem)
        } else {
            guard let last = rest.last, rest.count > 1, tokens[last].isWord(Self.memberWords) else { return nil }
            rest = rest.lowerBound..<last
        }
        guard rest.count <= 6, !rest.contains(where: { tokens[$0].isWord(Vocabulary.exceptions) }),
            !rest.contains(where: { tokens[$0].isWord(Vocabulary.doneWords.union(Vocabulary.openWords)) })
        else { return nil }
        let words = Self.unquoted(line.text(rest))
        return words.isEmpty ? nil : .having(words)
    }

    /// Where "except" and the like begin and end.
    private func exception(in range: Range<Int>) -> (start: Int, end: Int)? {
        for start in range.dropFirst() {
            if let count = prefix(start..<range.upperBound, Self.exceptPhrases), start + count < range.upperBound {
                return (start, start + count)
            }
        }
        return nil
    }

    /// "that's due today", "overdue".
    private func due(_ range: Range<Int>) -> Request.Filter? {
        var rest = range
        while let first = rest.first, tokens[first].isWord(["that", "thats", "which", "is", "are"]) {
            rest = rest.dropFirstIndex()
        }
        guard let first = rest.first else { return nil }
        if rest.count == 1, tokens[first].isWord(["overdue", "late"]) { return .overdue }
        guard tokens[first].isWord("due"), rest.count > 1, let span = WhenReader(tokens).span(rest.dropFirstIndex())
        else { return nil }
        return .due(span)
    }

    private static let memberWords = Vocabulary.words(
        "ones one tasks task items item todos things thing them stuff entries")
    private static let asides = Vocabulary.words("actually yet sorry now already finally indeed then")
    private static let exceptPhrases = Vocabulary.phrases(
        "but,except,except for,but for,but not,besides,apart from,other than,excluding,without,aside from")
    private static let havingPhrases = Vocabulary.phrases(
        """
        with,with the word,that have,which have,that has,having,containing,that contain,that contains,about,that are about,mentioning,\
        that mention,that mentions,including,that include,related to,that say,saying,that start with,starting with,that begin with
        """)
    static let inThem = Vocabulary.phrases(
        "in them,in it,in the title,in their title,in the name,in their name,on them,in the titles,in there,inside")

    /// Whether the words point at a task and can hardly be part of a thing to do.
    func isPointed(_ range: Range<Int>) -> Bool {
        let clause = withoutClosers(withoutListPhrase(withoutStops(trimmed(range))), Vocabulary.closers)
        guard !clause.isEmpty, clause.count <= 24 else { return false }
        if pronoun(clause) != nil || ids(clause) != nil { return true }
        guard let last = clause.last, let first = clause.first, clause.count > 1 else { return false }
        if tokens[last].isWord(["task", "todo", "reminder"]), clause.count <= 8 { return true }
        if tokens[last].isWord(["one"]), tokens[first].isWord(["the", "that", "this"]), clause.count <= 8 {
            return true
        }
        return tokens[first].isWord(["task", "item", "todo"]) || set(clause) != nil
    }

    static func reference(inItem text: String) -> Reference {
        let line = Line(text)
        let parser = ClauseParser(line: line)
        let range = 0..<line.tokens.count
        return parser.ids(range)?.first ?? .title(unquoted(text))
    }

    /// Without "the … one" around it.
    private func inner(_ range: Range<Int>) -> Range<Int> {
        var clause = range
        while clause.count > 1, let first = clause.first,
            tokens[first].isWord([
                "the", "my", "that", "this", "task", "item", "todo", "called", "named", "titled", "about",
            ])
                || tokens[first].kind == .colon
        {
            clause = clause.dropFirstIndex()
        }
        if clause.count > 1, let last = clause.last, clause.upperBound <= range.upperBound,
            tokens[last].isWord(["one", "task", "item", "todo", "thing", "reminder", "entry"])
        {
            clause = clause.lowerBound..<clause.upperBound - 1
        }
        if clause.count == 1, let only = clause.first, tokens[only].isWord(Self.emptyNouns) { return only..<only }
        return clause
    }

    private static let emptyNouns = Vocabulary.words(
        "the my a an task tasks item items todo todos one ones thing something some")

    /// The content of quotes around the whole range.
    private func quoted(_ range: Range<Int>) -> String? {
        guard let first = range.first, let last = range.last, tokens[first].kind == .quoteOpen,
            tokens[last].kind == .quoteClose,
            range.count > 2, range.dropFirst().dropLast().allSatisfy({ tokens[$0].isQuoted })
        else { return nil }
        return line.text(first + 1..<last)
    }

    func pronoun(_ range: Range<Int>) -> Reference? {
        guard range.count <= 8 else { return nil }
        let words = range.compactMap { tokens[$0].kind == .word && !tokens[$0].isQuoted ? tokens[$0].folded : nil }
        guard words.count == range.count, let first = words.first else { return nil }
        if Self.itPhrases.contains(words.joined(separator: " ")) { return .it }
        if Self.themPhrases.contains(words.joined(separator: " ")) { return .them }
        if words.allSatisfy({ Vocabulary.allReference.contains($0) }) {
            let isAll = words.contains { Vocabulary.allWords.contains($0) }
            let isList = words.contains("list") && words.allSatisfy { ["my", "the", "list", "todo"].contains($0) }
            let isTasks = words.count > 1 && first == "my" && ["tasks", "todos"].contains(words[words.count - 1])
            if isAll || isList || isTasks { return .all }
        }
        let rest = words.drop { ["the", "my", "task", "item", "number"].contains($0) }
        guard let ordinal = rest.first else { return nil }
        let tail = rest.dropFirst()
        if tail.contains("added") || tail.contains("created") || Self.newestWords.contains(ordinal),
            Vocabulary.lastWords.contains(ordinal) || rest.starts(with: ["most", "recent"])
                || rest.starts(with: ["one", "i"])
        {
            return tail.allSatisfy { Self.newestTail.contains($0) } ? .newest : nil
        }
        if ordinal == "other", tail.allSatisfy({ ["one", "task", "item"].contains($0) }) { return .other }
        let isPlain = tail.allSatisfy {
            [
                "one", "task", "item", "todo", "on", "in", "my", "the", "list", "of", "them", "i", "added", "you",
                "just", "most", "recent", "recently", "thing", "option",
            ].contains($0)
        }
        guard isPlain else { return nil }
        if let number = Vocabulary.ordinals[ordinal] { return .ordinal(number) }
        if Vocabulary.lastWords.contains(ordinal) || rest.starts(with: ["most", "recent"]) { return .last }
        return nil
    }

    private static let newestWords: Set<String> = ["newest", "latest", "most"]
    private static let newestTail: Set<String> = [
        "one", "task", "item", "todo", "i", "have", "just", "added", "created", "thing", "that", "recent", "recently",
        "ive",
        "we",
    ]
    private static let itPhrases: Set<String> = [
        "it", "its", "thats", "that", "this", "that one", "this one", "that task", "this task", "the same",
        "the same one", "the same task",
        "that item", "this item", "that todo", "this todo", "the one", "same", "the task", "itself", "the thing",
        "that thing",
    ]
    private static let themPhrases: Set<String> = [
        "them", "those", "these", "both", "both of them", "both tasks", "those tasks", "these tasks", "those two",
        "these two",
        "the both", "the two", "both of those", "those items", "these items", "the following", "the following tasks",
        "the following items",
    ]

    /// "3", "#3", "task 3 and 4", "numbers 2, 3, 5", "1-4".
    func ids(_ range: Range<Int>) -> [Reference]? {
        var index = range.lowerBound
        var isNamed = false
        if range.count > 1, tokens[index].isWord("both") { index += 1 }
        while index < range.upperBound,
            tokens[index].isWord(Vocabulary.noun) || tokens[index].isWord(Vocabulary.determiners)
                || tokens[index].isWord(["#", "no", "n°", "№"])
                || tokens[index].kind == .mark && isNamed || tokens[index].kind == .open
        {
            if !tokens[index].isWord(Vocabulary.determiners) { isNamed = true }
            index += 1
        }
        var ids: [Int64] = []
        while index < range.upperBound {
            let token = tokens[index]
            if let id = number(token)
                ?? (isNamed || !ids.isEmpty || range.count == 1 ? spelled(token, named: isNamed) : nil)
            {
                // "2 to 4", "1 through 3"
                if let low = ids.last, index > range.lowerBound,
                    tokens[index - 1].isWord(["to", "through", "till", "until"]) || tokens[index - 1].kind == .dash
                {
                    guard id > low, id - low <= Int64(RequestParser.limit) else { return nil }
                    ids += (low + 1)...id
                } else {
                    ids.append(id)
                }
            } else if let span = span(token) {
                ids += span
            } else if token.kind == .comma || token.kind == .ampersand || token.kind == .dash || token.kind == .close
                || token.isWord([
                    "and", "to", "through", "till", "until", "plus", "also", "both", "task", "tasks", "number", "item",
                ])
            {
                guard !ids.isEmpty else { return nil }
                if token.isWord(["to", "through", "till", "until"]) || token.kind == .dash,
                    index + 1 >= range.upperBound || number(tokens[index + 1]) == nil
                {
                    return nil
                }
            } else {
                return nil
            }
            index += 1
            if ids.count > RequestParser.limit + 1 { return nil }
        }
        guard !ids.isEmpty else { return nil }
        var seen: Set<Int64> = []
        return ids.filter { seen.insert($0).inserted }.map { .id($0) }
    }

    /// "3" or "#3".
    func number(_ token: Token) -> Int64? {
        guard token.kind == .word, !token.isQuoted else { return nil }
        var text = Substring(token.folded)
        if text.hasPrefix("#") { text = text.dropFirst() }
        guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return nil
        }
        return Int64(text)
    }

    private func spelled(_ token: Token, named: Bool) -> Int64? {
        guard token.kind == .word, !token.isQuoted, let value = Vocabulary.numbers[token.folded] else { return nil }
        return named || value > 1 ? value : nil
    }

    private func span(_ token: Token) -> [Int64]? {
        guard token.kind == .word, !token.isQuoted else { return nil }
        if token.folded.contains(",") {
            // "1,2,3"
            let ids = token.folded.split(separator: ",").map { Int64($0.hasPrefix("#") ? $0.dropFirst() : $0) }
            return ids.count > 1 && ids.count <= RequestParser.limit + 1
                && ids.allSatisfy { $0.map { $0 >= 0 } ?? false } ? ids.compactMap(\.self) : nil
        }
        let text = token.folded.hasPrefix("#") ? token.folded.dropFirst() : Substring(token.folded)
        let parts = text.split(whereSeparator: { $0 == "-" || $0 == "–" })
        guard parts.count == 2, let low = Int64(parts[0]),
            let high = Int64(parts[1].hasPrefix("#") ? parts[1].dropFirst() : parts[1]),
            low >= 0, high > low, high - low < Int64(RequestParser.limit)
        else { return nil }
        return Array(low...high)
    }
}

extension Range<Int> {
    func dropFirstIndex() -> Range<Int> { isEmpty ? self : lowerBound + 1..<upperBound }
}
