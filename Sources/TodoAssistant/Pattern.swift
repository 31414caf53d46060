/// A form of a request, written as text: words with alternatives (`mark|set`), words that may be missing
/// (`[my|the]`), a colon, word classes (`<done>`, `<undone>`, `<not>`), and what is cut out:
///
/// - `{ref}`: tasks by id, title or pronoun, at most ``longestReference`` tokens;
/// - `{id}`: the same but only what can't be part of a sentence about something else: an id, "it", "the milk task";
/// - `{text}`: the rest, a new title or a note;
/// - `{note}`: a new note with more words of the form behind it;
/// - `{when}`: a few words that begin like a time;
/// - `{date}`: a time and nothing else (``WhenReader``);
/// - `{span}`: days that people ask about ("today", "this week").
///
/// A form that begins with "!" is a request wherever it stands, also behind "add … and".
struct Pattern {
    static let longestReference = 40

    enum Element {
        case words(Set<String>)
        case optional(Set<String>)
        case colon, optionalColon
        case reference(pointed: Bool)
        case text
        case note
        case when
        case date
        case span
    }

    enum Meaning {
        case add, remind, remindOf, complete, reopen, rename, retitle, renameToWhat, reschedule, note, describe, delete,
            get
        case dropped, due, added, finished, correctWhen, correctWords, did, having, undate, unrepeat, repeats
        case fixed(Request)
    }

    let elements: [Element]
    let meaning: Meaning
    let isUnmistakable: Bool

    init(_ form: String, _ meaning: Meaning) {
        self.meaning = meaning
        isUnmistakable = form.hasPrefix("!")
        elements = form.drop { $0 == "!" }.split(separator: " ").map { Self.element($0) }
    }

    private static func element(_ form: Substring) -> Element {
        switch form {
        case ":": .colon
        case "[:]": .optionalColon
        case "{ref}": .reference(pointed: false)
        case "{id}": .reference(pointed: true)
        case "{text}": .text
        case "{note}": .note
        case "{when}": .when
        case "{date}": .date
        case "{span}": .span
        default:
            if form.hasPrefix("[") {
                .optional(alternatives(form.dropFirst().dropLast()))
            } else {
                .words(alternatives(form))
            }
        }
    }

    private static func alternatives(_ form: Substring) -> Set<String> {
        form.split(separator: "|").reduce(into: []) { words, word in
            if let known = classes[word] { words.formUnion(known) } else { words.insert(String(word)) }
        }
    }

    private static let classes: [Substring: Set<String>] = [
        "<done>": Vocabulary.done,
        "<undone>": Vocabulary.undone,
        "<not>": Vocabulary.not,
        "<already>": Vocabulary.words("just already finally now all"),
        "<finished>": Vocabulary.words("finished completed done did finish complete"),
        "<add>": Vocabulary.words("add create insert append put set make"),
        "<make>": Vocabulary.words("add create insert append make"),
        "<create>": Vocabulary.words("add create insert append make open start need want"),
        "<put>": Vocabulary.words("put stick throw pop chuck write place get have include"),
        "<one>": Vocabulary.words("a an another one the some"),
        "<task>": Vocabulary.words("task tasks todo todos item items entry job things"),
        "<called>": Vocabulary.words("called named titled saying to for that about"),
        "<list>": Vocabulary.words("list lists todos todolist tasks tasklist agenda"),
        "<attach>": Vocabulary.words("add put attach leave write append make"),
        "<note>": Vocabulary.words("note notes description comment detail details info information status more"),
        "<edit>": Vocabulary.words("change edit update set rename modify correct replace"),
        "<title>": Vocabulary.words("title name text wording"),
        "<mark>": Vocabulary.words(
            "mark set flag count log make put record tag move change turn check update switch label"),
        "<tick>": Vocabulary.words("mark check tick cross strike scratch"),
        "<reopen>": Vocabulary.words(
            "uncomplete uncheck untick reopen unmark unfinish restore reactivate incomplete undone undo"),
        "<move>": Vocabulary.words(
            "move postpone reschedule push shift delay defer snooze bring put schedule set change update edit switch "
                + "adjust modify"),
        "<delay>": Vocabulary.words("postpone delay defer snooze push reschedule"),
        "<asking>": Vocabulary.words("what whats which show list see view display give tell"),
        "<they>": Vocabulary.words("it that this them those these both everything"),
        "<nudge>": Vocabulary.words("ping nudge alert notify poke buzz"),
        "<time>": Vocabulary.words("time times date dates day deadline deadlines"),
    ]

