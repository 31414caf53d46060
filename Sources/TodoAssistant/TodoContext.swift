import JSON
import Chat

/// What a turn knows of the conversation before it: what the person sees.
struct TodoContext {
    /// The question the assistant has just asked.
    let question: TodoQuestion?
    /// The tasks in the assistant's last message, in the order shown: what "it" and "them" mean.
    let shown: [Int64]
    /// Those of the newest message before that names any: "it" may still mean them, which is asked.
    let earlier: [Int64]
    /// The list that was last shown, one task a line or the candidates of a question.
    let listing: [Int64]
    /// Nothing was said since that list.
    let isListingLast: Bool
    /// The candidates of the question before the last answer: "the other one".
    let candidates: [TodoQuestion.Candidate]
    /// The keys of the tasks that tools have told of.
    let keys: [Int64: Int64]
    /// The user's last message was an errand without a verb of ours, and was taken or is about to be.
    let typesErrands: Bool
    /// The last turn has changed something.
    let hasChangedLast: Bool
    /// The assistant's last message.
    private let last: String
    private let userMessages: [String]

    struct Interpretation {
        var steps: [TodoMachine.Step] = []
        var notes: [TodoAnswer.Piece] = []
        var question: TodoQuestion?
    }

    init(history: [Message]) {
        let answers = history.filter { $0.role == .assistant && !$0.content.isEmpty }
        let isAnsweredLast = history.last { $0.role != .tool }?.role == .assistant
        let last = isAnsweredLast ? answers.last?.content : nil
        self.last = last ?? ""
        hasChangedLast = Self.hasChanged(history)
        question = last.flatMap { TodoQuestion(asked: $0) }
        shown = last.map { Self.numbers(in: $0) } ?? []
        let named = answers.dropLast(isAnsweredLast ? 1 : 0).reversed().lazy.map { Self.numbers(in: $0.content) }
        earlier = named.first { !$0.isEmpty } ?? []
        let lists = answers.reversed().lazy.map { Self.list(in: $0.content) }
        listing = lists.first { !$0.isEmpty } ?? []
        isListingLast = last.map { !Self.list(in: $0).isEmpty } ?? false
        candidates = answers.dropLast().last.flatMap { TodoQuestion(asked: $0.content)?.candidates } ?? []
        var keys: [Int64: Int64] = [:]
        for message in history where message.role == .tool { Self.keys(in: message.content, &keys) }
        self.keys = keys
        userMessages = history.filter { $0.role == .user }.map(\.content)
        typesErrands =
            userMessages.last.map { text in
                RequestParser.parse(text).requests.allSatisfy { if case .phrase = $0 { true } else { false } }
            } ?? false && (last.map { $0.hasPrefix("Added ") } ?? false)
    }

    private static func hasChanged(_ history: [Message]) -> Bool {
        let turn = history.suffix(from: history.lastIndex { $0.role == .user } ?? history.endIndex)
        return turn.contains { message in
            guard message.role == .tool, message.content.utf8.count <= 200_000,
                let json = try? JSON(parsing: message.content)
            else { return false }
            return json["deleted"] != nil || json["task"] != nil || json["undone"]?.array?.isEmpty == false
        }
    }

    /// The last message told that tasks with these words, and no others, were deleted.
    func deletedLast(_ words: String) -> Bool {
        guard last.hasPrefix("Deleted ") else { return false }
        var tasks = TodoQuestion.candidates(last).map { TodoTask(number: $0.number, title: $0.title) }
        for line in last.split(whereSeparator: \.isNewline).dropFirst() {
            guard let number = Self.head(line), let space = line.firstIndex(of: " ") else { continue }
            tasks.append(TodoTask(number: number, title: String(line[line.index(after: space)...])))
        }
        guard tasks.count == 1, case .one = TaskMatcher(tasks).find(words) else { return false }
        return true
    }

