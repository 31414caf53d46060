package import JSON
package import Chat

/// The six tools of Data-model.md as a model is told of them. Whose tasks they work on is never a parameter.
package struct ToolSchema: Sendable {
    package var name: ToolName
    package var description: String
    /// JSON schema of the arguments.
    package var parameters: JSON

    package static let all = ToolName.offered.map { name in
        ToolSchema(name: name, description: description(of: name), parameters: parameters(of: name))
    }

    /// `[{"type":"function","function":{…}}]`, as the chat completions API takes them.
    static let chatCompletions: [UInt8] = encoded { tool in
        [
            "type": "function",
            "function": [
                "name": .string(tool.name.rawValue), "description": .string(tool.description),
                "parameters": tool.parameters,
            ],
        ]
    }

    /// The same without bounds of lengths and `additionalProperties`, which some servers refuse.
    static let plainChatCompletions: [UInt8] = encoded { tool in
        [
            "type": "function",
            "function": [
                "name": .string(tool.name.rawValue), "description": .string(tool.description),
                "parameters": plain(tool.parameters),
            ],
        ]
    }

    private static func plain(_ schema: JSON) -> JSON {
        guard let object = schema.object else { return schema }
        var members: [JSONObject.Member] = []
        for member in object.members where !["minLength", "maxLength", "additionalProperties"].contains(member.key) {
            members.append(.init(key: member.key, value: plain(member.value)))
        }
        return .object(JSONObject(members: members))
    }

    /// `[{"name","description","parameters"}]`, as AG-UI's `RunAgentInput` takes them.
    static let agui: [UInt8] = encoded { tool in
        [
            "name": .string(tool.name.rawValue), "description": .string(tool.description),
            "parameters": tool.parameters,
        ]
    }

    private static func encoded(_ form: (ToolSchema) -> JSON) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(json: .array(all.map(form)))
        return bytes
    }

    private static func description(of name: ToolName) -> String {
        switch name {
        case .addTask: "Adds a task to the user's to-do list."
        case .listTasks:
            "Lists the user's tasks, newest first: at most 50, and how many there are. Use it to find a task's id."
        case .getTask: "One task by its id."
        case .updateTask:
            "Changes a task's title, description, time or reminder. An empty description, time or recurrence removes it."
        case .deleteTask: "Deletes a task."
        case .completeTask: "Marks a task as done, or as not done. One with a recurrence comes back at its next time."
        case .undoTasks: "Takes back the last change."
        }
    }

    private static func parameters(of name: ToolName) -> JSON {
        switch name {
        case .addTask:
            object(
                [
                    "title": title, "description": details, "due_at": dueAt, "recurrence": recurrence, "remind": remind,
                ], required: ["title"])
        case .listTasks:
            object([
                "include_completed": [
                    "type": "boolean",
                    "description": "Whether tasks that are done are listed too; they are not by default.",
                ],
                "due_after": ["type": "string", "description": "Only those due at or after this ISO 8601 time."],
                "due_before": ["type": "string", "description": "Only those due before this ISO 8601 time."],
            ])
        case .undoTasks: object([:])
        case .getTask, .deleteTask: object(["task_id": taskID], required: ["task_id"])
        case .updateTask:
            object(
                [
                    "task_id": taskID, "title": title, "description": details, "due_at": dueAt,
                    "recurrence": recurrence, "remind": remind,
                ], required: ["task_id"])
        case .completeTask:
            object(
                [
                    "task_id": taskID,
                    "completed": ["type": "boolean", "description": "False to mark it as not done; true by default."],
                ], required: ["task_id"])
        }
    }

    private static let taskID: JSON = [
        "type": "integer", "description": "The task's id; people know its number, which is another.",
    ]
    private static let dueAt: JSON = [
        "type": "string", "description": "When it is due: ISO 8601 with the zone, like 2026-05-04T17:00:00+02:00.",
    ]
    private static let recurrence: JSON = [
        "type": "string",
        "description":
            "An RRULE of FREQ, INTERVAL, BYDAY and BYMONTHDAY, like FREQ=WEEKLY;BYDAY=MO. Needs due_at, the first time.",
    ]
    private static let remind: JSON = [
        "type": "boolean", "description": "Whether the user is told in this conversation when it is due.",
    ]
    private static let title: JSON = [
        "type": "string", "description": "What is to be done.", "minLength": 1, "maxLength": 200,
    ]
    private static let details: JSON = ["type": "string", "description": "More about it.", "maxLength": 2_000]

    private static func object(_ properties: JSONObject, required: [JSON] = []) -> JSON {
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = .array(required) }
        schema["additionalProperties"] = false
        return .object(schema)
    }
}
