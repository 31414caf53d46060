import Chat

extension TodoMachine {
    /// Does a step as far as it goes without a tool; a call when one is needed.
    mutating func perform(_ step: Step) -> Call? {
        switch step {
        case .request(let request): return perform(request)
        case .act(let act, let id, let text): return apply(act, id, text)
        case .sweep(let onlyDone): return sweep(onlyDone: onlyDone)
        case .completeEach: return completeEach()
        }
    }

    private mutating func perform(_ request: Request) -> Call? {
        switch request {
        case .add(let titles, let description):
            return add(titles, description)
        case .list(let filter):
            return show(filter)
        case .complete(let reference, let flag):
            return resolve(reference, flag ? .complete : .reopen, text: "", request)
        case .did(let reference):
            return resolve(reference, .complete, text: "", request, asksFirst: true)
        case .rename(let reference, let title):
            guard isTitle(title) else { return nil }
            return resolve(reference, .rename, text: title, request)
        case .describe(let reference, let text, let isReplacing):
            guard text.unicodeScalars.count <= Self.longestDescription else {
                answer.add(
                    .sentence(
                        "That note is too long: at most \(Self.longestDescription) characters fit. I changed nothing."))
                return nil
            }
            return resolve(reference, isReplacing ? .describe : .note, text: text, request)
        case .delete(.all):
            ask(.deleteAll)
            return nil
        case .delete(let reference):
            return resolve(reference, .delete, text: "", request)
        case .clearCompleted:
            return sweep(onlyDone: true)
        case .get(let reference):
            return resolve(reference, .get, text: "", request)
        case .help: answer.add(.sentence(TodoAnswer.help))
        case .thanks: answer.add(.sentence("You're welcome!"))
        case .greeting: answer.add(.sentence("Hello! What shall I put on your list? You can also ask “what's left?”."))
        case .goodbye: answer.add(.sentence("Goodbye! Your list will be here."))
        case .yes: answer.add(.sentence("All right. What shall I do?"))
        case .no: answer.add(.sentence("OK, I changed nothing."))
        case .choice(.picks(let picks)):
            // "3" without a question: what is #3?
            if picks.count == 1, case .number(let id) = picks[0] { return get(id) }
            if picks.count == 1, case .id(let id) = picks[0] { return get(id) }
            answer.add(.sentence("What shall I do with that? For example “mark 3 as done” or “delete 3”."))
        case .choice(.all): return show(.all)
        case .phrase(let titles):
            let fitting = titles.filter { $0.unicodeScalars.count <= Self.longestTitle }.prefix(5)
            answer.add(.sentence(TodoAnswer.unknown))
            if !fitting.isEmpty, fitting.count == titles.count { ask(.offer(Array(fitting))) }
        case .unknown:
            answer.add(
                .sentence(
                    answer.lines.isEmpty && steps.isEmpty ? TodoAnswer.unknownAtAll : TodoAnswer.unknownPart(request)))
        }
        return nil
    }

    /// The first question of an answer stands: two at once can't be answered.
    mutating func ask(_ question: TodoQuestion) {
        if answer.question == nil { answer.question = question } else { answer.unasked += 1 }
    }

    private mutating func isTitle(_ title: String) -> Bool {
        let length = title.unicodeScalars.count
        guard length > Self.longestTitle else { return true }
        answer.add(
            .sentence(
                "That title has \(length) characters; at most \(Self.longestTitle) fit, so I changed nothing. A shorter one, please."
            ))
        return false
    }

    private mutating func add(_ titles: [String], _ description: String?) -> Call? {
        guard let title = titles.first else {
            if answer.lines.isEmpty { ask(.whatToAdd) }
            return nil
        }
        if titles.count > 1 { steps.append(.request(.add(Array(titles.dropFirst()), description: description))) }
        guard isTitle(title) else { return nil }
        if let description, description.unicodeScalars.count > Self.longestDescription {
            answer.add(
                .sentence(
                    "The description for “\(TodoTask.line(title))” is too long (at most \(Self.longestDescription) characters), so I did not add it."
                ))
            return nil
        }
        return add(title, description: description)
    }