    /// What only the last answer gives a sense: "butter too" behind an "Added", "at noon" behind a time, "again".
    private func continued(_ requests: [Request], _ message: String) -> [Request] {
        guard requests.count == 1, let only = requests.first else { return requests }
        let isOffered =
            switch question {
            case .offer: true
            default: false
            }
        if question == nil || isOffered, last.hasPrefix("Added ") || isOffered, case .phrase(let titles) = only,
            Self.goesOn(message)
        {
            return isOffered ? requests : [.add(titles)]
        }
        guard question == nil else { return requests }
        if last.hasPrefix("I took "), Self.again.contains(Self.plain(message)) { return [.undo] }
        if last.hasPrefix("Deleted "), Self.kept.contains(Self.plain(message)) { return [.undo] }
        // What an undo has brought back is not brought back by the one before it.
        if last.hasPrefix("I took "), last.contains(": back on your list"), only == .undo,
            !Self.plain(message).contains("undo"), !Self.plain(message).contains("revert")
        {
            return [.list(.open)]
        }
        guard shown.count == 1, ["Added ", "Moved ", "Renamed ", "I'll remind"].contains(where: { last.hasPrefix($0) })
        else { return requests }
        switch only {
        case .phrase, .unknown:
            let line = Line(message)
            let parser = ClauseParser(line: line)
            let clause = parser.withoutClosers(
                parser.withoutOpeners(parser.withoutStops(0..<line.tokens.count)), Vocabulary.politeClosers)
            if let when = WhenReader(line.tokens).whole(clause) { return [.correct(.when(when))] }
            // "make it 11", where a time was said.
            let words = clause.filter { line.tokens[$0].kind == .word }.map { line.tokens[$0].folded }
            guard last.contains(":"), words.starts(with: ["make", "it"]) || words.starts(with: ["make", "that"]),
                words.count == 3, let hour = Int(words[2]), (1...12).contains(hour)
            else { return requests }
            return [.correct(.when(When(time: hour * 60, isTimeVague: true)))]
        case .choice(.picks(let picks)):
            guard picks.count == 1, case .number(let hour) = picks[0], (1...12).contains(hour),
                let first = Self.plain(message).split(separator: " ").first,
                ["no", "nope", "sorry", "oops", "rather", "better"].contains(first)
            else { return requests }
            return [.correct(.when(When(time: Int(hour) * 60, isTimeVague: true)))]
        default: return requests
        }
    }

    private static let again: Set<String> = [
        "again", "and again", "once more", "one more", "one more time", "and another", "another one", "more",
    ]
    private static let kept: Set<String> = [
        "keep it", "no keep it", "no wait keep it", "wait keep it", "actually keep it", "no leave it", "leave it",
        "dont delete it", "no dont delete it", "no dont", "keep them", "no keep them",
    ]

    private static func plain(_ message: String) -> String {
        Line(String(message.prefix(200))).tokens.filter { $0.kind == .word }.map(\.folded).joined(separator: " ")
    }

    /// "also …", "and …", "… too".
    private static func goesOn(_ message: String) -> Bool {
        let words = plain(message).split(separator: " ")
        guard words.count > 1 else { return false }
        let isAlso = words.prefix(3).contains("also") || words.last == "too" || words.suffix(2) == ["as", "well"]
        return isAlso || ["and", "plus", "oh"].contains(words[0])
    }

