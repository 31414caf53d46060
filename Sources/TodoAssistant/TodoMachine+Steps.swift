import Chat

extension TodoMachine {
    /// Does a step as far as it goes without a tool; a call when one is needed.
    mutating func perform(_ step: Step) -> Call? {
        switch step {
        case .request(let request): return perform(request)
        case .act(let act, let number, let text, let when): return apply(act, number, text, when)
        case .sweep(let onlyDone): return sweep(onlyDone: onlyDone)
        case .completeEach: return completeEach()
        case .prepared(let call, let waiting): return prepared(call, waiting)
        }
    }

    private mutating func perform(_ request: Request) -> Call? {
        switch request {
        case .add(let titles, let description):
            return add(titles, description)
        case .remind(let titles, let description):
            return add(titles, description, reminds: true)
        case .addDone(let titles):
            return add(titles, nil, isDone: true)
        case .list(let filter):
            return show(filter)
        case .complete(let reference, let flag):
            return resolve(reference, flag ? .complete : .reopen, text: "", request)
        case .did(let reference):
            return resolve(reference, .complete, text: "", request, asksFirst: true)
        case .rename(let reference, let title):
            guard isTitle(title) else { return nil }
            // A time as a title is hardly meant.
            guard When(title) != nil else { return resolve(reference, .rename, text: title, request) }
            let call = resolve(reference, .rename, text: title, request, asksFirst: true)
            if call == nil, case .confirm? = answer.question {
                answer.add(
                    .sentence(
                        "“\(TodoTask.line(title))” is a time; “move it to \(TodoTask.line(title))” sets when it is due."
                    ))
            }
            return call
        case .reschedule(let reference, let when):
            guard when.repetition != nil || when.delay != nil || when.day != nil || when.time != nil else { return nil }
            return resolve(reference, .reschedule, text: "", request)
        case .undate(let reference):
            return resolve(reference, .undate, text: "", request)
        case .unrepeat(let reference):
            return resolve(reference, .unrepeat, text: "", request)
        case .remindOf(let reference, _):
            return resolve(reference, .reschedule, text: Self.reminds, request)
        case .describe(let reference, let text, let isReplacing):
            guard text.unicodeScalars.count <= Self.longestDescription else {
                answer.add(
                    .sentence(
                        "That note is too long: at most \(Self.longestDescription) characters fit. I changed nothing."))
                return nil
            }
            return resolve(reference, isReplacing ? .describe : .note, text: text, request)
        case .delete(.all):
            return deleteAll(request)
        case .delete(let reference):
            return resolve(reference, .delete, text: "", request)
        case .clearCompleted:
            return sweep(onlyDone: true)
        case .get(let reference):
            return resolve(reference, .get, text: "", request)
        case .dropped(let reference):
            return resolve(reference, .delete, text: "", request, asksFirst: true)
        case .undo:
            return undo()
        case .no where context.question == nil && context.hasChangedLast:
            answer.add(.sentence("If you want that taken back, say “undo”."))
        case .correct(let correction):
            return correct(correction)
        case .choice(.picks(let picks)):
            // "3" without a question: what is #3?
            if picks.count == 1, case .number(let number) = picks[0] { return apply(.get, number, "") }
            if picks.count == 1, case .id(let number) = picks[0] { return apply(.get, number, "") }
            answer.add(.sentence("What shall I do with that? For example “mark 3 as done” or “delete 3”."))
        case .choice(.all): return show(.all)
        case .phrase(let titles): return offer(titles)
        case .unknown: wonder(request)
        default: answer.add(.sentence(TodoAnswer.words(for: request)))
        }
        return nil
    }

    private mutating func wonder(_ request: Request) {
        defer { hasWondered = true }
        guard !hasWondered else { return }
        answer.add(
            .sentence(
                answer.lines.isEmpty && steps.isEmpty ? TodoAnswer.unknownAtAll : TodoAnswer.unknownPart(request)))
    }

    private mutating func offer(_ titles: [String]) -> Call? {
        // "scrap the oat flakes" is an errand only where nothing on the list is meant.
        if titles.count == 1, let words = ClauseParser.scrapped(titles[0]) {
            guard let everything else { return list(includingCompleted: true, then: .request(.phrase(titles))) }
            switch TaskMatcher(everything.tasks.filter { !$0.isCompleted }).find(words) {
            case .one(let task):
                confirm(task, .delete)
                return nil
            case .many(let tasks):
                askWhich(.delete, tasks)
                return nil
            default: break
            }
        }
        if context.typesErrands { return add(titles, nil) }
        let fitting = titles.filter { $0.unicodeScalars.count <= Self.longestTitle }
        if !hasWondered { answer.add(.sentence(TodoAnswer.unknown)) }
        hasWondered = true
        if fitting.count == titles.count {
            ask(titles.count <= 5 ? .offer(titles) : .offerLines(titles.count))
        }
        return nil
    }

