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
        }
    }

    private static func fields(of tool: ToolName) -> [String] {
        switch tool {
        case .addTask: ["title", "description"]
        case .listTasks: ["include_completed"]
        case .getTask, .deleteTask: ["task_id"]
        case .updateTask: ["task_id", "title", "description"]
        case .completeTask: ["task_id", "completed"]
        }
    }

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
        switch tool {
        case .addTask where result.title == nil:
            throw Refusal(message: "title is required.")
        case .updateTask where result.title == nil && result.description == nil:
            throw Refusal(message: "title or description is required.")
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
