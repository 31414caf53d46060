import JSON
import TodoAssistant
import Chat

/// The tools on a list in memory, as Tool.swift describes their results.
struct FakeTasks {
    struct Entry: Equatable {
        var number: Int64
        /// The key: not what people see.
        var id: Int64 { number + 100 }
        var title: String
        var description: String?
        var isCompleted = false
        var due: String?
        var recurrence: String?
        var reminds = false
    }

    private enum Change {
        case added(Int64)
        case changed(Entry)
        case deleted(Entry)
    }

    /// What the turns did, newest last; each is taken back at once.
    private var log: [[Change]] = []
    private var turn: [Change] = []

    /// Oldest first.
    var entries: [Entry] = []
    private var nextNumber: Int64 = 1
    /// Tools that fail with `unavailable`.
    var broken: Set<ToolName> = []
    var calls: [TodoMachine.Call] = []

    init(_ titles: [String], done: Set<Int> = []) {
        for (index, title) in titles.enumerated() { _ = insert(title, nil, isCompleted: done.contains(index + 1)) }
    }

    private mutating func insert(_ title: String, _ description: String?, isCompleted: Bool = false) -> Entry {
        let entry = Entry(number: nextNumber, title: title, description: description, isCompleted: isCompleted)
        nextNumber += 1
        entries.append(entry)
        return entry
    }

    mutating func endTurn() {
        if !turn.isEmpty { log.append(turn) }
        turn = []
    }

    private mutating func undo() -> JSON {
        guard let changes = log.popLast() else { return ["undone": [], "kept": [], "undone_run": .null] }
        var undone: [JSON] = []
        for change in changes.reversed() {
            switch change {
            case .added(let number):
                guard let index = entries.firstIndex(where: { $0.number == number }) else { continue }
                undone.append(["operation_type": "add", "task": Self.json(entries.remove(at: index))])
            case .changed(let entry):
                guard let index = entries.firstIndex(where: { $0.number == entry.number }) else { continue }
                let isCompletion = entries[index].isCompleted != entry.isCompleted
                entries[index] = entry
                undone.append([
                    "operation_type": isCompletion ? "complete" : "update", "task": Self.json(entry),
                ])
            case .deleted(let entry):
                entries.append(entry)
                entries.sort { $0.number < $1.number }
                undone.append(["operation_type": "delete", "task": Self.json(entry)])
            }
        }
        return ["undone": .array(undone), "kept": [], "undone_run": "r"]
    }

    mutating func perform(_ call: TodoMachine.Call) -> ToolOutcome {
        calls.append(call)
        guard !broken.contains(call.name) else { return Self.failed("internal", "the tool is out of order") }
        let arguments = call.arguments
        switch call.name {
        case .addTask:
            guard let title = arguments["title"]?.string, !title.isEmpty, title.unicodeScalars.count <= 200 else {
                return Self.failed("invalid_arguments", "title must have 1 to 200 characters")
            }
            var entry = insert(title, arguments["description"]?.string)
            set(arguments, &entry)
            entries[entries.count - 1] = entry
            turn.append(.added(entry.number))
            return Self.success(["task": Self.json(entry)])
        case .listTasks:
            let includesCompleted = arguments["include_completed"]?.bool ?? false
            let found = entries.reversed().filter { entry in
                guard includesCompleted || !entry.isCompleted else { return false }
                if let number = arguments["number"]?.integer, number != entry.number { return false }
                if let after = arguments["due_after"]?.string, entry.due.map({ $0 < after }) ?? true { return false }
                if let before = arguments["due_before"]?.string, entry.due.map({ $0 >= before }) ?? true {
                    return false
                }
                return true
            }
            return Self.success([
                "tasks": .array(found.prefix(50).map(Self.json)), "total": .integer(Int64(found.count)),
            ])
        case .undoTasks: return Self.success(undo())
        case .getTask, .updateTask, .completeTask, .deleteTask:
            guard let id = arguments["task_id"]?.integer, let index = entries.firstIndex(where: { $0.id == id }) else {
                return Self.failed("not_found", "no such task")
            }
            if call.name == .deleteTask {
                turn.append(.deleted(entries[index]))
                return Self.success(["deleted": Self.json(entries.remove(at: index))])
            }
            if call.name != .getTask { turn.append(.changed(entries[index])) }
            if call.name == .completeTask {
                let isDone = arguments["completed"]?.bool ?? true
                entries[index].isCompleted = isDone && entries[index].recurrence == nil
                // A week later is what comes back here, whatever the rule says.
                if isDone, entries[index].recurrence != nil, let due = entries[index].due,
                    let time = Timestamp.microseconds(iso8601: due)
                {
                    entries[index].due = Timestamp.rfc3339(microseconds: time + 7 * 86_400_000_000)
                }
            }
            if call.name == .updateTask {
                if let title = arguments["title"]?.string { entries[index].title = title }
                if let description = arguments["description"]?.string { entries[index].description = description }
                set(arguments, &entries[index])
            }
            return Self.success(["task": Self.json(entries[index])])
        }
    }

