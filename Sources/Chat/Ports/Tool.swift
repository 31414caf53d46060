package import JSON

/// The six tools of Data-model.md. The raw value is the name on the wire.
package enum ToolName: String, Sendable, CaseIterable {
    case addTask = "add_task"
    case listTasks = "list_tasks"
    case getTask = "get_task"
    case updateTask = "update_task"
    case deleteTask = "delete_task"
    case completeTask = "complete_task"
}

/// What came of a tool call. `result` is an object:
///
/// - `add_task`, `get_task`, `update_task`, `complete_task`: `{"task":{"id","title","description","is_completed","created_at","updated_at"}}`
/// - `delete_task`: `{"deleted":{…the task…}}`
/// - `list_tasks`: `{"tasks":[{…}],"total":n}`, newest first, at most 50 of `total`
/// - failed: `{"error":{"code":"not_found"|"invalid_arguments"|"unknown_tool","message":"…"}}`
package struct ToolOutcome: Sendable, Equatable {
    package enum Status: String, Sendable { case success, failed }

    package var status: Status
    package var result: JSON

    package init(status: Status, result: JSON) {
        self.status = status
        self.result = result
    }
}
