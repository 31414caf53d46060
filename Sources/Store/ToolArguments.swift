package import JSON
import Chat

/// The arguments of a tool call, checked: what an assistant wrote may be anything.
package struct ToolArguments: Sendable, Equatable {
    /// As in the column `operation_type`.
    package enum Operation: String, Sendable {
        case add, list, get, update, delete, complete
    }

    package enum Outcome: Sendable, Equatable {
        case valid(ToolArguments)
        /// The tool is known and the call goes into the log of operations.
        case invalid(Operation, message: String)
        case unknownTool
    }

    package var operation: Operation
    package var taskID: Int64?
    package var title: String?
    /// An empty one takes the description away.
    package var description: String?
    /// `complete_task`: done or not. `list_tasks`: the done ones too.
    package var completed: Bool?
    /// What else was given, in its checked form, by the names of the arguments (`due_at`, `recurrence`, `remind`,
    /// `time_zone`, the bounds of a list). A time or a rule that is taken away is null.
    package var more = JSONObject()

    package init(operation: Operation) {
        self.operation = operation
    }

    private struct Refusal: Error { var message: String }

    package static let titleLength = 200
    package static let descriptionLength = 2_000

    package static func check(name: String, arguments: JSON) -> Outcome {
        guard let tool = ToolName(rawValue: name) else { return .unknownTool }
        let operation = operation(of: tool)
        do throws(Refusal) {
            return .valid(try read(tool, operation, arguments))
        } catch {
            return .invalid(operation, message: error.message)
        }
    }

    private static func operation(of tool: ToolName) -> Operation {
        switch tool {
        case .addTask: .add
        case .listTasks: .list
        case .getTask: .get
        case .updateTask: .update
        case .deleteTask: .delete
        case .completeTask: .complete
        // Whatever it was that is taken back: tasks are as they were.
        case .undoTasks: .update
        }
    }

    private static func fields(of tool: ToolName) -> [String] {
        switch tool {
        case .addTask: ["title", "description"] + timing
        case .listTasks: ["include_completed", "number"] + bounds
        case .getTask, .deleteTask: ["task_id"]
        case .updateTask: ["task_id", "title", "description"] + timing
        case .undoTasks: []
        case .completeTask: ["task_id", "completed"]
        }
    }

    private static let timing = ["due_at", "recurrence", "remind", "time_zone"]
    private static let bounds = [
        "due_after", "due_before", "created_after", "created_before", "completed_after", "completed_before",
    ]

    private static func read(
        _ tool: ToolName, _ operation: Operation, _ arguments: JSON
    ) throws(Refusal) -> ToolArguments {
        // Models write nothing at all where nothing is needed.
        let object = arguments.isNull ? JSONObject() : arguments.object
        guard let object else { throw Refusal(message: "The arguments must be an object.") }
        let allowed = fields(of: tool)
        for member in object.members where !allowed.contains(member.key) {
            let known = allowed.joined(separator: ", ")
            throw Refusal(message: "\(tool.rawValue) has no such argument as it was given; it takes: \(known).")
        }
        var result = ToolArguments(operation: operation)
        if allowed.contains("task_id") { result.taskID = try taskID(object) }
        if allowed.contains("title") { result.title = try title(object) }
        if allowed.contains("description") { result.description = try description(object) }
        if allowed.contains("completed") { result.completed = try flag(object, "completed") }
        if allowed.contains("include_completed") { result.completed = try flag(object, "include_completed") }
        for name in bounds where allowed.contains(name) {
            if let value = given(object, name) { result.more[name] = try time(value, name) }
        }
        if allowed.contains("number"), let value = given(object, "number") {
            guard let number = value.integer, (1...Int64(Int32.max)).contains(number) else {
                throw Refusal(message: "number must be a whole number from 1 on.")
            }
            result.more["number"] = .integer(number)
        }
        if allowed.contains("due_at") { try timing(object, &result.more, isNew: tool == .addTask) }
        switch tool {
        case .undoTasks: result.more["undo"] = true
        case .addTask where result.title == nil:
            throw Refusal(message: "title is required.")
        case .updateTask where result.title == nil && result.description == nil && result.more.members.isEmpty:
            throw Refusal(message: "title, description or due_at is required.")
        case .completeTask: result.completed = result.completed ?? true
        case .listTasks: result.completed = result.completed ?? false
        default: break
        }
        return result
    }

    /// An argument that was given; null counts as not given.
    private static func given(_ object: JSONObject, _ name: String) -> JSON? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    /// When it is due, how often, and whether the person is told.
    private static func timing(_ object: JSONObject, _ more: inout JSONObject, isNew: Bool) throws(Refusal) {
        if let value = given(object, "due_at") {
            if value.string == "" {
                if !isNew { more["due_at"] = .null }
            } else {
                more["due_at"] = try time(value, "due_at")
            }
        }
        if let value = given(object, "recurrence") {
            if value.string == "" {
                if !isNew { more["recurrence"] = .null }
            } else {
                guard let rule = value.string.flatMap({ RecurrenceRule($0) }) else {
                    throw Refusal(
                        message:
                            "recurrence must be an RRULE of FREQ, INTERVAL, BYDAY (weekly) and BYMONTHDAY (monthly), like FREQ=WEEKLY;BYDAY=MO."
                    )
                }
                guard more["due_at"]?.string != nil else {
                    throw Refusal(message: "recurrence needs due_at, the first time.")
                }
                more["recurrence"] = .string(rule.text)
            }
        }
        if let value = try flag(object, "remind") {
            if value, isNew, more["due_at"]?.string == nil { throw Refusal(message: "remind needs due_at.") }
            more["remind"] = .bool(value)
        }
        if let value = given(object, "time_zone") {
            guard let zone = value.string, (1...64).contains(zone.utf8.count),
                zone.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { throw Refusal(message: "time_zone must be an IANA name.") }
            more["time_zone"] = .string(zone)
        }
    }

    /// As the database reads it.
    private static func time(_ value: JSON, _ name: String) throws(Refusal) -> JSON {
        guard let text = value.string, let time = Timestamp.microseconds(iso8601: text) else {
            throw Refusal(
                message: "\(name) must be an ISO 8601 time with its zone, like 2026-05-04T17:00:00+02:00.")
        }
        return .string(Timestamp.rfc3339(microseconds: time))
    }

    private static func taskID(_ object: JSONObject) throws(Refusal) -> Int64 {
        guard let value = given(object, "task_id") else { throw Refusal(message: "task_id is required.") }
        if let number = value.integer { return number }
        // Models often quote numbers.
        if let text = value.string, text.utf8.count <= 20, let number = Int64(text) { return number }
        throw Refusal(message: "task_id must be a whole number.")
    }

    private static func title(_ object: JSONObject) throws(Refusal) -> String? {
        guard let value = given(object, "title") else { return nil }
        guard let text = value.string else { throw Refusal(message: "title must be a string.") }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw Refusal(message: "title must not be blank.")
        }
        return try bounded(text, "title", titleLength)
    }

    private static func description(_ object: JSONObject) throws(Refusal) -> String? {
        guard let value = given(object, "description") else { return nil }
        guard let text = value.string else { throw Refusal(message: "description must be a string.") }
        return try bounded(text, "description", descriptionLength)
    }

    private static func bounded(_ text: String, _ name: String, _ limit: Int) throws(Refusal) -> String {
        guard text.unicodeScalars.count <= limit else {
            throw Refusal(message: "\(name) must not be longer than \(limit) characters.")
        }
        guard StorableText.isClean(text) else { throw Refusal(message: "\(name) must not contain a NUL character.") }
        return text
    }

    private static func flag(_ object: JSONObject, _ name: String) throws(Refusal) -> Bool? {
        guard let value = given(object, name) else { return nil }
        guard let flag = value.bool else { throw Refusal(message: "\(name) must be true or false.") }
        return flag
    }
}

extension ToolOutcome {
    static func failed(_ code: String, _ message: String) -> ToolOutcome {
        ToolOutcome(
            status: .failed, result: ["error": ["code": .string(code), "message": .string(message)]])
    }
}