    private func set(_ arguments: JSONObject, _ entry: inout Entry) {
        if let due = arguments["due_at"]?.string { entry.due = due.isEmpty ? nil : due }
        if arguments["due_at"]?.string == "" { entry.recurrence = nil }
        if let recurrence = arguments["recurrence"]?.string { entry.recurrence = recurrence.isEmpty ? nil : recurrence }
        if let reminds = arguments["remind"]?.bool { entry.reminds = reminds }
    }

    private static func json(_ entry: Entry) -> JSON {
        [
            "id": .integer(entry.id), "number": .integer(entry.number), "title": .string(entry.title),
            "description": entry.description.map { .string($0) } ?? .null, "is_completed": .bool(entry.isCompleted),
            "due_at": entry.due.map { .string($0) } ?? .null,
            "recurrence": entry.recurrence.map { .string($0) } ?? .null,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        ]
    }

    private static func success(_ result: JSON) -> ToolOutcome { ToolOutcome(status: .success, result: result) }

    private static func failed(_ code: String, _ message: String) -> ToolOutcome {
        ToolOutcome(status: .failed, result: ["error": ["code": .string(code), "message": .string(message)]])
    }
}

/// A conversation with the machine: each turn sees the last ten messages and nothing else.
struct Conversation {
    var tasks: FakeTasks
    /// Wednesday, 2026-05-06, 12:00 UTC.
    var clock = TodoClock(now: 1_778_068_800_000_000, timeZone: "UTC")
    private var history: [Message] = []
    /// What the last answer was.
    private(set) var answer = ""
    /// The last turn's calls, as text.
    private(set) var calls: [String] = []

    init(_ tasks: FakeTasks) { self.tasks = tasks }

    static func message(_ role: Role, _ content: String) -> Message {
        Message(id: Identifier(high: 1, low: 2), role: role, content: content)
    }

    @discardableResult
    mutating func say(_ text: String) -> String {
        let message = Self.message(.user, text)
        var machine = TodoMachine(history: Array(history.suffix(10)), message: message, clock: clock)
        var action = machine.next(.start)
        tasks.calls = []
        answer = ""
        var performed: [(TodoMachine.Call, ToolOutcome)] = []
        turn: for _ in 0..<200 {
            switch action {
            case .call(let calls), .ask(let calls, _):
                let outcomes = calls.map { tasks.perform($0) }
                performed += zip(calls, outcomes)
                action = machine.next(.results(outcomes))
            case .say(let text):
                answer += text
                action = machine.next(.said)
            case .done: break turn
            }
        }
        tasks.endTurn()
        calls = tasks.calls.map { "\($0.name.rawValue) \(JSON.object($0.arguments))" }
        let results = performed.map { call, outcome in
            Message(
                id: Identifier(high: 1, low: 2), role: .tool, content: outcome.result.description, toolCallID: "x")
        }
        history += [message] + results + [Self.message(.assistant, answer)]
        return answer
    }
}