    // MARK: - References

    private mutating func resolve(
        _ reference: Reference, _ act: TodoQuestion.Act, text: String, _ request: Request, asksFirst: Bool = false
    ) -> Call? {
        switch reference {
        case .id(let id):
            return asksFirst ? confirm(id, act, request) : apply(act, id, text)
        case .missing:
            ask(.which(act, []))
            return nil
        case .it:
            return pointedAt(act, text, request, asksFirst: asksFirst, wantsOne: true)
        case .them:
            return pointedAt(act, text, request, asksFirst: asksFirst, wantsOne: false)
        case .ordinal(let position):
            let shown = spokenOf.isEmpty ? context.shown : spokenOf
            if position >= 1, position <= shown.count { return apply(act, shown[position - 1], text) }
            if !shown.isEmpty {
                answer.add(.sentence("There are only \(shown.count) tasks in what I showed last."))
                return nil
            }
            return atPosition(position - 1, act, request)
        case .last:
            if let id = spokenOf.last ?? context.shown.last { return apply(act, id, text) }
            return atPosition(0, act, request)
        case .all:
            if act == .complete {
                if asksFirst { ask(.completeAll) } else { return completeEach() }
            } else if act == .delete {
                ask(.deleteAll)
            } else if act == .get {
                return show(.all)
            } else {
                answer.add(.sentence("I can do that for one task at a time: tell me its number."))
            }
            return nil
        case .title(let words):
            return resolve(title: words, act, text: text, request, asksFirst: asksFirst)
        }
    }

    /// "it": the task spoken of last; asks when there were several.
    private mutating func pointedAt(
        _ act: TodoQuestion.Act, _ text: String, _ request: Request, asksFirst: Bool, wantsOne: Bool
    ) -> Call? {
        let ids = spokenOf.isEmpty ? context.spokenOf : spokenOf
        guard let id = ids.first else {
            ask(.which(act, []))
            return nil
        }
        if ids.count == 1 { return asksFirst ? confirm(id, act, request) : apply(act, id, text) }
        if wantsOne || ids.count > RequestParser.limit || act == .rename || act == .describe || act == .note {
            guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
            let candidates = ids.compactMap { id in listing.tasks.first { $0.id == id } }
            if candidates.count == 1 { return apply(act, candidates[0].id, text) }
            askWhich(act, candidates)
            return nil
        }
        for id in ids.dropFirst().reversed() { steps.append(.act(act, id, text: text)) }
        return apply(act, id, text)
    }

    /// A position in a list that was not shown is no more than a guess: it is asked for.
    private mutating func atPosition(_ index: Int, _ act: TodoQuestion.Act, _ request: Request) -> Call? {
        guard let listing = open else { return list(includingCompleted: false, then: .request(request)) }
        guard index >= 0, index < listing.tasks.count else {
            answer.add(
                .sentence(
                    listing.tasks.isEmpty
                        ? "Your list is empty." : "There are only \(listing.total) open tasks on your list."))
            return nil
        }
        if act == .get { return get(listing.tasks[index].id) }
        confirm(listing.tasks[index], act)
        return nil
    }

    private mutating func confirm(_ id: Int64, _ act: TodoQuestion.Act, _ request: Request) -> Call? {
        guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
        if let task = listing.tasks.first(where: { $0.id == id }) {
            confirm(task, act)
        } else {
            ask(.which(act, []))
        }
        return nil
    }

    private mutating func confirm(_ task: TodoTask, _ act: TodoQuestion.Act) {
        if act == .complete, task.isCompleted {
            answer.add(.sentence("\(task.named) is done already."))
            return
        }
        ask(.confirm(act, .init(id: task.id, title: task.line)))
    }

