/// Titles of new tasks.
extension ClauseParser {
    /// Cuts words into titles. The rule, at commas, "and", "&" and "+" outside quotes and parentheses:
    ///
    /// - An item that begins with a verb of its own is a task ("call mum, pay rent and book the dentist": three).
    /// - An item without a verb behind one with a verb belongs to it ("call mum and dad", "buy milk, eggs and bread":
    ///   one errand each).
    /// - Things without a verb are one task each when they are short, at most four words and between "and" alone at
    ///   most two ("milk, eggs and bread": three; "salt and pepper chicken recipe": one). Pairs that name one thing
    ///   ("mac and cheese") stay together.
    /// - What begins like a time or an afterthought ("…, tomorrow", "…, but not the blue one") is no item.
    /// - Anything in quotes stays as it is.
    func titles(_ range: Range<Int>) -> [String] {
        let whole = withoutStops(trimmed(range))
        guard !whole.isEmpty else { return [] }
        let items = items(whole)
        guard items.count > 1 else { return [Self.unquoted(line.text(whole))].filter { !$0.isEmpty } }
        return items.map { Self.unquoted(line.text($0)) }.filter { !$0.isEmpty }
    }

    private struct Separator {
        var range: Range<Int>
        var isComma: Bool
    }

    private func items(_ range: Range<Int>) -> [Range<Int>] {
        var separators = separators(range)
        guard !separators.isEmpty, separators.count <= 400 else { return [range] }
        let hasComma = separators.contains(where: \.isComma)
        var pieces: [Range<Int>] = []
        var start = range.lowerBound
        for separator in separators {
            pieces.append(start..<separator.range.lowerBound)
            start = separator.range.upperBound
        }
        pieces.append(start..<range.upperBound)
        guard pieces.allSatisfy({ !$0.isEmpty }) else { return [range] }
        // "add eggs, please, and bread"
        for index in pieces.indices.reversed()
        where pieces[index].count == 1 && pieces.count > 1
            && tokens[pieces[index].lowerBound].isWord(["please", "pls", "plz"])
        {
            pieces.remove(at: index)
            separators.remove(at: max(index - 1, 0))
        }

        // Put together what is one thing.
        var items: [Range<Int>] = [pieces[0]]
        for (index, piece) in pieces.enumerated().dropFirst() {
            let previous = items[items.count - 1]
            let isComma = separators[index - 1].isComma
            let joined = previous.lowerBound..<piece.upperBound
            let belongs: Bool
            if tokens[piece.lowerBound].isWord(Vocabulary.continuations)
                || isComma && tokens[piece.upperBound - 1].isWord(["one", "ones"])
            {
                belongs = true
            } else if isErrand(piece) {
                belongs =
                    piece.contains { tokens[$0].isWord(Vocabulary.pronouns) }
                    || !isErrand(previous) && !isComma && !hasComma && previous.count > 2
                    || isErrand(previous) && previous.count == 1 && !isComma
            } else if isErrand(previous) {
                belongs = true
            } else {
                belongs = !isComma && isPair(joined)
            }
            if belongs { items[items.count - 1] = joined } else { items.append(piece) }
        }
        guard items.count > 1 else { return [range] }
        // Things must look like things: short, and no sentence.
        let things = items.filter { !isErrand($0) && !isQuoted($0) }
        let longest = hasComma ? 4 : 2
        guard things.allSatisfy({ wordCount($0) <= longest || isPair($0) }), !things.contains(where: isSentence) else {
            return items.count == pieces.count && things.isEmpty ? items : [range]
        }
        return items
    }

    private func separators(_ range: Range<Int>) -> [Separator] {
        var found: [Separator] = []
        var index = range.lowerBound + 1
        while index < range.upperBound {
            var end = index
            var isComma = false
            while end < range.upperBound, isSeparator(tokens[end]), end - index < 3 {
                if tokens[end].kind == .comma { isComma = true }
                end += 1
            }
            if end > index, end < range.upperBound { found.append(Separator(range: index..<end, isComma: isComma)) }
            index = max(end, index + 1)
        }
        return found
    }

