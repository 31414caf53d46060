/// Understands one clause of a line. All ranges are ranges of the line's tokens.
struct ClauseParser {
    /// How sure it is that words are a request to the assistant and not a thing to do.
    enum Strength: Comparable {
        /// "yes", "the first one": never a clause of its own behind another.
        case answer
        /// "thanks", "hello": only behind a comma.
        case polite
        /// "I need to …".
        case soft
        /// "delete old photos".
        case weak
        /// "delete 3", "what's left".
        case strong
    }

    struct Parsed {
        var requests: [Request]
        var strength: Strength
        /// Words about a thing to do ("I need to …"): what follows an "and" belongs to it.
        var isErrand = false
    }

    var line: Line

    var tokens: [Token] { line.tokens }

    /// The requests of a clause, with a misspelt verb corrected if that makes it one; `nil` if it is none.
    func requests(_ range: Range<Int>) -> [Request]? {
        if let exact = exactlyCorrected(range) { return exact }
        if let parsed = parse(range) { return parsed.requests }
        let clause = withoutOpeners(trimmed(range))
        guard let first = clause.first, let verb = correction(of: tokens[first]) else { return nil }
        var corrected = self
        corrected.line.tokens[first].folded = verb
        return corrected.parse(clause)?.requests
    }

    /// What is known as a slip of the finger is none of the words it could be otherwise ("makr 1 as done").
    private func exactlyCorrected(_ range: Range<Int>) -> [Request]? {
        let clause = withoutOpeners(trimmed(range))
        guard let first = clause.first, tokens[first].kind == .word, !tokens[first].isQuoted,
            let verb = Vocabulary.slips[tokens[first].folded]
        else { return nil }
        var corrected = self
        corrected.line.tokens[first].folded = verb
        return corrected.parse(clause)?.requests
    }

    /// What is left of a message when no request was found in it.
    func leftover(_ range: Range<Int>, isQuestion: Bool) -> Request {
        let clause = withoutClosers(
            withoutClosers(withoutOpeners(trimmed(range)), Vocabulary.politeClosers),
            [["too"], ["as", "well"], ["also"]])
        let text = line.text(trimmed(range))
        guard !isQuestion, !clause.isEmpty, !isOpaque(clause), let subject = phrase(clause) else {
            return .unknown(text)
        }
        let titles = titles(subject)
        return titles.isEmpty ? .unknown(text) : .phrase(titles)
    }

    func strength(_ range: Range<Int>) -> Strength? { parse(range)?.strength }

    /// "delete 2, 3 and 5", "show me everything, done too": the whole makes one sense.
    func isOneRequest(_ range: Range<Int>) -> Bool {
        guard range.count <= 48, let parsed = parse(range), parsed.strength == .strong || parsed.strength == .answer
        else {
            return false
        }
        return !parsed.isErrand
            && !parsed.requests.contains {
                switch $0 {
                case .add, .remind, .rename, .describe: true
                default: false
                }
            }
    }

    func isList(_ range: Range<Int>) -> Bool {
        if case .list? = parse(range)?.requests.first { true } else { false }
    }

    /// Whether a request begins with its verb or question, not with the task or with "open", "done".
    func startsWithVerb(_ range: Range<Int>) -> Bool {
        guard let first = withoutOpeners(range).first, tokens[first].kind == .word, number(tokens[first]) == nil else {
            return false
        }
        return !tokens[first].isWord(Self.adjectives)
    }

    private static let adjectives = Vocabulary.words(
        "it that the task open completed done finished unfinished pending remaining left all everything my tasks todos outstanding"
    )

    /// A cheap look whether a request can begin here.
    func mayBegin(at index: Int, in range: Range<Int>) -> Bool {
        let end = min(index + 8, range.upperBound)
        let rest = withoutOpeners(index..<range.upperBound)
        guard let first = rest.first ?? (index..<end).first else { return false }
        let token = tokens[first]
        guard token.kind == .word, !token.isQuoted else { return false }
        if Grammar.byHead[token.folded] != nil || Grammar.softByHead[token.folded] != nil { return true }
        if Vocabulary.listHeads.contains(token.folded) || Vocabulary.sweepHeads.contains(token.folded) { return true }
        return isSmallTalk(token) || number(token) != nil || token.isWord(["it", "that", "help", "task", "the"])
    }