    private mutating func resolve(
        title words: String, _ act: TodoQuestion.Act, text: String, _ request: Request, asksFirst: Bool
    ) -> Call? {
        // Open ones first where that is what is meant; all of them otherwise, and where none was found.
        let prefersOpen = act == .complete || act == .rename
        if prefersOpen {
            guard let open else { return list(includingCompleted: false, then: .request(request)) }
            if case .rename(_, let title) = request, case .one(let task, let rest) = split(words, title, in: open.tasks)
            {
                return apply(.rename, task.id, rest)
            }
            if everything == nil {
                switch TaskMatcher(open.tasks).find(words) {
                case .one(let task): return settle(.one(task), words, act, text, asksFirst)
                case .many(let tasks): return settle(.many(tasks), words, act, text, asksFirst)
                default:
                    if let call = resolveEach(words, act, text, in: open.tasks, asksFirst: asksFirst) {
                        return call.first
                    }
                    return list(includingCompleted: true, then: .request(request))
                }
            }
        }
        guard let everything else { return list(includingCompleted: true, then: .request(request)) }
        var found = TaskMatcher(everything.tasks).find(words)
        if case .many(let tasks) = found, act == .complete || act == .reopen || act == .rename {
            let wanted = tasks.filter { $0.isCompleted == (act == .reopen) }
            if wanted.count == 1 { found = .one(wanted[0]) } else if wanted.count > 1 { found = .many(wanted) }
        }
        switch found {
        case .none, .suggestion:
            if let call = resolveEach(words, act, text, in: everything.tasks, asksFirst: asksFirst) {
                return call.first
            }
        default: break
        }
        return settle(found, words, act, text, asksFirst)
    }

    private mutating func settle(
        _ found: TaskMatcher.Result, _ words: String, _ act: TodoQuestion.Act, _ text: String, _ asksFirst: Bool
    ) -> Call? {
        switch found {
        case .one(let task):
            if act == .get {
                spokenOf = [task.id]
                answer.add(.shown(task))
                return nil
            }
            if asksFirst {
                confirm(task, act)
                return nil
            }
            return apply(act, task.id, text)
        case .many(let tasks):
            askWhich(act, tasks)
        case .suggestion(let task):
            answer.add(.sentence("I found no task “\(TodoTask.line(String(words.prefix(100))))”."))
            confirm(task, act)
        case .none:
            if asksFirst {
                answer.add(.sentence("Good! I found no task like that on your list."))
                return nil
            }
            let whole = (everything ?? open).map(\.isComplete) ?? true
            let named = TodoTask.line(String(words.prefix(100)))
            answer.add(
                .sentence(
                    whole
                        ? "I found no task “\(named)” on your list, so I changed nothing."
                        : "I found no task “\(named)” among your newest 50; older ones I can reach by number."))
        }
        return nil
    }

    /// "milk and eggs" that is no title by itself: each part, if every part points at one task.
    private mutating func resolveEach(
        _ words: String, _ act: TodoQuestion.Act, _ text: String, in tasks: [TodoTask], asksFirst: Bool
    ) -> [Call]? {
        guard act == .complete || act == .reopen || act == .delete || act == .get else { return nil }
        let parts = Line(words).splitAtConjunctions()
        guard parts.count > 1, parts.count <= RequestParser.limit, !asksFirst else { return nil }
        let matcher = TaskMatcher(tasks)
        var ids: [Int64] = []
        for part in parts {
            guard case .one(let task) = matcher.find(part), !ids.contains(task.id) else { return nil }
            ids.append(task.id)
        }
        for id in ids.dropFirst().reversed() { steps.append(.act(act, id, text: text)) }
        return apply(act, ids[0], text).map { [$0] }
    }

    private enum Split { case none, one(TodoTask, String) }

    /// "rename talk to mum to call mum": the "to" where a title ends is the one that counts.
    private func split(_ words: String, _ title: String, in tasks: [TodoTask]) -> Split {
        let line = Line(title)
        var best = Split.none
        let folded = { (text: String) in Line(text).tokens.map(\.folded).joined(separator: " ") }
        for (index, token) in line.tokens.enumerated().prefix(40)
        where token.isWord("to") && index + 1 < line.tokens.count && index > 0 {
            let reference = words + " to " + line.text(0..<index)
            let wanted = folded(reference)
            if let task = tasks.first(where: { folded($0.title) == wanted }) {
                best = .one(task, ClauseParser.unquoted(line.text(index + 1..<line.tokens.count)))
            }
        }
        return best
    }