    private func isSeparator(_ token: Token) -> Bool {
        guard !token.isQuoted, !token.isNested else { return false }
        return token.kind == .comma || token.kind == .ampersand || token.isWord("and") || token.isWord("plus")
    }

    private func wordCount(_ range: Range<Int>) -> Int { range.count { tokens[$0].kind == .word } }

    private func isQuoted(_ range: Range<Int>) -> Bool { tokens[range.lowerBound].kind == .quoteOpen }

    /// Begins with a verb that has an object.
    func isErrand(_ range: Range<Int>) -> Bool {
        guard let first = range.first, tokens[first].isWord(Vocabulary.actions) else { return false }
        guard range.count > 1 else { return !Vocabulary.ambiguousActions.contains(tokens[first].folded) }
        if Vocabulary.ambiguousActions.contains(tokens[first].folded) {
            return tokens[first + 1].isWord(Vocabulary.objectStarts)
        }
        return true
    }

    static func isErrand(_ title: String) -> Bool {
        let line = Line(title)
        return ClauseParser(line: line).isErrand(0..<line.tokens.count)
    }

    /// "I called mum", "just bought the milk": the words from the verb on, where nothing else is meant.
    func past(_ clause: Range<Int>) -> Range<Int>? {
        var index = clause.lowerBound
        var isMine = false
        if clause.count > 1, tokens[index].isWord("have"), tokens[index + 1].isWord(["i", "we"]) { return nil }
        while index < clause.upperBound,
            tokens[index].isWord(["i", "we", "ive", "weve", "have", "just", "already", "finally"])
        {
            if tokens[index].isWord(["i", "we", "ive", "weve"]) { isMine = true }
            index += 1
        }
        let rest = withoutClosers(index..<clause.upperBound, Vocabulary.closers)
        guard rest.count >= 2, rest.count <= 10, tokens[index].kind == .word, !tokens[index].isQuoted else {
            return nil
        }
        let verb = tokens[index].folded
        guard TaskMatcher.isPast(verb),
            verb != "got" || !tokens[index + 1].isWord(["to", "a", "an", "any", "it", "rid"])
        else { return nil }
        guard isMine || verb != "read" else { return nil }
        guard !rest.contains(where: { tokens[$0].isWord(["you", "your", "not", "wrong", "but", "if"]) }) else {
            return nil
        }
        return rest
    }

    /// "the paint is bought", "the lawn's mowed": the thing, where what was done to it is said at the end.
    func passive(_ range: Range<Int>) -> Reference? {
        var clause = withoutClosers(withoutStops(range), Vocabulary.closers)
        if clause.count > 2, let last = clause.last, tokens[last].isWord(["up", "off", "out", "away", "back"]) {
            clause = clause.lowerBound..<last
        }
        guard clause.count >= 2, clause.count <= 10, let verb = clause.last, let first = clause.first,
            clause.allSatisfy({ tokens[$0].kind == .word && !tokens[$0].isQuoted }),
            TaskMatcher.isPast(tokens[verb].folded) || tokens[verb].isWord(Self.settled)
        else { return nil }
        var end = verb
        while end > first, tokens[end - 1].isWord(["been", "now", "already", "all", "finally", "just"]) { end -= 1 }
        guard end > first else { return nil }
        var subject = line.text(first..<end)
        if tokens[end - 1].isWord(["is", "are", "was", "were", "has", "have", "got"]) {
            guard end - 1 > first else { return nil }
            end -= 1
            subject = line.text(first..<end)
        } else if subject.hasSuffix("'s") || subject.hasSuffix("’s") {
            subject = String(subject.dropLast(2))
        } else {
            return nil
        }
        guard !tokens[first].isWord(Self.noSubjects), !tokens[first].isWord(Self.verbsOfOurs),
            !(first..<end).contains(where: { tokens[$0].isWord(Self.notSettled) })
        else { return nil }
        let words = Line(subject)
        if let references = ClauseParser(line: words).references(0..<words.tokens.count), references.count == 1 {
            return references[0]
        }
        return .title(subject)
    }