    /// "don't …", "if …": not to be taken apart, nothing to be done.
    func isOpaque(_ range: Range<Int>) -> Bool {
        let clause = withoutOpeners(trimmed(range))
        guard let sequence = prefix(clause, Vocabulary.opaque) else { return false }
        guard let first = clause.first else { return false }
        // "don't forget to …", "never let me forget …", "not done: 3", "I didn't finish 3", "how many tasks" are requests.
        if softMatch(clause) != nil || whole(clause) != nil || listFilter(clause) != nil { return false }
        if tokens[first].isWord(["not", "if", "no"]), sequence == 1 {
            return parse(clause) == nil && smallTalk(clause) == nil
        }
        if tokens[first].isWord(["did", "have", "are", "who", "how", "dont", "do"]) {
            return parseStrictly(clause) == nil
        }
        return true
    }

    // MARK: - One clause

    func parse(_ range: Range<Int>) -> Parsed? {
        let whole = trimmed(range)
        guard !whole.isEmpty else { return nil }
        if let talk = smallTalk(whole) { return talk }
        let polite = withoutClosers(withoutOpeners(whole), Vocabulary.politeClosers)
        guard !polite.isEmpty else { return nil }
        if polite != whole, let talk = smallTalk(polite) { return talk }
        for clause in [whole, polite, withoutClosers(polite, Vocabulary.closers)] {
            if let parsed = self.whole(clause) { return parsed }
        }
        guard prefix(polite, Vocabulary.opaque) == nil || softMatch(polite) != nil || isAnsweredQuestion(polite) else {
            return nil
        }
        if let parsed = parseStrictly(polite) { return parsed }
        let bare = withoutClosers(polite, Vocabulary.closers)
        if bare != polite, !bare.isEmpty {
            if let talk = smallTalk(bare) { return talk }
            if let parsed = parseStrictly(bare) { return parsed }
        }
        return nil
    }

    /// Questions and negations that are requests all the same: "did I finish 3?", "not done: 3", "I didn't finish 2".
    private func isAnsweredQuestion(_ clause: Range<Int>) -> Bool {
        guard let first = clause.first else { return false }
        if tokens[first].isWord(["did", "have", "not", "how", "do", "are", "who"]) {
            if clause.count > 1, tokens[first].isWord(["do", "did", "have"]), tokens[first + 1].isWord(["not", "you"]) {
                return false
            }
            return true
        }
        return false
    }

    private func parseStrictly(_ clause: Range<Int>) -> Parsed? {
        if let filter = listFilter(clause) { return Parsed(requests: [.list(filter)], strength: .strong) }
        if let sweep = sweep(clause) { return Parsed(requests: [sweep], strength: .strong) }
        if let parsed = timedErrand(clause) { return parsed }
        if let rest = softMatch(clause) {
            if let text = rest.match.text {
                let command = withoutOpeners(text)
                if let parsed = list(command) ?? parseHard(command), parsed.strength == .strong { return parsed }
                if case .add = parseHard(command)?.requests.first { return parseHard(command) }
                if isAboutTask(command) { return nil }
            }
            return add(rest.match, reminds: rest.reminds).map {
                Parsed(requests: $0, strength: isStrongFrame(clause) ? .strong : .soft, isErrand: true)
            }
        }
        return parseHard(clause)
    }

    /// "tomorrow I need to buy stamps": the time goes behind, where people put it.
    private func timedErrand(_ clause: Range<Int>) -> Parsed? {
        guard let first = clause.first, tokens[first].isWord(Vocabulary.times),
            let (_, end) = WhenReader(tokens).read(clause.lowerBound, in: clause), end < clause.upperBound
        else { return nil }
        let rest = trimmed(end..<clause.upperBound)
        guard let soft = softMatch(rest), let requests = add(soft.match, reminds: soft.reminds), requests.count == 1
        else {
            return nil
        }
        let time = " " + line.text(trimmed(clause.lowerBound..<end))
        switch requests[0] {
        case .add(let titles, let note) where titles.count == 1:
            return Parsed(requests: [.add([titles[0] + time], description: note)], strength: .soft, isErrand: true)
        case .remind(let titles, let note) where titles.count == 1:
            return Parsed(requests: [.remind([titles[0] + time], description: note)], strength: .soft, isErrand: true)
        default: return nil
        }
    }

