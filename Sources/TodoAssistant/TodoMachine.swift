package import JSON
package import Chat

/// One turn of the to-do assistant as a pure state machine: tool results in, tool calls and the answer out.
///
/// Each turn stands alone. What was asked before is read back from the history (``TodoQuestion``), so a turn works after
/// a restart and on another server. Nothing is claimed that a tool result has not confirmed.
///
/// ```
/// start ─▶ call ⇄ results … ─▶ say ─▶ done
/// ```
package struct TodoMachine {
    package enum Input: Sendable {
        case start
        /// What came of the calls of the last ``Action/call(_:)``, in their order.
        case results([ToolOutcome])
        /// The text of ``Action/say(_:)`` was taken.
        case said
    }

    package enum Action: Sendable, Equatable {
        case call([Call])
        /// To be carried out if the person agrees, who is told this.
        case ask([Call], message: String)
        case say(String)
        case done
    }

    package struct Call: Sendable, Equatable {
        package var name: ToolName
        package var arguments: JSONObject

        package init(_ name: ToolName, _ arguments: JSONObject) {
            self.name = name
            self.arguments = arguments
        }

        var changesTask: Bool { [.updateTask, .completeTask, .deleteTask].contains(name) }
    }

    /// Tool calls of one turn.
    package static let mostCalls = 100
    /// Code points of a title and of a description (Data-model.md).
    package static let longestTitle = 200
    package static let longestDescription = 2000

    /// What is left to do, last first.
    var steps: [Step]
    var context: TodoContext
    var answer = TodoAnswer()
    var calls = 0
    /// What `list_tasks` told in this turn, without and with the completed ones; kept in step with the effects.
    var open: TodoListing?
    var everything: TodoListing?
    /// The tasks this turn has spoken of last, by number.
    var spokenOf: [Int64] = []
    /// Numbers that were looked up one by one, behind the newest 50.
    var sought: Set<Int64> = []
    /// Keys learnt in this turn.
    var keys: [Int64: Int64]
    /// The message as typed, where it is one request: an errand may begin with a verb of ours.
    let errand: String?
    /// The move under way is to be told of at its time.
    var movesToRemind = false
    /// It was said once that something was not understood.
    var hasWondered = false
    private var waiting: Waiting?
    /// The same for calls that are made together.
    private var together: [Waiting] = []
    /// Tasks that are deleted or changed at once without asking.
    let bulk: Int
    /// What the person did not agree to.
    private var kept: [String] = []
    private var hasSaid = false

    enum Step {
        case request(Request)
        /// To the task of this number.
        case act(TodoQuestion.Act, Int64, text: String, when: When? = nil)
        /// Deletes what is on the list; with `onlyDone` what is finished.
        case sweep(onlyDone: Bool)
        case completeEach
        /// Thought through already.
        case prepared(Call, Waiting)

        /// How many tasks it may delete or change, as far as that can be said; 0: it is not to be gathered with others.
        var changes: Int {
            switch self {
            case .act(let act, _, _, _): act == .get ? 0 : 1
            case .prepared: 1
            case .sweep, .completeEach: TodoMachine.mostCalls
            case .request(let request): request.changes
            }
        }
    }

    enum Waiting {
        case listing(includesCompleted: Bool)
        case add(String, isDone: Bool, reminds: Bool)
        case undo
        case act(TodoQuestion.Act, Int64)
        case seek(Int64)
        case shownListing(Request.Filter)
    }

    /// Beside a new time: the person wants to be told.
    static let reminds = "remind"

    let clock: TodoClock

    package init(history: [Message], message: Message, clock: TodoClock, bulk: Int = TodoMachine.mostCalls) {
        self.clock = clock
        self.bulk = bulk
        answer.clock = clock
        context = TodoContext(history: history)
        keys = context.keys
        let utterance = RequestParser.parse(message.content)
        errand = utterance.requests.count == 1 ? Self.errand(message.content) : nil
        let requests = context.interpret(utterance.requests, message: message.content)
        steps = requests.steps.reversed()
        answer.lines = requests.notes
        answer.question = requests.question
        if utterance.isTruncated {
            answer.closing.append(
                "That was a lot at once: I do at most \(RequestParser.limit) things for one message and left out the rest."
            )
        }
    }

    package mutating func next(_ input: Input) -> Action {
        if case .results(let outcomes) = input { absorb(outcomes) }
        guard !hasSaid else { return .done }
        while let step = steps.popLast() {
            switch performTogether(step) {
            case .action(let action): return action
            case .settled: continue
            case .single: break
            }
            if let call = perform(step) {
                guard calls < Self.mostCalls else {
                    waiting = nil
                    answer.closing.append(
                        "I stopped after \(Self.mostCalls) steps; the rest is not done. Just ask again to go on.")
                    break
                }
                calls += 1
                return .call([call])
            }
        }
        hasSaid = true
        tellKept()
        return .say(answer.text)
    }

    // MARK: - Many at once

    var asksInBulk: Bool { bulk < Self.mostCalls }

    private enum Gathering {
        /// Not for many: by itself.
        case single
        /// Came to no call: it was answered.
        case settled
        case action(Action)
    }

    /// What may delete or change more tasks than is done without asking is gathered, and put to the person together.
    private mutating func performTogether(_ step: Step) -> Gathering {
        guard asksInBulk, step.changes > 0 else { return .single }
        let ahead = steps.reversed().prefix { $0.changes > 0 }.reduce(step.changes) { $0 + $1.changes }
        guard ahead > bulk else { return .single }
        guard everything != nil else {
            // The question names them.
            calls += 1
            return .action(.call([list(includingCompleted: true, then: step)]))
        }
        steps.append(step)
        var gathered: [(call: Call, waiting: Waiting)] = []
        while let step = steps.last, step.changes > 0, calls + gathered.count < Self.mostCalls {
            steps.removeLast()
            guard let call = perform(step), let waiting else { continue }
            guard call.changesTask else {
                // It has to be looked up first; then it goes on with what is gathered.
                steps.append(contentsOf: gathered.reversed().map { .prepared($0.call, $0.waiting) })
                calls += 1
                return .action(.call([call]))
            }
            self.waiting = nil
            gathered.append((call, waiting))
        }
        guard !gathered.isEmpty else { return .settled }
        together = gathered.map(\.waiting)
        calls += gathered.count
        guard gathered.count > bulk else { return .action(.call(gathered.map(\.call))) }
        return .action(.ask(gathered.map(\.call), message: question(about: gathered.map(\.waiting))))
    }

    mutating func prepared(_ call: Call, _ waiting: Waiting) -> Call {
        self.waiting = waiting
        return call
    }

    /// Names of tasks in a question to the person.
    private static let namedTasks = 20

    /// "Delete 5 tasks: “a”, “b”, …?"
    private func question(about waiting: [Waiting]) -> String {
        var acts: [TodoQuestion.Act] = []
        var names: [String] = []
        for case .act(let act, let number) in waiting {
            acts.append(act)
            names.append(known(number).map(\.named) ?? "#\(number)")
        }
        let verb =
            switch acts.first {
            case .delete where acts.allSatisfy({ $0 == .delete }): "Delete"
            case .complete where acts.allSatisfy({ $0 == .complete }): "Mark as done"
            case .reopen where acts.allSatisfy({ $0 == .reopen }): "Mark as not done"
            default: "Change"
            }
        let more = names.count - Self.namedTasks
        let list = names.prefix(Self.namedTasks).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
        return "\(verb) \(TodoAnswer.count(names.count, "task")): \(list)?"
    }

    private mutating func tellKept() {
        guard !kept.isEmpty else { return }
        let more = kept.count - Self.namedTasks
        let list = kept.prefix(Self.namedTasks).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
        answer.add(.sentence("You did not agree, so I left \(list) as \(kept.count == 1 ? "it is" : "they are")."))
        kept = []
    }

    /// Words that could be a thing to do although they begin with a verb of ours ("remove the wallpaper").
    private static func errand(_ message: String) -> String? {
        let line = Line(message.trimmingSpaces())
        let parser = ClauseParser(line: line)
        let clause = parser.withoutStops(parser.withoutOpeners(0..<line.tokens.count))
        let words = clause.filter { line.tokens[$0].kind == .word }
        guard let first = words.first, words.count >= 3, words.count <= 12, line.tokens.allSatisfy({ !$0.isQuoted }),
            !line.tokens[first].isWord([
                "mark", "rename", "delete", "erase", "del", "rm", "i", "ive", "we", "is", "did", "tell", "show", "done",
                "what",
            ]),
            !words.contains(where: {
                line.tokens[$0].isWord(["task", "tasks", "todo", "list", "item", "one", "it", "done"])
            })
        else { return nil }
        return line.text(clause)
    }

    // MARK: - Calls

    /// Asks for a listing and comes back to the step.
    mutating func list(includingCompleted: Bool, then step: Step) -> Call {
        steps.append(step)
        waiting = .listing(includesCompleted: includingCompleted)
        return Call(.listTasks, includingCompleted ? ["include_completed": true] : [:])
    }

    mutating func show(_ filter: Request.Filter) -> Call {
        waiting = .shownListing(filter)
        var arguments: JSONObject = [:]
        func bound(_ span: Request.Span, _ name: String) {
            guard let bounds = clock.bounds(span) else { return }
            if let from = bounds.from { arguments["\(name)_after"] = Self.time(from) }
            if let before = bounds.before ?? (name == "due" ? TaskTime.never : nil) {
                arguments["\(name)_before"] = Self.time(before)
            }
        }
        switch filter {
        case .open: break
        case .all, .done: arguments["include_completed"] = true
        case .due(let span): bound(span, "due")
        case .overdue: arguments["due_before"] = Self.time(clock.now)
        case .added(let span):
            arguments["include_completed"] = true
            bound(span, "created")
        case .finished(let span):
            arguments["include_completed"] = true
            bound(span == .ever ? .day(.offset(0)) : span, "completed")
        }
        return Call(.listTasks, arguments)
    }

    private static func time(_ time: Int64) -> JSON { .string(Timestamp.rfc3339(microseconds: time)) }

    /// - Parameter title: as said; what is a time in it leaves it.
    mutating func add(_ title: String, description: String?, isDone: Bool, reminds: Bool) -> Call {
        var (rest, when) = isDone ? (title, nil) : TitleTime.split(title)
        if let said = when, said.isTimeVague, let hour = said.time.map({ $0 / 60 }), (5...11).contains(hour),
            Line(rest).tokens.contains(where: { $0.isWord(Vocabulary.evenings) })
        {
            when?.time = said.time.map { $0 + 720 }
            when?.isTimeVague = false
        }
        let due = when.flatMap { clock.due($0, reminds: reminds) }
        let title = due == nil ? title : rest
        waiting = .add(title, isDone: isDone, reminds: reminds)
        var arguments: JSONObject = ["title": .string(title)]
        if let description { arguments["description"] = .string(description) }
        if let due {
            arguments["due_at"] = Self.time(due.time)
            if let recurrence = due.recurrence { arguments["recurrence"] = .string(recurrence) }
            if reminds { arguments["remind"] = true }
            if let zone = clock.zoneName { arguments["time_zone"] = .string(zone) }
        }
        return Call(.addTask, arguments)
    }

    mutating func undo() -> Call {
        waiting = .undo
        return Call(.undoTasks, [:])
    }

    mutating func move(_ number: Int64, _ task: Int64, to due: TodoClock.Due, reminds: Bool) -> Call {
        waiting = .act(.reschedule, number)
        var arguments: JSONObject = ["task_id": .integer(task), "due_at": Self.time(due.time)]
        if let recurrence = due.recurrence { arguments["recurrence"] = .string(recurrence) }
        if reminds { arguments["remind"] = true }
        if let zone = clock.zoneName { arguments["time_zone"] = .string(zone) }
        return Call(.updateTask, arguments)
    }

    /// A task that is not among the newest 50, by its number.
    mutating func seek(_ number: Int64, then step: Step) -> Call {
        steps.append(step)
        waiting = .seek(number)
        sought.insert(number)
        return Call(.listTasks, ["include_completed": true, "number": .integer(number)])
    }

    /// - Parameter task: the key.
    mutating func act(_ act: TodoQuestion.Act, _ number: Int64, _ task: Int64, text: String) -> Call {
        waiting = .act(act, number)
        let task: JSON = .integer(task)
        switch act {
        case .complete: return Call(.completeTask, ["task_id": task])
        case .reopen: return Call(.completeTask, ["task_id": task, "completed": false])
        case .rename: return Call(.updateTask, ["task_id": task, "title": .string(text)])
        case .describe, .note: return Call(.updateTask, ["task_id": task, "description": .string(text)])
        case .delete: return Call(.deleteTask, ["task_id": task])
        // Nothing, as tools take it: null is what was not given.
        case .undate: return Call(.updateTask, ["task_id": task, "due_at": ""])
        case .unrepeat: return Call(.updateTask, ["task_id": task, "recurrence": ""])
        case .get, .reschedule: return Call(.getTask, ["task_id": task])
        }
    }

    // MARK: - Results

    private mutating func absorb(_ outcomes: [ToolOutcome]) {
        guard together.isEmpty else {
            let waiting = together
            together = []
            for (waiting, outcome) in zip(waiting, outcomes) {
                self.waiting = waiting
                absorb([outcome])
            }
            return
        }
        guard let waiting, let outcome = outcomes.first else { return }
        self.waiting = nil
        let isSuccess = outcome.status == .success
        switch waiting {
        case .listing(let includesCompleted):
            guard isSuccess, let listing = TodoListing(outcome.result) else {
                // The step that wanted the listing can't be done.
                _ = steps.popLast()
                answer.add(
                    .sentence(
                        "I couldn't read your list just now" + Self.reason(outcome)
                            + " Nothing was changed for that part."))
                return
            }
            if includesCompleted { everything = listing } else { open = listing }
        case .shownListing(let filter):
            guard isSuccess, let listing = TodoListing(outcome.result) else {
                answer.add(.sentence("I couldn't read your list just now" + Self.reason(outcome)))
                return
            }
            if filter == .open { open = listing } else { everything = listing }
            answer.add(.listing(listing, filter))
            spokenOf = []
        case .undo:
            guard isSuccess else {
                answer.add(.sentence("I couldn't take that back" + Self.reason(outcome)))
                return
            }
            undone(outcome.result)
        case .add(let title, let isDone, let reminds):
            guard isSuccess, let task = TodoTask(outcome.result["task"]) else {
                answer.add(.sentence("I couldn't add “\(TodoTask.line(title))”" + Self.reason(outcome)))
                return
            }
            open?.insert(task)
            everything?.insert(task)
            keys[task.number] = task.id
            spokenOf = answer.isLastAdded ? spokenOf + [task.number] : [task.number]
            if isDone {
                steps.append(.act(.complete, task.number, text: ""))
            } else {
                answer.add(.added(task, reminds: reminds))
            }
        case .seek(let number):
            guard isSuccess, let task = TodoListing(outcome.result)?.tasks.first(where: { $0.number == number }) else {
                return
            }
            keys[number] = task.id
            everything?.tasks.append(task)
        case .act(let act, let number):
            guard isSuccess, let task = TodoTask(outcome.result[act == .delete ? "deleted" : "task"]) else {
                failed(number, act, outcome)
                return
            }
            applied(act, task)
        }
    }

    private mutating func applied(_ act: TodoQuestion.Act, _ task: TodoTask) {
        let before = everything?.tasks.first { $0.id == task.id } ?? open?.tasks.first { $0.id == task.id }
        keys[task.number] = task.id
        spokenOf = [task.number]
        switch act {
        case .delete:
            open?.remove(task.id)
            everything?.remove(task.id)
            answer.add(.deleted(task))
        case .complete:
            if task.isCompleted { open?.remove(task.id) } else { open?.replace(task) }
            everything?.replace(task)
            if task.isCompleted { answer.add(.completed(task)) } else { answer.add(.comesBack(task)) }
            if let open, open.total == 0 { answer.isListCleared = true }
        case .reopen:
            everything?.replace(task)
            open = nil
            answer.add(.reopened(task))
        case .rename:
            open?.replace(task)
            everything?.replace(task)
            answer.add(.renamed(task, from: before?.title))
        case .describe, .note:
            open?.replace(task)
            everything?.replace(task)
            answer.add(.noted(task))
        case .reschedule:
            open?.replace(task)
            everything?.replace(task)
            answer.add(.moved(task, reminds: movesToRemind))
        case .undate:
            open?.replace(task)
            everything?.replace(task)
            answer.add(.sentence("\(task.named) is due at no time now."))
        case .unrepeat:
            open?.replace(task)
            everything?.replace(task)
            answer.add(.onceOnly(task))
        case .get:
            answer.add(.shown(task))
        }
    }

    private mutating func undone(_ result: JSON) {
        open = nil
        everything = nil
        let undone = (result["undone"]?.array ?? []).compactMap { entry -> (String, TodoTask)? in
            guard let task = TodoTask(entry["task"]) else { return nil }
            return (entry["operation_type"]?.string ?? "", task)
        }
        let kept = result["kept"]?.array ?? []
        for (_, task) in undone { keys[task.number] = task.id }
        // What was added is gone: it is not what "it" means.
        spokenOf = undone.filter { $0.0 != "add" }.map(\.1.number)
        if undone.isEmpty, kept.isEmpty {
            answer.add(.sentence("There is nothing in this conversation that I could take back."))
            return
        }
        answer.add(.undone(undone.map { .init(operation: $0.0, task: $0.1) }))
        if !kept.isEmpty {
            let titles = kept.compactMap { TodoTask($0["task"])?.named }.prefix(5).joined(separator: ", ")
            answer.add(
                .sentence(
                    "What I couldn't take back: \(TodoAnswer.count(kept.count, "change"))"
                        + (titles.isEmpty ? "." : " of \(titles), which has changed or gone since.")))
        }
    }

    private mutating func failed(_ number: Int64, _ act: TodoQuestion.Act, _ outcome: ToolOutcome) {
        if Self.isDeclined(outcome) {
            kept.append(known(number).map(\.named) ?? "#\(number)")
            return
        }
        if outcome.result["error"]?["code"]?.string == "not_found" {
            answer.add(.sentence("There is no task #\(number) on your list."))
        } else {
            answer.add(.sentence("I couldn't \(act.rawValue) #\(number)" + Self.reason(outcome)))
        }
    }

    private static func isDeclined(_ outcome: ToolOutcome) -> Bool {
        outcome.result["error"]?["code"]?.string == "declined"
    }

    /// ": the tool's own words."
    private static func reason(_ outcome: ToolOutcome) -> String {
        if isDeclined(outcome) { return ", since you did not agree." }
        guard let message = outcome.result["error"]?["message"]?.string, !message.isEmpty else { return "." }
        let text = TodoTask.line(String(message.prefix(200)))
        return ": " + text + (text.hasSuffix(".") ? "" : ".")
    }
}

