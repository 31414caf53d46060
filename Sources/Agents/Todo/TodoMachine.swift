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
    }

    /// Tool calls of one turn.
    package static let mostCalls = 32
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
    /// The tasks this turn has spoken of last.
    var spokenOf: [Int64] = []
    private var waiting: Waiting?
    private var hasSaid = false

    enum Step {
        case request(Request)
        case act(TodoQuestion.Act, Int64, text: String)
        /// Deletes what is on the list; with `onlyDone` what is finished.
        case sweep(onlyDone: Bool)
        case completeEach
    }

    private enum Waiting {
        case listing(includesCompleted: Bool)
        case add(String)
        case act(TodoQuestion.Act, Int64)
        case get(Int64)
        case shownListing(Request.Filter)
    }

    package init(history: [Message], message: Message) {
        context = TodoContext(history: history)
        let utterance = RequestParser.parse(message.content)
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
        return .say(answer.text)
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
        return Call(.listTasks, filter == .open ? [:] : ["include_completed": true])
    }

    mutating func add(_ title: String, description: String?) -> Call {
        waiting = .add(title)
        var arguments: JSONObject = ["title": .string(title)]
        if let description { arguments["description"] = .string(description) }
        return Call(.addTask, arguments)
    }

    mutating func get(_ id: Int64) -> Call {
        waiting = .get(id)
        return Call(.getTask, ["task_id": .integer(id)])
    }

    mutating func act(_ act: TodoQuestion.Act, _ id: Int64, text: String) -> Call {
        waiting = .act(act, id)
        let task: JSON = .integer(id)
        switch act {
        case .complete: return Call(.completeTask, ["task_id": task])
        case .reopen: return Call(.completeTask, ["task_id": task, "completed": false])
        case .rename: return Call(.updateTask, ["task_id": task, "title": .string(text)])
        case .describe, .note: return Call(.updateTask, ["task_id": task, "description": .string(text)])
        case .delete: return Call(.deleteTask, ["task_id": task])
        case .get: return get(id)
        }
    }

    // MARK: - Results

    private mutating func absorb(_ outcomes: [ToolOutcome]) {
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
        case .add(let title):
            guard isSuccess, let task = TodoTask(outcome.result["task"]) else {
                answer.add(.sentence("I couldn't add “\(TodoTask.line(title))”" + Self.reason(outcome)))
                return
            }
            open?.insert(task)
            everything?.insert(task)
            spokenOf = answer.isLastAdded ? spokenOf + [task.id] : [task.id]
            answer.add(.added(task))
        case .get(let id):
            guard isSuccess, let task = TodoTask(outcome.result["task"]) else {
                failed(id, .get, outcome)
                return
            }
            spokenOf = [id]
            answer.add(.shown(task))
        case .act(let act, let id):
            guard isSuccess, let task = TodoTask(outcome.result[act == .delete ? "deleted" : "task"]) else {
                failed(id, act, outcome)
                return
            }
            applied(act, task)
        }
    }

    private mutating func applied(_ act: TodoQuestion.Act, _ task: TodoTask) {
        let before = everything?.tasks.first { $0.id == task.id } ?? open?.tasks.first { $0.id == task.id }
        spokenOf = [task.id]
        switch act {
        case .delete:
            open?.remove(task.id)
            everything?.remove(task.id)
            answer.add(.deleted(task))
        case .complete:
            open?.remove(task.id)
            everything?.replace(task)
            answer.add(.completed(task))
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
        case .get:
            answer.add(.shown(task))
        }
    }

    private mutating func failed(_ id: Int64, _ act: TodoQuestion.Act, _ outcome: ToolOutcome) {
        if outcome.result["error"]?["code"]?.string == "not_found" {
            answer.add(.sentence("There is no task #\(id) on your list."))
        } else {
            answer.add(.sentence("I couldn't \(act.rawValue) #\(id)" + Self.reason(outcome)))
        }
    }

    /// ": the tool's own words."
    private static func reason(_ outcome: ToolOutcome) -> String {
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