    /// The words it can begin with; `nil` when it begins with something cut out.
    var heads: Set<String>? {
        var heads: Set<String> = []
        for element in elements {
            switch element {
            case .words(let words): return heads.union(words)
            case .optional(let words): heads.formUnion(words)
            default: return nil
            }
        }
        return nil
    }
}

/// What a pattern cut out of a clause, as ranges of tokens.
struct PatternMatch {
    var reference: Range<Int>?
    var text: Range<Int>?
    var when: Range<Int>?
    var date: When?
    var span: Request.Span?
}

/// Matches one pattern against one clause. References are taken as short as possible and are bounded, so a clause
/// of any length costs a bounded number of steps for each pattern.
struct PatternMatcher {
    let elements: [Pattern.Element]
    let tokens: [Token]
    let end: Int
    /// Says whether a range of tokens points at a task without doubt.
    let isPointed: (Range<Int>) -> Bool
    var match = PatternMatch()

    mutating func run(from start: Int) -> PatternMatch? {
        step(0, start) ? match : nil
    }

    private mutating func step(_ element: Int, _ token: Int) -> Bool {
        guard element < elements.count else { return token == end }
        switch elements[element] {
        case .words(let words):
            guard token < end else { return false }
            if tokens[token].isWord(words) { return step(element + 1, token + 1) }
            // "mark 3, please, as done"
            return tokens[token].kind == .comma && token + 1 < end && tokens[token + 1].isWord(words)
                && step(element + 1, token + 2)
        case .optional(let words):
            if token < end, tokens[token].isWord(words), step(element + 1, token + 1) { return true }
            return step(element + 1, token)
        case .colon:
            guard token < end, tokens[token].kind == .colon || tokens[token].kind == .dash else { return false }
            return step(element + 1, token + 1)
        case .optionalColon:
            if token < end, [.colon, .dash, .comma].contains(tokens[token].kind), step(element + 1, token + 1) {
                return true
            }
            return step(element + 1, token)
        case .text:
            guard token < end else { return false }
            match.text = token..<end
            return step(element + 1, end)
        case .reference(let pointed):
            return cut(token, element, longest: Pattern.longestReference) { matcher, range in
                guard !pointed || matcher.isPointed(range) else { return false }
                matcher.match.reference = range
                return true
            }
        case .note:
            return cut(token, element, longest: Pattern.longestReference) { matcher, range in
                matcher.match.text = range
                return true
            }
        case .date:
            return cut(token, element, longest: 12) { matcher, range in
                guard let date = WhenReader(matcher.tokens).whole(range) else { return false }
                matcher.match.date = date
                return true
            }
        case .span:
            return cut(token, element, longest: 5) { matcher, range in
                guard let span = WhenReader(matcher.tokens).span(range) else { return false }
                matcher.match.span = span
                return true
            }
        case .when:
            guard token < end, tokens[token].isWord(Vocabulary.times) else { return false }
            return cut(token, element, longest: 8) { matcher, range in
                matcher.match.when = range
                return true
            }
        }
    }

    private mutating func cut(
        _ start: Int, _ element: Int, longest: Int, accept: (inout Self, Range<Int>) -> Bool
    ) -> Bool {
        guard start < end else { return false }
        if element + 1 == elements.count {
            return end - start <= longest && accept(&self, start..<end) && step(element + 1, end)
        }
        for stop in (start + 1)..<(min(start + longest, end) + 1) {
            guard canFollow(element + 1, stop) else { continue }
            if accept(&self, start..<stop), step(element + 1, stop) { return true }
        }
        return false
    }

    /// A cheap look ahead, so that a cut is only examined where the next word fits.
    private func canFollow(_ element: Int, _ token: Int) -> Bool {
        switch elements[element] {
        case .words(let words):
            token < end && (tokens[token].isWord(words) || tokens[token].kind == .comma)
        case .colon: token < end && (tokens[token].kind == .colon || tokens[token].kind == .dash)
        default: true
        }
    }
}
