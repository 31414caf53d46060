package import JSON

/// The tools of Data-model.md. The raw value is the name on the wire.
package enum ToolName: String, Sendable, CaseIterable {
    case addTask = "add_task"
    case listTasks = "list_tasks"
    case getTask = "get_task"
    case updateTask = "update_task"
    case deleteTask = "delete_task"
    case completeTask = "complete_task"
    /// Takes back what the last changing turn of the conversation did; not offered to models.
    case undoTasks = "undo_tasks"

    /// Those that a model is told of.
    package static let offered = allCases.filter { $0 != .undoTasks }
}

/// What came of a tool call. `result` is an object:
///
/// - `add_task`, `get_task`, `update_task`, `complete_task`: `{"task":{"id","number","title","description","is_completed","due_at","recurrence","created_at","updated_at"}}`;
///   after a change also `before`: what was otherwise
/// - `delete_task`: `{"deleted":{…the task…}}`
/// - `list_tasks`: `{"tasks":[{…}],"total":n}`, newest first, at most 50 of `total`
/// - `undo_tasks`: `{"undone":[{"operation_type","task"}],"kept":[…],"undone_run":id|null}`; `kept` could not be taken back
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