    /// "remind me of task 2 tomorrow": a task that is there, for which reminders are not offered.
    private func isAboutTask(_ range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        if tokens[first].isWord(["task", "item", "number"]), range.count > 1 {
            return number(tokens[first + 1]) != nil
        }
        guard number(tokens[first]) != nil else { return false }
        return tokens[first].folded.hasPrefix("#") || range.count == 1 || tokens[first + 1].isWord(Vocabulary.times)
    }

    private func list(_ clause: Range<Int>) -> Parsed? {
        if let filter = listFilter(clause) { return Parsed(requests: [.list(filter)], strength: .strong) }
        if let sweep = sweep(clause) { return Parsed(requests: [sweep], strength: .strong) }
        return nil
    }

    /// "remind me to …" begins a new request wherever it stands.
    private func isStrongFrame(_ clause: Range<Int>) -> Bool {
        guard let first = clause.first else { return false }
        return tokens[first].isWord(["remind", "i", "we", "ive", "dont", "reminder", "make"])
    }

    func softMatch(_ clause: Range<Int>) -> (match: PatternMatch, reminds: Bool)? {
        guard let first = clause.first, tokens[first].kind == .word, !tokens[first].isQuoted else { return nil }
        for pattern in Grammar.softByHead[tokens[first].folded] ?? [] {
            guard let match = match(pattern, clause) else { continue }
            if case .remind = pattern.meaning { return (match, true) }
            return (match, false)
        }
        return nil
    }

    private func match(_ pattern: Pattern, _ clause: Range<Int>) -> PatternMatch? {
        var matcher = PatternMatcher(
            elements: pattern.elements, tokens: tokens, end: clause.upperBound, isPointed: { isPointed($0) })
        return matcher.run(from: clause.lowerBound)
    }

    /// The forms that stand for a whole clause.
    private func whole(_ clause: Range<Int>) -> Parsed? {
        guard let first = clause.first, clause.count <= Pattern.longestReference + 12, tokens[first].kind == .word,
            !tokens[first].isQuoted
        else { return nil }
        for pattern in (Grammar.wholeByHead[tokens[first].folded] ?? []) + Grammar.wholeOpen {
            guard let match = match(pattern, clause), var parsed = requests(pattern.meaning, match, clause) else {
                continue
            }
            parsed.strength = .strong
            return parsed
        }
        return nil
    }

    private func parseHard(_ clause: Range<Int>) -> Parsed? {
        guard let first = clause.first else { return nil }
        if tokens[first].kind == .word, !tokens[first].isQuoted {
            if let empty = bareVerb(clause) { return empty }
            for pattern in Grammar.byHead[tokens[first].folded] ?? [] {
                if let match = match(pattern, clause), var parsed = requests(pattern.meaning, match, clause) {
                    if pattern.isUnmistakable { parsed.strength = .strong }
                    return parsed
                }
            }
        }
        if let past = past(clause) {
            return Parsed(requests: [.did(.title(line.text(withoutStops(past))))], strength: .weak)
        }
        // A form that begins with its reference: short, and no errand by itself ("get the car done").
        let startsLikeErrand = tokens[first].isWord(Vocabulary.actions) && clause.count > 2
        guard clause.count <= Pattern.longestReference + 8 else { return nil }
        if tokens[first].isWord(Self.verbsOfOurs) || tokens[first].isWord(Vocabulary.sweepHeads) { return nil }
        if clause.count <= 3, let did = finishedIt(clause) { return did }
        for pattern in Grammar.open {
            if let match = match(pattern, clause), let parsed = requests(pattern.meaning, match, clause) {
                if startsLikeErrand, let reference = match.reference, !isPointed(reference), reference.count > 3 {
                    continue
                }
                return parsed
            }
        }
        return passive(clause).map { Parsed(requests: [.did($0)], strength: .weak) }
    }

