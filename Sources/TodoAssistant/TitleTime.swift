/// Cuts the time out of the title of a new task: "call mum tomorrow at 5" is "call mum", tomorrow at 5.
///
/// It stands at the end or at the beginning, or in the middle where that can hardly be a part of a name. What is not
/// certain stays in the title: "watch Freaky Friday", "friday night lights", "work from 9 to 5".
package enum TitleTime {
    package static func split(_ title: String) -> (title: String, when: When?) {
        let line = Line(title)
        let tokens = line.tokens
        guard tokens.count > 1, tokens.count <= 80, !title.contains(where: \.isNewline) else { return (title, nil) }
        let reader = WhenReader(tokens)
        let parser = ClauseParser(line: line)
        let all = 0..<tokens.count
        let whole = parser.withoutStops(all)
        guard !whole.isEmpty, reader.whole(whole) == nil else { return (title, nil) }
        if let found = trailing(whole, reader, parser) { return found }
        if let found = leading(whole, reader, parser) { return found }
        return middle(whole, reader, parser) ?? (title, nil)
    }

    private static func trailing(
        _ whole: Range<Int>, _ reader: WhenReader, _ parser: ClauseParser
    ) -> (title: String, when: When?)? {
        let tokens = parser.tokens
        for start in (whole.lowerBound + 1)..<whole.upperBound {
            guard !tokens[start].isNested, let (when, end) = reader.read(start, in: whole), end == whole.upperBound
            else { continue }
            var rest = whole.lowerBound..<start
            while let last = rest.last, tokens[last].kind != .word || tokens[last].isWord(links), rest.count > 1 {
                // "look into", "turn on": a verb keeps its particle.
                if tokens[last].isWord(["for", "from"]), isPreparing(rest, tokens) { return nil }
                rest = rest.lowerBound..<last
            }
            // "work from 9am to 5pm" is a span and no time.
            if tokens[start].isWord(["to", "from", "until", "till"]) { return nil }
            if tokens[start].isWord("for"), isPreparing(rest, tokens) { return nil }
            if tokens[start - 1].isWord(["than", "since", "like", "of", "from"]) { return nil }
            if start > 1, reader.endsInTime(start, from: whole.lowerBound), tokens[start].isWord("to") { return nil }
            if isBareWeekday(start..<end, tokens) {
                if tokens[start - 1].isWord(namesOfDays) || tokens[start - 1].kind == .quoteClose { return nil }
                if tokens[start - 1].isWord(["the", "a", "every", "last", "this"]) { return nil }
            }
            guard rest.contains(where: { tokens[$0].kind == .word && !tokens[$0].isWord(empty) }) else { return nil }
            return (ClauseParser.unquoted(parser.line.text(rest)), when)
        }
        return nil
    }

    private static func leading(
        _ whole: Range<Int>, _ reader: WhenReader, _ parser: ClauseParser
    ) -> (title: String, when: When?)? {
        let tokens = parser.tokens
        guard let (when, end) = reader.read(whole.lowerBound, in: whole), end < whole.upperBound else { return nil }
        var rest = end..<whole.upperBound
        var isCut = false
        while let first = rest.first, tokens[first].kind != .word || tokens[first].isWord(["to", "i", "must"]) {
            if tokens[first].kind == .quoteOpen { break }
            isCut = true
            rest = rest.dropFirstIndex()
        }
        guard let first = rest.first, !tokens[first].isWord(["and", "or", "is", "was"]) else { return nil }
        let isTimed = when.repetition != nil || when.delay != nil || when.time != nil && when.day != nil
        let isPrepositional = tokens[whole.lowerBound].isWord(["on", "at", "by", "in", "next"])
        guard
            isCut || isTimed && !isName(whole, tokens) || parser.isErrand(rest)
                || isPrepositional && rest.count > 1 && tokens[first].isWord(Vocabulary.actions)
        else { return nil }
        return (ClauseParser.unquoted(parser.line.text(rest)), when)
    }

    /// "call mum tomorrow about the car".
    private static func middle(
        _ whole: Range<Int>, _ reader: WhenReader, _ parser: ClauseParser
    ) -> (title: String, when: When?)? {
        let tokens = parser.tokens
        guard parser.isErrand(whole) else { return nil }
        for start in (whole.lowerBound + 1)..<whole.upperBound
        where tokens[start].isWord(["today", "tomorrow", "tmrw", "tonight", "at"]) {
            guard let (when, end) = reader.read(start, in: whole), end < whole.upperBound,
                tokens[end].isWord(["about", "with", "for", "regarding", "re", "at", "in", "and", "before", "because"]),
                !tokens[start - 1].isWord(["for", "about", "of", "the", "look"]), when.repetition == nil
            else { continue }
            let before = parser.line.text(parser.trimmed(whole.lowerBound..<start))
            return (before + " " + parser.line.text(end..<whole.upperBound), when)
        }
        return nil
    }

    /// Stand between a title and its time.
    private static let links = Vocabulary.words("due deadline starting beginning latest by on at for")
    private static let empty = Vocabulary.words("the a an my to for on at by do it that this me i and of")
    /// Of days that are names.
    private static let namesOfDays = Vocabulary.words(
        "black good freaky ash cyber holy easter palm super taco casual girl ruby bloody boxing shrove giving maundy")

    /// "book a table for friday": the day of the table, not of the call.
    private static func isPreparing(_ range: Range<Int>, _ tokens: [Token]) -> Bool {
        range.first.map {
            tokens[$0].isWord([
                "book", "buy", "reserve", "plan", "prepare", "order", "get", "pack", "find", "arrange", "organise",
                "organize", "cook", "bake", "make", "invite", "dress",
            ])
        } ?? false
    }

    private static func isBareWeekday(_ range: Range<Int>, _ tokens: [Token]) -> Bool {
        range.first.map { range.count == 1 && WhenForm.weekdays[tokens[$0].folded] != nil } ?? false
    }

    /// "Friday Night Lights".
    private static func isName(_ range: Range<Int>, _ tokens: [Token]) -> Bool {
        range.first.map { WhenForm.weekdays[tokens[$0].folded] != nil } ?? false
    }
}

extension WhenReader {
    /// Whether the words before `end` are a time as well.
    fileprivate func endsInTime(_ end: Int, from start: Int) -> Bool {
        for index in max(start, end - 4)..<end {
            if let (_, stop) = read(index, in: start..<end, isWhole: true), stop == end { return true }
        }
        return false
    }
}