    /// What a bare errand would let go of: "scrap the oat flakes".
    static func scrapped(_ title: String) -> String? {
        let line = Line(title)
        let parser = ClauseParser(line: line)
        let whole = parser.withoutStops(0..<line.tokens.count)
        guard let first = whole.first, line.tokens[first].isWord(scraps), whole.count > 1, whole.count <= 10,
            let references = parser.references(whole.dropFirstIndex()), references.count == 1,
            case .title(let words) = references[0]
        else { return nil }
        return words
    }

    private static let scraps = Vocabulary.words("drop cancel scrap ditch skip forget bin kill lose axe abandon bury")

    /// "got the milk": what was got.
    static func withoutPast(_ words: String) -> String? {
        let line = Line(words)
        guard line.tokens.count > 1, TaskMatcher.isPast(line.tokens[0].folded) else { return nil }
        return line.text(1..<line.tokens.count)
    }

    private static let settled = Vocabulary.words("sorted handled settled resolved arranged bought paid")
    private static let noSubjects = Vocabulary.words(
        "i we you he she they who what which when where why how there is are was were has have if not no")
    private static let notSettled = Vocabulary.words("not i you if when never isnt arent hasnt havent")

    private func isSentence(_ range: Range<Int>) -> Bool {
        range.contains {
            tokens[$0].isWord([
                "i", "im", "is", "are", "was", "were", "he", "she", "we", "they", "you", "because", "that", "which",
            ])
        }
    }

    private func isPair(_ range: Range<Int>) -> Bool {
        let words = range.compactMap {
            tokens[$0].kind == .word && tokens[$0].folded != "and" ? tokens[$0].folded : nil
        }
        guard words.count >= 2, words.count <= 4 else { return false }
        return Vocabulary.pairs.contains(words.joined(separator: " "))
    }

    /// Bare words that could be a task: an errand, or a few words that are no sentence. What is offered is without
    /// "I need" and the like.
    func phrase(_ clause: Range<Int>) -> Range<Int>? {
        var subject = clause
        if let count = prefix(clause, Self.wishes), count < clause.count {
            subject = trimmed(clause.lowerBound + count..<clause.upperBound)
        }
        guard let first = subject.first, subject.contains(where: { tokens[$0].kind == .word }) else { return nil }
        guard !subject.contains(where: { tokens[$0].isWord(Self.talk) }) else { return nil }
        if subject.count > 1, tokens[first].isWord(["do", "have", "did"]), tokens[first + 1].isWord(["i", "we", "you"])
        {
            return nil
        }
        if subject.count == 2, number(tokens[first + 1]) != nil { return nil }
        if isErrand(subject) || tokens[first].isWord(Vocabulary.actions) && subject.count > 1 { return subject }
        guard subject.count <= 6, !tokens[first].isWord(Self.verbsOfOurs) else { return nil }
        if tokens[first].isWord(Self.chatter) { return nil }
        // One ASCII word of letters is too little: "asdf", "what", "ugh".
        if subject.count == 1, subject == clause, tokens[first].folded.utf8.allSatisfy({ $0 < 0x80 }),
            tokens[first].folded.utf8.count < 3 || number(tokens[first]) != nil
        {
            return nil
        }
        return subject
    }

    private static let wishes = Vocabulary.phrases(
        """
        i should really,i really should,i should probably,i probably should,i guess i should,i really need to,\
        i need,we need,need,i should,we should,should,i want,we are out of,were out of,out of,i could use,\
        i will,ill,id better,i better,i am going to,im going to,get me,i may need,we still need,i still need,\
        i also need,todo,to do
        """
    )
    private static let talk = Vocabulary.words(
        """
        you your youre im am wtf fuck fucking shit stupid idiot hate sucks dumb useless crap love me myself u \
        ur is isnt was are hell damn task tasks todo todos list
        """
    )
    private static let chatter = Vocabulary.words(
        """
        what whats hows wheres whos whens why how when where who which whose is are was do does did can could \
        would should will i it that this there ugh hmm wow lol ha oh no yes not dont if because and or but huh \
        nothing something anything sorry test testing never they he she we asdf qwerty undo redo save back exit
        """
    )
    static let verbsOfOurs = Vocabulary.words(
        """
        add delete remove rename mark list show complete uncomplete update change clear remind erase undo \
        unmark uncheck reopen describe display
        """
    )
}