    /// "no, the other one", "I meant oat milk": what to take back and what to do instead is asked where it is not plain.
    private mutating func correct(_ correction: Request.Correction) -> Call? {
        switch correction {
        case .when(let when):
            return perform(.reschedule(.it, when))
        case .words(let words):
            if context.shown.count == 1, context.question == nil {
                return perform(.rename(.it, to: words))
            }
            wonder(.unknown(words))
        case .other:
            let others = context.candidates.filter { !context.shown.contains($0.number) }
            if let other = others.first, others.count == 1 {
                answer.add(.sentence("You mean #\(other.number) “\(other.title)”. What shall I do with it?"))
            } else {
                answer.add(.sentence("Which one do you mean? Tell me what to do and its number, like “delete 3”."))
            }
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

    private mutating func add(
        _ titles: [String], _ description: String?, isDone: Bool = false, reminds: Bool = false
    ) -> Call? {
        guard let title = titles.first else {
            if answer.lines.isEmpty { ask(.whatToAdd) }
            return nil
        }
        if titles.count > 1 {
            let rest = Array(titles.dropFirst())
            steps.append(
                .request(
                    isDone
                        ? .addDone(rest)
                        : reminds ? .remind(rest, description: description) : .add(rest, description: description)))
        }
        guard isTitle(title) else { return nil }
        if let description, description.unicodeScalars.count > Self.longestDescription {
            answer.add(
                .sentence(
                    "The description for “\(TodoTask.line(title))” is too long (at most \(Self.longestDescription) characters), so I did not add it."
                ))
            return nil
        }
        return add(title, description: description, isDone: isDone, reminds: reminds)
    }

    // MARK: - Acts

    mutating func apply(
        _ act: TodoQuestion.Act, _ number: Int64, _ text: String, _ when: When? = nil
    ) -> Call? {
        if act == .rename, text.isEmpty {
            answer.add(.sentence("What shall #\(number) be called? For example: rename \(number) to buy oat milk."))
            return nil
        }
        if act == .describe || act == .note, text.isEmpty {
            answer.add(.sentence("What shall the note say? For example: add a note to \(number): the red folder."))
            return nil
        }
        let step = Step.act(act, number, text: text, when: when)
        let known = known(number)
        guard let key = known?.id ?? keys[number] else {
            guard let everything else { return list(includingCompleted: true, then: step) }
            if !everything.isComplete, !sought.contains(number) { return seek(number, then: step) }
            // "complete 1984", which is a book.
            if number > 99, case .one(let task) = TaskMatcher(everything.tasks).find(String(number)) {
                return apply(act, task.number, text, when)
            }
            answer.add(.sentence("There is no task #\(number) on your list."))
            return nil
        }
        // What was never done can't be undone, a note goes behind what is written there already, and a time of day may
        // stay as it was.
        if act == .reopen || act == .note || act == .reschedule, known == nil, everything == nil {
            return list(includingCompleted: true, then: step)
        }
        if let known {
            if act == .complete, known.isCompleted {
                answer.add(.sentence("\(known.named) is done already."))
                spokenOf = [number]
                return nil
            }
            if act == .reopen, !known.isCompleted {
                answer.add(.sentence("\(known.named) is still open."))
                spokenOf = [number]
                return nil
            }
        }
        if act == .reschedule, let when {
            let reminds = text == Self.reminds
            guard let due = clock.due(when, reminds: reminds, known: known?.due) else {
                answer.add(.sentence("There is no such day, so I changed nothing."))
                return nil
            }
            movesToRemind = reminds
            return move(number, key, to: due, reminds: reminds)
        }
        guard act == .note else { return self.act(act, number, key, text: text) }
        let whole = known?.description.map { $0 + "\n" + text } ?? text
        guard whole.unicodeScalars.count <= Self.longestDescription else {
            answer.add(
                .sentence(
                    "The note of #\(number) would become too long: at most \(Self.longestDescription) characters fit. I changed nothing."
                ))
            return nil
        }
        return self.act(.describe, number, key, text: whole)
    }

    /// So many that a person is asked about each anyway: no question in words goes before that.
    mutating func deleteAll(_ request: Request) -> Call? {
        guard asksInBulk else {
            ask(.deleteAll)
            return nil
        }
        guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
        if listing.tasks.count > bulk { return sweep(onlyDone: false) }
        ask(.deleteAll)
        return nil
    }

    func known(_ number: Int64) -> TodoTask? {
        everything?.tasks.first { $0.number == number } ?? open?.tasks.first { $0.number == number }
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
        for task in tasks.reversed() { steps.append(.act(.delete, task.number, text: "")) }
        return nil
    }

    mutating func completeEach() -> Call? {
        guard let listing = open else { return list(includingCompleted: false, then: .completeEach) }
        if listing.tasks.isEmpty { answer.add(.sentence("Everything is done already.")) }
        for task in listing.tasks.reversed() { steps.append(.act(.complete, task.number, text: "")) }
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