    /// The numbers a message names: at the head of a line of a list, or before a title in quotes.
    static func numbers(in text: String) -> [Int64] {
        var numbers: [Int64] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if let number = head(line) {
                numbers.append(number)
                continue
            }
            numbers += TodoQuestion.candidates(String(line)).map(\.number)
            if line.hasPrefix("Renamed #"), let number = Int64(line.dropFirst(9).prefix { $0.isASCII && $0.isNumber }) {
                numbers.append(number)
            }
        }
        var seen: Set<Int64> = []
        return numbers.filter { seen.insert($0).inserted }
    }

    /// The number at the head of a line of a list.
    private static func head(_ line: Substring) -> Int64? {
        var rest = line
        if rest.hasPrefix("✓ ") { rest = rest.dropFirst(2) }
        guard rest.hasPrefix("#") else { return nil }
        let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
        // "#3 “call mum” is open again." is a sentence, "#3 call mum" a line.
        return rest.dropFirst(digits.count + 1).hasPrefix(" “") ? nil : Int64(digits)
    }

    /// The tasks of a list: lines that begin with a number, or the candidates of a question.
    private static func list(in text: String) -> [Int64] {
        let lines = text.split(whereSeparator: \.isNewline).compactMap(head)
        if let candidates = TodoQuestion(asked: text)?.candidates, candidates.count > 1 {
            return candidates.map(\.number)
        }
        return lines
    }

    private static func keys(in result: String, _ keys: inout [Int64: Int64]) {
        guard result.utf8.count <= 200_000, let json = try? JSON(parsing: result) else { return }
        let tasks = (json["tasks"]?.array ?? []) + [json["task"], json["deleted"]].compactMap(\.self)
        for task in tasks.compactMap({ TodoTask($0) }) { keys[task.number] = task.id }
    }

    // MARK: - Answers to a question

    /// Reads a message as an answer to the question, where there is one and it is one.
    func interpret(_ requests: [Request], message: String) -> Interpretation {
        // Courtesies around a request need no answer of their own.
        let courtesies: [Request] = [.thanks, .greeting, .goodbye]
        var real = Self.withoutTakenBack(requests.filter { !courtesies.contains($0) })
        if real.isEmpty { return Interpretation(steps: requests.prefix(1).map { .request($0) }) }
        real = continued(real, message)
        var result = Interpretation()
        if let question, let answered = answer(question, &real, message: message) { result = answered }
        if real.count > 1, real[0] == .yes || real[0] == .no { real.removeFirst() }
        if !result.steps.isEmpty || !result.notes.isEmpty || result.question != nil {
            real.removeAll { $0 == .yes || $0 == .no }
        }
        result.steps += real.map { .request($0) }
        return result
    }

    /// "delete dinner. no, don't": what the same message takes back is not done.
    private static func withoutTakenBack(_ requests: [Request]) -> [Request] {
        var kept: [Request] = []
        for request in requests {
            if request == .no, let last = kept.last, last.isChange { kept.removeLast() }
            kept.append(request)
        }
        return kept
    }

    private func answer(_ question: TodoQuestion, _ requests: inout [Request], message: String) -> Interpretation? {
        guard let first = requests.first else { return nil }
        // "yes, but not the milk": what is added may take back what was said.
        if first == .yes, requests.dropFirst().contains(where: \.isUnclear) {
            requests = []
            return Interpretation(
                notes: [.sentence("I'm not sure what you mean, so I changed nothing.")], question: question)
        }
        // A change that was asked about and is not made yet is not made.
        if first == .undo, !hasChangedLast, question.isAboutChange {
            requests.removeFirst()
            return Interpretation(notes: [.sentence("OK, I changed nothing.")])
        }
        if requests.count == 1, case .unknown = first {
            switch question {
            case .confirm, .confirmEach, .deleteAll, .completeAll, .doneOrDeleted:
                requests = []
                return Interpretation(
                    notes: [.sentence("I'm not sure what you mean, so I changed nothing.")], question: question)
            default: break
            }
        }
        switch question {
        case .offer(let titles):
            return offered(asTyped(titles), first, &requests, message)
        case .offerLines(let count):
            let lines = lines(count)
            return lines.isEmpty ? nil : offered(lines, first, &requests, message)
        case .confirm(let act, let candidate):
            guard first == .yes else { return declined(first, &requests) }
            requests.removeFirst()
            return Interpretation(steps: [.act(act, candidate.number, text: text(for: act), when: when(for: act))])
        case .confirmEach(let act, let candidates):
            guard first == .yes || first == .choice(.all) else { return declined(first, &requests) }
            requests.removeFirst()
            let text = text(for: act)
            let when = when(for: act)
            return Interpretation(steps: candidates.map { .act(act, $0.number, text: text, when: when) })
        case .doneOrDeleted(let candidate):
            switch first {
            case .did(.it), .complete(.it, true), .complete(.missing, true):
                requests.removeFirst()
                return Interpretation(steps: [.act(.complete, candidate.number, text: "")])
            case .delete(.it), .delete(.missing):
                requests.removeFirst()
                return Interpretation(steps: [.act(.delete, candidate.number, text: "")])
            case .yes:
                guard requests.count == 1 else { return nil }
                requests.removeFirst()
                return Interpretation(notes: [.sentence("Please say “done” or “delete it”.")], question: question)
            default: return declined(first, &requests)
            }
        case .deleteAll, .completeAll:
            // For good and for all: only a plain yes counts.
            guard requests == [.yes] else { return declined(first, &requests) }
            requests = []
            return Interpretation(steps: [question == .deleteAll ? .sweep(onlyDone: false) : .completeEach])
        case .whatToAdd:
            guard requests.count == 1 else { return nil }
            switch first {
            case .phrase, .unknown, .choice, .foreign:
                requests = []
                return Interpretation(steps: [.request(.add(RequestParser.titles(in: message)))])
            default: return declined(first, &requests)
            }
        case .which(let act, let candidates):
            return choose(act, candidates, first, &requests, question)
        }
    }

    /// A yes adds. So does the next errand, with the one before it: whoever goes on typing wants them on the list.
    private func offered(
        _ titles: [String], _ first: Request, _ requests: inout [Request], _ message: String
    ) -> Interpretation? {
        switch first {
        case .yes, .add([], _), .choice(.all):
            requests.removeFirst()
            return Interpretation(steps: [.request(.add(titles))])
        case .phrase(let more) where more.allSatisfy(ClauseParser.isErrand) || Self.goesOn(message):
            requests.removeFirst()
            return Interpretation(steps: [.request(.add(titles + more))])
        case .phrase(let more) where titles.count + more.count <= 5:
            let isAgain =
                userMessages.suffix(2).count == 2 && titles.count > 1
                && userMessages.suffix(2).allSatisfy {
                    RequestParser.parse($0).requests.allSatisfy { if case .phrase = $0 { true } else { false } }
                }
            requests.removeFirst()
            if isAgain { return Interpretation(steps: [.request(.add(titles + more))]) }
            return Interpretation(question: .offer(titles + more))
        default:
            return declined(first, &requests)
        }
    }

    private func declined(_ first: Request, _ requests: inout [Request]) -> Interpretation? {
        // "not done yet" to "Shall I mark it as done?"
        guard first == .no || first == .complete(.it, false) else { return nil }
        requests.removeFirst()
        return requests.isEmpty
            ? Interpretation(notes: [.sentence("OK, I changed nothing.")]) : Interpretation(notes: [.sentence("OK.")])
    }

    private func choose(
        _ act: TodoQuestion.Act, _ candidates: [TodoQuestion.Candidate], _ first: Request, _ requests: inout [Request],
        _ question: TodoQuestion
    ) -> Interpretation? {
        func chosen(_ numbers: [Int64]) -> Interpretation {
            requests.removeFirst()
            if let number = numbers.first, numbers.count == 1, wasDropped {
                return Interpretation(steps: [.request(.dropped(.id(number)))])
            }
            let text = text(for: act)
            let when = when(for: act)
            return Interpretation(steps: numbers.map { .act(act, $0, text: text, when: when) })
        }
        func again() -> Interpretation {
            requests.removeFirst()
            return Interpretation(notes: [.sentence("I didn't get which one.")], question: question)
        }
        switch first {
        case .no: return declined(first, &requests)
        case .yes, .correct(.other): return requests.count == 1 ? again() : nil
        case .choice(.all):
            guard !candidates.isEmpty, !act.isForOne else { return again() }
            return chosen(candidates.map(\.number))
        case .choice(.picks(let picks)):
            var numbers: [Int64] = []
            for pick in picks {
                guard let number = Self.number(pick, candidates) else { return again() }
                if !numbers.contains(number) { numbers.append(number) }
            }
            guard numbers.count == 1 || !act.isForOne else { return again() }
            return chosen(numbers)
        case .phrase, .unknown, .correct(.words):
            guard requests.count == 1 else { return nil }
            let words = Self.answerWords(Self.message(of: first))
            if candidates.isEmpty {
                requests.removeFirst()
                return Interpretation(steps: [.request(request(act, .title(words)))])
            }
            let tasks = candidates.map { TodoTask(number: $0.number, title: $0.title) }
            switch TaskMatcher(tasks).find(words) {
            case .one(let task): return chosen([task.number])
            // An errand of its own, not an answer.
            case .none where ClauseParser.isErrand(words) && first != .unknown(words): return nil
            default: return again()
            }
        default:
            return nil
        }
    }

    /// The question came of "I don't need the milk any more".
    private var wasDropped: Bool {
        userMessages.last.map { text in
            RequestParser.parse(text).requests.contains { if case .dropped = $0 { true } else { false } }
        } ?? false
    }

    private static func message(of request: Request) -> String {
        switch request {
        case .unknown(let text), .correct(.words(let text)): text
        case .phrase(let titles): titles.joined(separator: " ")
        default: ""
        }
    }

    /// "I meant the oat one" without its frame.
    private static func answerWords(_ text: String) -> String {
        let line = Line(text)
        let words = line.tokens.indices.drop {
            line.tokens[$0].isWord(["i", "mean", "meant", "no", "yes", "the", "its", "that", "think"])
                || line.tokens[$0].kind == .comma
        }
        guard let first = words.first else { return text }
        return line.text(first..<line.tokens.count)
    }

    private static func number(_ pick: Choice.Pick, _ candidates: [TodoQuestion.Candidate]) -> Int64? {
        func at(_ position: Int) -> Int64? {
            position >= 1 && position <= candidates.count ? candidates[position - 1].number : nil
        }
        switch pick {
        case .id(let number): return candidates.isEmpty || candidates.contains { $0.number == number } ? number : nil
        case .number(let number):
            if candidates.isEmpty || candidates.contains(where: { $0.number == number }) { return number }
            return Int(exactly: number).flatMap(at)
        case .ordinal(let position): return at(position)
        case .last: return candidates.last?.number
        }
    }

    private func request(_ act: TodoQuestion.Act, _ reference: Reference) -> Request {
        switch act {
        case .complete: .complete(reference, true)
        case .reopen: .complete(reference, false)
        case .rename: .rename(reference, to: text(for: act))
        case .describe, .note: .describe(reference, text(for: act), replacing: act == .describe)
        case .delete: .delete(reference)
        case .reschedule:
            when(for: act).map { text(for: act).isEmpty ? .reschedule(reference, $0) : .remindOf(reference, $0) }
                ?? .get(reference)
        case .undate: .undate(reference)
        case .unrepeat: .unrepeat(reference)
        case .get: .get(reference)
        }
    }

    /// The new title, note or time that the question was about: from the newest message that asked for such a thing.
    private func text(for act: TodoQuestion.Act) -> String {
        for message in userMessages.reversed() {
            for request in RequestParser.parse(message).requests {
                switch request {
                case .rename(_, let title) where act == .rename: return title
                case .correct(.words(let title)) where act == .rename: return title
                case .describe(_, let text, true) where act == .describe: return text
                case .describe(_, let text, false) where act == .note: return text
                case .remindOf where act == .reschedule: return TodoMachine.reminds
                case .reschedule where act == .reschedule: return ""
                default: continue
                }
            }
        }
        return ""
    }

    /// The same for the time that a task shall move to.
    private func when(for act: TodoQuestion.Act) -> When? {
        guard act == .reschedule else { return nil }
        for message in userMessages.reversed() {
            for request in RequestParser.parse(message).requests {
                switch request {
                case .reschedule(_, let when), .remindOf(_, let when), .correct(.when(let when)): return when
                default: continue
                }
            }
        }
        return nil
    }

    /// The offered titles as the person typed them; the question shows them on one line.
    private func asTyped(_ titles: [String]) -> [String] {
        for message in userMessages.reversed() {
            for case .phrase(let phrases) in RequestParser.parse(message).requests
            where phrases.map(TodoTask.line) == titles {
                return phrases
            }
        }
        return titles
    }

    /// The lines of the newest message that has as many.
    private func lines(_ count: Int) -> [String] {
        for message in userMessages.reversed() {
            for case .phrase(let phrases) in RequestParser.parse(message).requests where phrases.count == count {
                return phrases
            }
        }
        return []
    }
}

extension TodoQuestion {
    /// The tasks that the question names.
    var candidates: [Candidate] {
        switch self {
        case .which(_, let candidates), .confirmEach(_, let candidates): candidates
        case .confirm(_, let candidate), .doneOrDeleted(let candidate): [candidate]
        default: []
        }
    }

    /// Asks before it changes a task that is there.
    fileprivate var isAboutChange: Bool {
        switch self {
        case .which(.get, _), .offer, .offerLines, .whatToAdd: false
        default: true
        }
    }
}

extension TodoQuestion.Act {
    /// What can't be done to several tasks at once.
    var isForOne: Bool {
        switch self {
        case .rename, .describe, .note: true
        default: false
        }
    }
}

extension Request {
    var isChange: Bool {
        switch self {
        case .add, .remind, .addDone, .complete, .did, .rename, .reschedule, .undate, .unrepeat,
            .remindOf, .describe, .delete, .clearCompleted, .dropped:
            true
        default: false
        }
    }

    /// Behind a yes it may take the yes back.
    fileprivate var isUnclear: Bool {
        switch self {
        case .unknown, .choice, .no, .correct: true
        default: false
        }
    }
}
