import Chat
import JSON

/// A task as a tool result shows it.
struct TodoTask: Sendable, Equatable {
    /// The key that tools want.
    var id: Int64
    /// What people see and say.
    var number: Int64
    var title: String
    var description: String?
    var isCompleted: Bool
    /// Microseconds since 1970, UTC.
    var due: Int64?
    var recurrence: String?

    init?(_ json: JSON?) {
        guard let json, let id = json["id"]?.integer, let title = json["title"]?.string else { return nil }
        self.id = id
        number = json["number"]?.integer ?? id
        self.title = title
        description = json["description"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        isCompleted = json["is_completed"]?.bool ?? false
        due = json["due_at"]?.string.flatMap { Timestamp.microseconds(iso8601: $0) }
        recurrence = json["recurrence"]?.string
    }

    init(number: Int64, title: String) {
        id = 0
        self.number = number
        self.title = title
        isCompleted = false
    }

    /// The title on one line, and without the quotes that frame it in a sentence.
    var line: String { Self.line(title) }

    static func line(_ title: String) -> String {
        guard title.contains(where: { $0.isNewline || $0 == "“" || $0 == "”" }) else { return title }
        return String(title.map { $0.isNewline ? " " : $0 == "“" || $0 == "”" ? "\"" : $0 })
    }

    /// “#3 “buy milk””.
    var named: String { "#\(number) “\(line)”" }
}

/// What `list_tasks` answered: the newest tasks, and how many there are.
struct TodoListing: Sendable, Equatable {
    var tasks: [TodoTask]
    var total: Int

    init(tasks: [TodoTask]) {
        self.tasks = tasks
        total = tasks.count
    }

    init?(_ result: JSON) {
        guard let array = result["tasks"]?.array else { return nil }
        tasks = array.compactMap { TodoTask($0) }
        total = max(Int(clamping: result["total"]?.integer ?? 0), tasks.count)
    }

    var isComplete: Bool { total <= tasks.count }
}