extension TodoListing {
    mutating func remove(_ id: Int64) {
        guard let index = tasks.firstIndex(where: { $0.id == id }) else { return }
        tasks.remove(at: index)
        total -= 1
    }

    mutating func insert(_ task: TodoTask) {
        tasks.insert(task, at: 0)
        total += 1
    }

    mutating func replace(_ task: TodoTask) {
        guard let index = tasks.firstIndex(where: { $0.id == task.id }) else { return }
        tasks[index] = task
    }
}

/// Bounds of the times that tasks can have.
enum TaskTime {
    /// Behind all of them: 9998-12-31.
    static let never: Int64 = 253_339_228_800_000_000
}

extension Request {
    /// See `TodoMachine.Step.changes`. What points at something that was just spoken of waits for that.
    fileprivate var changes: Int {
        let reference: Reference
        switch self {
        case .complete(let given, _), .rename(let given, _), .reschedule(let given, _), .remindOf(let given, _),
            .describe(let given, _, _), .delete(let given), .undate(let given), .unrepeat(let given):
            reference = given
        case .clearCompleted: return TodoMachine.mostCalls
        default: return 0
        }
        switch reference {
        case .id, .title: return 1
        case .first(let count), .lastOnes(let count): return count
        case .having, .havingBut, .due, .allBut, .all: return TodoMachine.mostCalls
        default: return 0
        }
    }
}