    private mutating func askWhich(_ act: TodoQuestion.Act, _ tasks: [TodoTask]) {
        let shown = tasks.prefix(TodoQuestion.mostCandidates)
        if tasks.count > shown.count {
            answer.add(.sentence("\(tasks.count) tasks fit; these are the newest \(shown.count)."))
        }
        ask(
            .which(
                act,
                shown.sorted { $0.id < $1.id }.map {
                    .init(id: $0.id, title: $0.line + ($0.isCompleted && act != .reopen ? " (done)" : ""))
                }))
    }

    // MARK: - Acts

    private mutating func apply(_ act: TodoQuestion.Act, _ id: Int64, _ text: String) -> Call? {
        if act == .rename, text.isEmpty {
            answer.add(.sentence("What shall #\(id) be called? For example: rename \(id) to buy oat milk."))
            return nil
        }
        if act == .describe || act == .note, text.isEmpty {
            answer.add(.sentence("What shall the note say? For example: add a note to \(id): the red folder."))
            return nil
        }
        let known = everything?.tasks.first { $0.id == id } ?? open?.tasks.first { $0.id == id }
        if let known {
            if act == .complete, known.isCompleted {
                answer.add(.sentence("#\(id) “\(known.line)” is done already."))
                spokenOf = [id]
                return nil
            }
            if act == .reopen, !known.isCompleted {
                answer.add(.sentence("#\(id) “\(known.line)” is still open."))
                spokenOf = [id]
                return nil
            }
        }
        guard act == .note else { return self.act(act, id, text: text) }
        // A note goes behind what is written there already, so that has to be known.
        guard let listing = everything else { return list(includingCompleted: true, then: .act(.note, id, text: text)) }
        guard let task = known else {
            guard !listing.isComplete else {
                answer.add(.sentence("There is no task #\(id) on your list."))
                return nil
            }
            return self.act(.describe, id, text: text)
        }
        let whole = task.description.map { $0 + "\n" + text } ?? text
        guard whole.unicodeScalars.count <= Self.longestDescription else {
            answer.add(
                .sentence(
                    "The note of #\(id) would become too long: at most \(Self.longestDescription) characters fit. I changed nothing."
                ))
            return nil
        }
        return self.act(.describe, id, text: whole)
    }

    mutating func sweep(onlyDone: Bool) -> Call? {
        guard let listing = everything else { return list(includingCompleted: true, then: .sweep(onlyDone: onlyDone)) }
        let tasks = onlyDone ? listing.tasks.filter(\.isCompleted) : listing.tasks
        if tasks.isEmpty {
            answer.add(.sentence(onlyDone ? "There are no finished tasks to clear." : "Your list is empty already."))
        }
        if !listing.isComplete, tasks.count < Self.mostCalls {
            answer.closing.append(
                "I could only look at the newest \(listing.tasks.count) of your \(listing.total) tasks.")
        }
        for task in tasks.reversed() { steps.append(.act(.delete, task.id, text: "")) }
        return nil
    }

    mutating func completeEach() -> Call? {
        guard let listing = open else { return list(includingCompleted: false, then: .completeEach) }
        if listing.tasks.isEmpty { answer.add(.sentence("Everything is done already.")) }
        for task in listing.tasks.reversed() { steps.append(.act(.complete, task.id, text: "")) }
        return nil
    }
}

extension Line {
    func splitAtConjunctions() -> [String] {
        var parts: [String] = []
        var start = 0
        for index in tokens.indices
        where tokens[index].kind == .comma || tokens[index].kind == .ampersand || tokens[index].isWord("and") {
            if index > start { parts.append(text(start..<index)) }
            start = index + 1
        }
        if start < tokens.count { parts.append(text(start..<tokens.count)) }
        return parts
    }
}