    /// "I finished", "did it": what, has to be asked.
    private func finishedIt(_ clause: Range<Int>) -> Parsed? {
        let words = clause.map { tokens[$0].isQuoted ? "" : tokens[$0].folded }
        let isSo = [
            "i finished", "im finished", "ive finished", "i have finished", "did it", "done it", "finished it", "i did",
            "its finished",
        ]
        .contains(words.joined(separator: " "))
        return isSo ? Parsed(requests: [.did(.it)], strength: .weak) : nil
    }

    // MARK: - From a match to requests

    private func requests(_ meaning: Pattern.Meaning, _ match: PatternMatch, _ clause: Range<Int>) -> Parsed? {
        switch meaning {
        case .add:
            return add(match, reminds: false).map { Parsed(requests: $0, strength: .weak) }
        case .remind:
            return add(match, reminds: true).map { Parsed(requests: $0, strength: .weak) }
        case .remindOf:
            return match.date.flatMap { date in pointing(match.reference) { .remindOf($0, date) } }
        case .fixed(let request): return Parsed(requests: [request], strength: .strong)
        case .did: return pointing(match.reference) { .did($0) }
        case .undate: return pointing(match.reference) { .undate($0) }
        case .unrepeat: return pointing(match.reference) { .unrepeat($0) }
        case .repeats:
            guard let date = match.date, date.repetition != nil else { return nil }
            return pointing(match.reference) { .reschedule($0, date) }
        case .having:
            guard let range = match.reference else { return nil }
            let words = Self.unquoted(line.text(withoutClosers(trimmed(withoutStops(range)), Self.inThem)))
            return words.isEmpty ? nil : Parsed(requests: [.get(.having(words))], strength: .strong)
        case .due: return match.span.map { Parsed(requests: [.list(.due($0))], strength: .strong) }
        case .added: return match.span.map { Parsed(requests: [.list(.added($0))], strength: .strong) }
        case .finished: return match.span.map { Parsed(requests: [.list(.finished($0))], strength: .strong) }
        case .correctWhen: return match.date.map { Parsed(requests: [.correct(.when($0))], strength: .strong) }
        case .correctWords:
            guard let text = match.text else { return nil }
            let words = Self.unquoted(line.text(withoutStops(text)))
            return words.isEmpty ? nil : Parsed(requests: [.correct(.words(words))], strength: .strong)
        case .reschedule:
            let isSnooze = clause.first.map { tokens[$0].isWord("snooze") } ?? false
            var date = match.date ?? When(delay: .init(amount: isSnooze ? 10 : 1, unit: isSnooze ? .minute : .day))
            // Snoozed is from now on.
            if isSnooze { date.delay?.isFurther = false }
            guard match.date != nil || match.reference.map(isPointed) ?? true else { return nil }
            return pointing(match.reference) { .reschedule($0, date) }
        case .dropped:
            guard let range = match.reference, !range.contains(where: { tokens[$0].isWord(Self.people) }) else {
                return nil
            }
            return pointing(match.reference) { .dropped($0) }
        case .rename, .retitle:
            guard let text = match.text else { return nil }
            if case .rename = meaning, let date = WhenReader(tokens).whole(trimmed(withoutStops(text))) {
                return pointing(match.reference) { .reschedule($0, date) }
            }
            // "it should be done today"
            if let first = text.first, tokens[first - 1].isWord("be"), tokens[first].isWord(Self.states) { return nil }
            if let flag = completion(text) {
                return pointing(match.reference) { .complete($0, flag) }
            }
            // "make it 3 in the …": what begins like a time is no title.
            if match.reference == nil, let first = text.first,
                number(tokens[first]) != nil || tokens[first].isWord(Vocabulary.times)
                    || WhenReader(tokens).read(first, in: text) != nil
            {
                return nil
            }
            let title = Self.unquoted(line.text(withoutStops(text)))
            guard !title.isEmpty, !endsInTask(text) else { return nil }
            return pointing(match.reference) { .rename($0, to: title) }
        case .renameToWhat:
            return pointing(match.reference) { .rename($0, to: "") }
        case .note, .describe:
            guard let text = match.text, match.reference.map({ references($0) != [.all] }) ?? true else { return nil }
            let note = Self.unquoted(line.text(withoutStops(text)))
            guard !note.isEmpty else { return nil }
            var isReplacing = false
            if case .describe = meaning { isReplacing = true }
            return pointing(match.reference) { .describe($0, note, replacing: isReplacing) }
        case .complete:
            // "everything is done" is told, not ordered.
            let isOrder = clause.first.map { tokens[$0].isWord(Self.orders) } ?? false
            // "finished watering the plants" is told in passing.
            if let first = match.reference?.first,
                clause.first.map({ tokens[$0].isWord(["finished", "completed"]) }) == true,
                tokens[first].kind == .word, tokens[first].folded.count > 4, tokens[first].folded.hasSuffix("ing")
            {
                return pointing(match.reference) { .did($0) }
            }
            return pointing(match.reference) { $0 == .all && !isOrder ? .did($0) : .complete($0, true) }
        case .reopen: return pointing(match.reference) { .complete($0, false) }
        case .delete: return pointing(match.reference) { .delete($0) }
        case .get: return pointing(match.reference) { .get($0) }
        }
    }

