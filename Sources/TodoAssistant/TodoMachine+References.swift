import Chat

/// Finds the tasks that a request points at: what the person sees is meant, and what is not certain is asked.
extension TodoMachine {
    mutating func resolve(
        _ reference: Reference, _ act: TodoQuestion.Act, text: String, _ request: Request, asksFirst: Bool = false
    ) -> Call? {
        switch reference {
        case .id(let number):
            if asksFirst { return confirm(number, act, request) }
            // A number that is none of the list that lies before the person may be a place in it.
            if act == .delete || act == .rename, context.isListingLast, spokenOf.isEmpty, context.listing.count > 1,
                !context.listing.contains(number), number >= 1, number <= Int64(context.listing.count)
            {
                return confirm(number, act, request)
            }
            return apply(act, number, text, when(request))
        case .missing:
            ask(.which(act, []))
            return nil
        case .it:
            return pointedAt(act, text, request, asksFirst: asksFirst, wantsOne: true)
        case .them:
            return pointedAt(act, text, request, asksFirst: asksFirst, wantsOne: false)
        case .ordinal(let position):
            return at(position - 1, act, text, request, asksFirst: asksFirst)
        case .last:
            let shown = spokenOf.isEmpty ? (context.isListingLast ? context.listing : context.shown) : spokenOf
            if let number = shown.last {
                return asksFirst ? confirm(number, act, request) : apply(act, number, text, when(request))
            }
            return atPosition(0, act, request)
        case .newest:
            guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
            guard let task = listing.tasks.first else {
                answer.add(.sentence("Your list is empty."))
                return nil
            }
            return asksFirst ? confirm(task.number, act, request) : apply(act, task.number, text, when(request))
        case .other:
            let others = context.candidates.filter { !context.shown.contains($0.number) }
            guard let other = others.first, others.count == 1 else {
                ask(.which(act, []))
                return nil
            }
            return confirm(other.number, act, request)
        case .first(let count): return several(.first(count), act, text, request)
        case .lastOnes(let count): return several(.lastOnes(count), act, text, request)
        case .having, .havingBut, .allBut, .due: return members(reference, act, request)
        case .all:
            if act == .complete {
                if asksFirst { ask(.completeAll) } else { return completeEach() }
            } else if act == .delete {
                return deleteAll(request)
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

    private func when(_ request: Request) -> When? {
        switch request {
        case .reschedule(_, let when), .remindOf(_, let when): when
        default: nil
        }
    }

    /// "the second one": of what this turn or the last message has listed for certain, else it is asked.
    private mutating func at(
        _ index: Int, _ act: TodoQuestion.Act, _ text: String, _ request: Request, asksFirst: Bool
    ) -> Call? {
        let shown = spokenOf.isEmpty ? context.listing : spokenOf
        guard !shown.isEmpty else { return atPosition(index, act, request) }
        guard index >= 0, index < shown.count else {
            answer.add(.sentence("What I showed last has only \(TodoAnswer.count(shown.count, "task"))."))
            return nil
        }
        let isPlain = !spokenOf.isEmpty || context.isListingLast || act == .get
        return isPlain && !asksFirst
            ? apply(act, shown[index], text, when(request)) : confirm(shown[index], act, request)
    }

    /// "the first two" of the list last shown, or of the open tasks.
    private mutating func several(
        _ reference: Reference, _ act: TodoQuestion.Act, _ text: String, _ request: Request
    ) -> Call? {
        guard !act.isForOne else {
            answer.add(.sentence("I can do that for one task at a time: tell me its number."))
            return nil
        }
        func part(_ numbers: [Int64]) -> [Int64] {
            switch reference {
            case .first(let count): Array(numbers.prefix(count))
            case .lastOnes(let count): Array(numbers.suffix(count))
            default: []
            }
        }
        if spokenOf.isEmpty, context.isListingLast {
            let numbers = part(context.listing)
            for number in numbers.dropFirst().reversed() {
                steps.append(.act(act, number, text: text, when: when(request)))
            }
            return numbers.first.flatMap { apply(act, $0, text, when(request)) }
        }
        guard let open else { return list(includingCompleted: false, then: .request(request)) }
        let numbers = part(open.tasks.map(\.number))
        askEach(open.tasks.filter { numbers.contains($0.number) }, act)
        return nil
    }

    /// "the ones with call in them", "all but the milk": asked, with what it comes to.
    private mutating func members(_ reference: Reference, _ act: TodoQuestion.Act, _ request: Request) -> Call? {
        guard !act.isForOne else {
            answer.add(.sentence("I can do that for one task at a time: tell me its number."))
            return nil
        }
        guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
        // What is done is no part of "all but the milk" unless that is what it is about.
        let all = listing.tasks.filter { act == .reopen ? $0.isCompleted : act == .get || !$0.isCompleted }
        switch reference {
        case .having(let words):
            askEach(TaskMatcher(all).having(words), act, words: words)
        case .havingBut(let words, let kept): but(kept, of: TaskMatcher(all).having(words), act)
        case .allBut(let kept): but(kept, of: all, act)
        case .due(let filter):
            let bounds =
                switch filter {
                case .due(let span): clock.bounds(span) ?? (nil, nil)
                default: (from: Int64?.none, before: Int64?.some(clock.now))
                }
            askEach(
                all.filter { task in
                    guard let due = task.due else { return false }
                    return bounds.from.map { due >= $0 } ?? true && bounds.before.map { due < $0 } ?? true
                }, act)
        default: break
        }
        return nil
    }

    private mutating func but(_ kept: [Reference], of tasks: [TodoTask], _ act: TodoQuestion.Act) {
        var numbers: Set<Int64> = []
        for reference in kept {
            guard let found = keep(reference, tasks) else {
                answer.add(.sentence("I'm not sure which ones shall stay, so I changed nothing."))
                return
            }
            numbers.formUnion(found)
        }
        askEach(tasks.filter { !numbers.contains($0.number) }, act)
    }

    /// What is kept of "all but …"; `nil` where it can't be found.
    private func keep(_ reference: Reference, _ tasks: [TodoTask]) -> [Int64]? {
        switch reference {
        case .id(let number): return tasks.contains { $0.number == number } ? [number] : nil
        case .title(let words):
            let matcher = TaskMatcher(tasks)
            switch matcher.find(words) {
            case .one(let task): return [task.number]
            case .many(let tasks): return tasks.map(\.number)
            default: break
            }
            var numbers: [Int64] = []
            for part in Line(words).splitAtConjunctions() {
                guard case .one(let task) = matcher.find(part) else { return nil }
                numbers.append(task.number)
            }
            return numbers.isEmpty ? nil : numbers
        case .it: return context.shown.count == 1 ? context.shown : nil
        case .them: return context.shown.isEmpty ? nil : context.shown
        case .ordinal(let position):
            return position >= 1 && position <= context.listing.count ? [context.listing[position - 1]] : nil
        case .last: return context.listing.last.map { [$0] }
        case .first(let count): return context.listing.isEmpty ? nil : Array(context.listing.prefix(count))
        case .lastOnes(let count): return context.listing.isEmpty ? nil : Array(context.listing.suffix(count))
        case .having(let words): return TaskMatcher(tasks).having(words).map(\.number)
        default: return nil
        }
    }

    private mutating func askEach(_ tasks: [TodoTask], _ act: TodoQuestion.Act, words: String? = nil) {
        if act == .get {
            answer.add(.listing(TodoListing(tasks: tasks), .all))
            return
        }
        guard let first = tasks.first else {
            answer.add(
                .sentence(
                    words.map { "I found no task with “\(TodoTask.line($0))” on your list." }
                        ?? "There is none of them on your list."))
            return
        }
        guard tasks.count <= TodoQuestion.mostConfirmed else {
            answer.add(.sentence("Those are \(tasks.count) tasks: please say it in parts."))
            return
        }
        if tasks.count == 1 {
            confirm(first, act)
        } else {
            ask(.confirmEach(act, tasks.map { .init(number: $0.number, title: $0.line) }))
        }
    }

    /// "it": the task of the last message; asked when there were several, or when something else was said since.
    private mutating func pointedAt(
        _ act: TodoQuestion.Act, _ text: String, _ request: Request, asksFirst: Bool, wantsOne: Bool
    ) -> Call? {
        let numbers = spokenOf.isEmpty ? context.shown : spokenOf
        guard let number = numbers.first else {
            if context.earlier.count == 1 {
                return act == .get ? apply(.get, context.earlier[0], "") : confirm(context.earlier[0], act, request)
            }
            ask(.which(act, []))
            return nil
        }
        if numbers.count == 1 {
            // "both" and "them" are more than one: more than what is meant here.
            let isFewer = !wantsOne && act == .delete
            return asksFirst || isFewer ? confirm(number, act, request) : apply(act, number, text, when(request))
        }
        if wantsOne || numbers.count > RequestParser.limit || act.isForOne {
            guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
            let candidates = numbers.compactMap { number in listing.tasks.first { $0.number == number } }
            if candidates.count == 1 { return apply(act, candidates[0].number, text, when(request)) }
            askWhich(act, candidates)
            return nil
        }
        for number in numbers.dropFirst().reversed() {
            steps.append(.act(act, number, text: text, when: when(request)))
        }
        return apply(act, number, text, when(request))
    }

    /// A position in a list that was not shown is no more than a guess: it is asked for.
    private mutating func atPosition(_ index: Int, _ act: TodoQuestion.Act, _ request: Request) -> Call? {
        guard let listing = open else { return list(includingCompleted: false, then: .request(request)) }
        guard index >= 0, index < listing.tasks.count else {
            answer.add(
                .sentence(
                    listing.tasks.isEmpty
                        ? "Your list is empty."
                        : "There \(listing.total == 1 ? "is" : "are") only \(TodoAnswer.count(listing.total, "open task")) on your list."
                ))
            return nil
        }
        if act == .get { return apply(.get, listing.tasks[index].number, "") }
        confirm(listing.tasks[index], act, request)
        return nil
    }

    private mutating func confirm(_ number: Int64, _ act: TodoQuestion.Act, _ request: Request) -> Call? {
        guard let listing = everything else { return list(includingCompleted: true, then: .request(request)) }
        if let task = listing.tasks.first(where: { $0.number == number }) {
            confirm(task, act, request)
        } else if listing.isComplete {
            answer.add(.sentence("There is no task #\(number) on your list."))
        } else {
            ask(.which(act, []))
        }
        return nil
    }

    mutating func confirm(_ task: TodoTask, _ act: TodoQuestion.Act, _ request: Request? = nil) {
        if act == .complete, task.isCompleted {
            answer.add(.sentence("\(task.named) is done already."))
            return
        }
        if case .dropped? = request, !task.isCompleted {
            ask(.doneOrDeleted(.init(number: task.number, title: task.line)))
            return
        }
        ask(.confirm(act, .init(number: task.number, title: task.line)))
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
                return apply(.rename, task.number, rest)
            }
            if everything == nil {
                switch TaskMatcher(open.tasks).find(words) {
                case .one(let task): return settle(.one(task), words, act, text, request, asksFirst)
                case .many(let tasks): return settle(.many(tasks), words, act, text, request, asksFirst)
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
        // "delete milk" with a "milk" that is done and a "buy milk" that is not.
        if case .one(let task) = found, act == .delete, task.isCompleted {
            switch TaskMatcher(everything.tasks.filter { !$0.isCompleted }).find(words) {
            case .one(let other): found = .many([task, other])
            case .many(let others): found = .many([task] + others)
            default: break
            }
        }
        switch found {
        case .none, .suggestion:
            // "got the milk" is the milk.
            if asksFirst, let rest = ClauseParser.withoutPast(words) {
                return resolve(title: rest, act, text: text, request, asksFirst: asksFirst)
            }
            if let call = resolveEach(words, act, text, in: everything.tasks, asksFirst: asksFirst) {
                return call.first
            }
        default: break
        }
        return settle(found, words, act, text, request, asksFirst)
    }

    private mutating func settle(
        _ found: TaskMatcher.Result, _ words: String, _ act: TodoQuestion.Act, _ text: String, _ request: Request,
        _ asksFirst: Bool
    ) -> Call? {
        switch found {
        case .one(let task):
            if act == .get {
                spokenOf = [task.number]
                answer.add(.shown(task))
                return nil
            }
            if asksFirst || TaskMatcher.isMore(task, than: words, act) {
                confirm(task, act, request)
                return nil
            }
            return apply(act, task.number, text, when(request))
        case .many(let tasks):
            askWhich(act, tasks)
        case .suggestion(let task):
            answer.add(.sentence("I found no task “\(TodoTask.line(String(words.prefix(100))))”."))
            confirm(task, act, request)
        case .none:
            if asksFirst, act == .complete {
                answer.add(.sentence("Good! I found no task like that on your list."))
                return nil
            }
            if act == .reopen, context.deletedLast(words) { return undo() }
            if let errand, act != .get, act != .reopen || Self.mayBringBack(errand), act != .note, act != .describe {
                answer.add(
                    .sentence(
                        "I found no task “\(TodoTask.line(String(words.prefix(100))))” on your list, so I changed nothing."
                    ))
                ask(.offer([errand]))
                return nil
            }
            if act == .reopen {
                answer.add(
                    .sentence(
                        "I found no task “\(TodoTask.line(String(words.prefix(100))))” on your list. If it was deleted, “undo” brings it back."
                    ))
                return nil
            }
            let whole = (everything ?? open).map(\.isComplete) ?? true
            let named = TodoTask.line(String(words.prefix(100)))
            if act == .get, whole {
                answer.add(.sentence("I found no task “\(named)” on your list."))
                return nil
            }
            answer.add(
                .sentence(
                    whole
                        ? "I found no task “\(named)” on your list, so I changed nothing."
                        : "I found no task “\(named)” among your newest 50; older ones I can reach by number."))
        }
        return nil
    }

    /// "bring the car back" is a thing to do where no task is meant.
    private static func mayBringBack(_ errand: String) -> Bool {
        Line(errand).tokens.first?.isWord(["bring", "get"]) ?? false
    }

    /// "milk and eggs" that is no title by itself: each part, if every part points at one task.
    private mutating func resolveEach(
        _ words: String, _ act: TodoQuestion.Act, _ text: String, in tasks: [TodoTask], asksFirst: Bool
    ) -> [Call]? {
        guard act == .complete || act == .reopen || act == .delete || act == .get else { return nil }
        let parts = Line(words).splitAtConjunctions()
        guard parts.count > 1, parts.count <= RequestParser.limit else { return nil }
        let matcher = TaskMatcher(tasks)
        var found: [TodoTask] = []
        for part in parts {
            guard case .one(let task) = matcher.find(part), !found.contains(task) else { return nil }
            found.append(task)
        }
        // "bread and butter" is one thing as well as two, and "milk" may be a part of an errand.
        if asksFirst || act != .get,
            asksFirst || TaskMatcher.isPair(words)
                || zip(found, parts).contains(where: { TaskMatcher.isMore($0, than: $1, act) })
        {
            askEach(found, act)
            return []
        }
        for task in found.dropFirst().reversed() { steps.append(.act(act, task.number, text: text)) }
        return apply(act, found[0].number, text).map { [$0] }
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

    mutating func askWhich(_ act: TodoQuestion.Act, _ tasks: [TodoTask]) {
        let shown = tasks.prefix(TodoQuestion.mostCandidates)
        if tasks.count > shown.count {
            answer.add(.sentence("\(tasks.count) tasks fit; these are the newest \(shown.count)."))
        }
        ask(
            .which(
                act,
                shown.sorted { $0.number < $1.number }.map {
                    .init(number: $0.number, title: $0.line + ($0.isCompleted && act != .reopen ? " (done)" : ""))
                }))
    }
}
