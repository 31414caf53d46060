import Chat

/// What a turn knows of the conversation before it.
struct TodoContext {
    /// The question the assistant has just asked.
    let question: TodoQuestion?
    /// The tasks in the assistant's last message, in the order shown.
    let shown: [Int64]
    /// The tasks that "it" can mean: those of the newest message that names any.
    let spokenOf: [Int64]
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
        question = last.flatMap { TodoQuestion(asked: $0) }
        shown = last.map { Self.ids(in: $0) } ?? []
        spokenOf = answers.reversed().lazy.map { Self.ids(in: $0.content) }.first { !$0.isEmpty } ?? []
        userMessages = history.filter { $0.role == .user }.map(\.content)
    }

    /// The ids a message names: at the head of a line of a list, or before a title in quotes.
    static func ids(in text: String) -> [Int64] {
        var ids: [Int64] = []
        for line in text.split(whereSeparator: \.isNewline) {
            var rest = line
            if rest.hasPrefix("✓ ") { rest = rest.dropFirst(2) }
            if rest.hasPrefix("#"), let id = Int64(rest.dropFirst().prefix { $0.isASCII && $0.isNumber }) {
                ids.append(id)
                continue
            }
            ids += TodoQuestion.candidates(String(line)).map(\.id)
            if line.hasPrefix("Renamed #"), let id = Int64(line.dropFirst(9).prefix { $0.isASCII && $0.isNumber }) {
                ids.append(id)
            }
        }
        var seen: Set<Int64> = []
        return ids.filter { seen.insert($0).inserted }
    }

    /// Reads a message as an answer to the question, where there is one and it is one.
    func interpret(_ requests: [Request], message: String) -> Interpretation {
        // Courtesies around a request need no answer of their own.
        let courtesies: [Request] = [.thanks, .greeting, .goodbye]
        var real = requests.filter { !courtesies.contains($0) }
        if real.isEmpty { return Interpretation(steps: requests.prefix(1).map { .request($0) }) }
        var result = Interpretation()
        if let question, let answered = answer(question, &real, message: message) { result = answered }
        if real.count > 1, real[0] == .yes || real[0] == .no { real.removeFirst() }
        if !result.steps.isEmpty || !result.notes.isEmpty || result.question != nil {
            real.removeAll { $0 == .yes || $0 == .no }
        }
        result.steps += real.map { .request($0) }
        return result
    }

    private func answer(_ question: TodoQuestion, _ requests: inout [Request], message: String) -> Interpretation? {
        guard let first = requests.first else { return nil }
        switch question {
        case .offer(let titles):
            guard first == .yes || first == .add([]) || first == .choice(.all) else {
                return declined(first, &requests)
            }
            requests.removeFirst()
            return Interpretation(steps: [.request(.add(asTyped(titles)))])
        case .confirm(let act, let candidate):
            guard first == .yes else { return declined(first, &requests) }
            requests.removeFirst()
            return Interpretation(steps: [.act(act, candidate.id, text: text(for: act))])
        case .deleteAll, .completeAll:
            // For good and for all: only a plain yes counts.
            guard requests == [.yes] else { return declined(first, &requests) }
            requests = []
            return Interpretation(steps: [question == .deleteAll ? .sweep(onlyDone: false) : .completeEach])
        case .whatToAdd:
            guard requests.count == 1 else { return nil }
            switch first {
            case .phrase, .unknown, .choice:
                requests = []
                return Interpretation(steps: [.request(.add(RequestParser.titles(in: message)))])
            default: return declined(first, &requests)
            }
        case .which(let act, let candidates):
            return choose(act, candidates, first, &requests, question)
        }
    }

    private func declined(_ first: Request, _ requests: inout [Request]) -> Interpretation? {
        guard first == .no else { return nil }
        requests.removeFirst()
        return requests.isEmpty
            ? Interpretation(notes: [.sentence("OK, I changed nothing.")]) : Interpretation(notes: [.sentence("OK.")])
    }

    private func choose(
        _ act: TodoQuestion.Act, _ candidates: [TodoQuestion.Candidate], _ first: Request, _ requests: inout [Request],
        _ question: TodoQuestion
    ) -> Interpretation? {
        func chosen(_ ids: [Int64]) -> Interpretation {
            requests.removeFirst()
            let text = text(for: act)
            return Interpretation(steps: ids.map { .act(act, $0, text: text) })
        }
        func again() -> Interpretation {
            requests.removeFirst()
            return Interpretation(notes: [.sentence("I didn't get which one.")], question: question)
        }
        switch first {
        case .no: return declined(first, &requests)
        case .yes: return requests.count == 1 ? again() : nil
        case .choice(.all):
            guard !candidates.isEmpty, act != .rename else { return again() }
            return chosen(candidates.map(\.id))
        case .choice(.picks(let picks)):
            var ids: [Int64] = []
            for pick in picks {
                guard let id = Self.id(pick, candidates) else { return again() }
                if !ids.contains(id) { ids.append(id) }
            }
            guard ids.count == 1 || act != .rename else { return again() }
            return chosen(ids)
        case .phrase, .unknown:
            guard requests.count == 1 else { return nil }
            let words = Self.answerWords(message(of: first))
            if candidates.isEmpty {
                requests.removeFirst()
                return Interpretation(steps: [.request(request(act, .title(words)))])
            }
            let tasks = candidates.compactMap { TodoTask(["id": .integer($0.id), "title": .string($0.title)]) }
            if case .one(let task) = TaskMatcher(tasks).find(words) { return chosen([task.id]) }
            return again()
        default:
            return nil
        }
    }

    private func message(of request: Request) -> String {
        switch request {
        case .unknown(let text): text
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

    private static func id(_ pick: Choice.Pick, _ candidates: [TodoQuestion.Candidate]) -> Int64? {
        func at(_ position: Int) -> Int64? {
            position >= 1 && position <= candidates.count ? candidates[position - 1].id : nil
        }
        switch pick {
        case .id(let id): return candidates.isEmpty || candidates.contains { $0.id == id } ? id : nil
        case .number(let number):
            if candidates.isEmpty || candidates.contains(where: { $0.id == number }) { return number }
            return Int(exactly: number).flatMap(at)
        case .ordinal(let position): return at(position)
        case .last: return candidates.last?.id
        }
    }

    private func request(_ act: TodoQuestion.Act, _ reference: Reference) -> Request {
        switch act {
        case .complete: .complete(reference, true)
        case .reopen: .complete(reference, false)
        case .rename: .rename(reference, to: text(for: act))
        case .describe, .note: .describe(reference, text(for: act), replacing: act == .describe)
        case .delete: .delete(reference)
        case .get: .get(reference)
        }
    }

    /// The new title or note that the question was about: from the newest message that asked for such a thing.
    private func text(for act: TodoQuestion.Act) -> String {
        for message in userMessages.reversed() {
            for request in RequestParser.parse(message).requests {
                switch request {
                case .rename(_, let title) where act == .rename: return title
                case .describe(_, let text, true) where act == .describe: return text
                case .describe(_, let text, false) where act == .note: return text
                default: continue
                }
            }
        }
        return ""
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
}