    private static let people = Vocabulary.words("you your help advice reminders")
    private static let states = Vocabulary.done.union(Vocabulary.undone).union(Vocabulary.not)
    private static let orders = Vocabulary.words(
        "mark set flag make put move check tick cross strike scratch complete finish close")

    /// "change mum to dad in task 2": a part of a title is meant, which is not understood.
    private func endsInTask(_ range: Range<Int>) -> Bool {
        guard range.count >= 3, let last = range.last, number(tokens[last]) != nil else { return false }
        return tokens[last - 1].isWord(["task", "item", "number"])
            || tokens[last - 1].isWord(["in", "on", "of", "for"])
    }

    /// "change 3 to done" is no new title.
    private func completion(_ text: Range<Int>) -> Bool? {
        let words = text.filter { tokens[$0].kind == .word }
        guard !words.isEmpty, words.count <= 2, words.allSatisfy({ !tokens[$0].isQuoted }) else { return nil }
        if words.count == 1 {
            if tokens[words[0]].isWord(Vocabulary.done) { return true }
            return tokens[words[0]].isWord(Vocabulary.undone) ? false : nil
        }
        return tokens[words[0]].isWord(Vocabulary.not) && tokens[words[1]].isWord(Vocabulary.done) ? false : nil
    }

    private func pointing(_ range: Range<Int>?, _ make: (Reference) -> Request) -> Parsed? {
        guard let range else { return Parsed(requests: [make(.it)], strength: .strong) }
        guard let references = references(range) else { return nil }
        return Parsed(requests: references.map(make), strength: isPointed(range) ? .strong : .weak)
    }

    /// "add" and "delete" without more: a question is due, or the heading of a list.
    private func bareVerb(_ clause: Range<Int>) -> Parsed? {
        guard clause.count <= 12, let first = clause.first else { return nil }
        let rest = clause.dropFirst().filter { ![.colon, .comma, .dash].contains(tokens[$0].kind) }
        let verb = tokens[first].folded
        let isHeading = rest.allSatisfy { tokens[$0].isWord(Self.headingWords) }
        if ["add", "create", "new", "todo", "todos", "insert", "put", "append"].contains(verb), isHeading {
            let isNamed = rest.contains { tokens[$0].isWord(Vocabulary.noun) || tokens[$0].isWord(Self.followingWords) }
            if verb == "add" || verb == "todo" || verb == "todos" || isNamed {
                return Parsed(requests: [.add([])], strength: .strong)
            }
            return nil
        }
        let isThese =
            rest.contains { tokens[$0].isWord(["these", "those", "following"]) }
            && rest.allSatisfy { tokens[$0].isWord(Self.followingWords) || tokens[$0].isWord(Vocabulary.noun) }
        if ["delete", "remove", "erase"].contains(verb), rest.isEmpty || isThese {
            return Parsed(requests: [.delete(isThese ? .them : .missing)], strength: .strong)
        }
        if ["complete", "completed", "finished", "mark", "check", "tick", "done"].contains(verb),
            rest.isEmpty || isThese
        {
            if rest.isEmpty, verb == "mark" || verb == "check" || verb == "tick" { return nil }
            if rest.isEmpty, verb != "complete", clause.count == 1 {
                return Parsed(requests: [.did(.it)], strength: .weak)
            }
            return Parsed(requests: [.complete(isThese ? .them : .missing, true)], strength: .strong)
        }
        if verb == "remind", clause.count <= 3, clause.dropFirst().allSatisfy({ tokens[$0].isWord(["me", "to"]) }) {
            return Parsed(requests: [.add([])], strength: .strong)
        }
        return nil
    }

