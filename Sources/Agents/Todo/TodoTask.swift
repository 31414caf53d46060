import Chat

/// A task as a tool result shows it.
struct TodoTask: Sendable, Equatable {
    var id: Int64
    var title: String
    var description: String?
    var isCompleted: Bool

    init?(_ json: JSON?) {
        guard let json, let id = json["id"]?.integer, let title = json["title"]?.string else { return nil }
        self.id = id
        self.title = title
        description = json["description"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        isCompleted = json["is_completed"]?.bool ?? false
    }

    /// The title on one line, and without the quotes that frame it in a sentence.
    var line: String { Self.line(title) }

    static func line(_ title: String) -> String {
        guard title.contains(where: { $0.isNewline || $0 == "“" || $0 == "”" }) else { return title }
        return String(title.map { $0.isNewline ? " " : $0 == "“" || $0 == "”" ? "\"" : $0 })
    }

    /// “#3 “buy milk””.
    var named: String { "#\(id) “\(line)”" }
}

/// What `list_tasks` answered: the newest tasks, and how many there are.
struct TodoListing: Sendable, Equatable {
    var tasks: [TodoTask]
    var total: Int

    init?(_ result: JSON) {
        guard let array = result["tasks"]?.array else { return nil }
        tasks = array.compactMap { TodoTask($0) }
        total = max(Int(clamping: result["total"]?.integer ?? 0), tasks.count)
    }

    var isComplete: Bool { total <= tasks.count }
}