    private static let followingWords = Vocabulary.words("these following those the all of as done")
    private static let headingWords = Vocabulary.words(
        """
        these those following the a an new another some more few all of my to on in our list task tasks item \
        items todo todos things thing for me today tomorrow it that them one please as reminder reminders stuff \
        something nothing anything
        """
    )

    /// The new tasks of "add …".
    private func add(_ match: PatternMatch, reminds: Bool) -> [Request]? {
        guard let text = match.text ?? match.reference else { return nil }
        var subject = withoutClosers(
            withoutStops(withoutListPhrase(trimmed(text))), [["too"], ["as", "well"], ["also"]])
        while subject.count > 1, let first = subject.first, tokens[first].isWord(["uh", "um", "er", "erm"]) {
            subject = trimmed(subject.dropFirstIndex())
        }
        // "note down that I must phone her"
        if let first = subject.first, first > 0, tokens[first - 1].isWord("that"),
            let count = prefix(subject, Self.duties), count < subject.count
        {
            subject = trimmed(subject.lowerBound + count..<subject.upperBound)
        }
        guard !subject.isEmpty else { return [.add([])] }
        let bare = withoutClosers(subject, Vocabulary.closers)
        if let only = bare.first, bare.count == 1,
            tokens[only].isWord(["it", "that", "this", "them", "those", "these"])
        {
            return [.add([])]
        }
        if subject.count <= 12,
            subject.allSatisfy({ tokens[$0].isWord(Self.headingWords) || tokens[$0].kind == .colon })
        {
            return [.add([])]
        }
        if let when = match.when {
            // "remind me tomorrow at 5 to call mum": the time goes behind, where people put it.
            let title = Self.unquoted(line.text(subject)) + " " + line.text(trimmed(when))
            return [reminds ? .remind([title]) : .add([title])]
        }
        var description: String?
        if let note = noteStart(in: subject) {
            let text = Self.unquoted(line.text(trimmed(note.text)))
            if !text.isEmpty, note.start > subject.lowerBound {
                description = text
                subject = withoutListPhrase(trimmed(subject.lowerBound..<note.start))
            }
        }
        let titles = titles(subject)
        if titles.isEmpty { return [.add([])] }
        return [reminds ? .remind(titles, description: description) : .add(titles, description: description)]
    }

    private static let duties = Vocabulary.phrases(
        "i must,i need to,i have to,i should,i ought to,we must,we need to,we have to,we should,ive got to,i am to")

    /// "…, description: …", "… with note …".
    private func noteStart(in range: Range<Int>) -> (start: Int, text: Range<Int>)? {
        let words: Set<String> = ["description", "note", "notes", "details", "desc", "comment"]
        for index in range.dropFirst().prefix(80) where tokens[index].isWord(words) && index + 1 < range.upperBound {
            let isColon = tokens[index + 1].kind == .colon
            var start = index
            while start > range.lowerBound,
                tokens[start - 1].isWord(["a", "the", "and"]) || tokens[start - 1].kind == .comma
                    || tokens[start - 1].isWord("with") || tokens[start - 1].kind == .open
            {
                start -= 1
                if tokens[start].isWord("with") { break }
            }
            let isWith = tokens[start].isWord("with")
            guard isColon || isWith else { continue }
            if isWith, !isColon, !tokens[index + 1].isQuoted, tokens[index + 1].kind != .quoteOpen,
                tokens[index + 1].isWord(["to", "from", "for", "by", "in", "on"])
            {
                continue
            }
            var end = range.upperBound
            if tokens[end - 1].kind == .close { end -= 1 }
            let from = isColon ? index + 2 : index + 1
            guard from < end else { continue }
            return (start, from..<end)
        }
        return nil
    }
}
