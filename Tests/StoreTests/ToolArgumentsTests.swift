import JSON
import Chat
import Store
import Testing

@Suite struct ToolArgumentsTests {
    static let good: [(String, JSON, ToolArguments)] = [
        ("add_task", ["title": "milk"], arguments(.add) { $0.title = "milk" }),
        (
            "add_task", ["title": "milk", "description": ""],
            arguments(.add) {
                $0.title = "milk"; $0.description = ""
            }
        ),
        ("add_task", ["title": "milk", "description": .null], arguments(.add) { $0.title = "milk" }),
        (
            "add_task", ["title": .string(String(repeating: "👍", count: 200))],
            arguments(.add) { $0.title = String(repeating: "👍", count: 200) }
        ),
        ("list_tasks", .null, arguments(.list) { $0.completed = false }),
        ("list_tasks", [:], arguments(.list) { $0.completed = false }),
        ("list_tasks", ["include_completed": true], arguments(.list) { $0.completed = true }),
        ("get_task", ["task_id": 7], arguments(.get) { $0.taskID = 7 }),
        ("get_task", ["task_id": "7"], arguments(.get) { $0.taskID = 7 }),
        ("get_task", ["task_id": .number(7.0)], arguments(.get) { $0.taskID = 7 }),
        ("get_task", ["task_id": -1], arguments(.get) { $0.taskID = -1 }),
        (
            "update_task", ["task_id": 7, "title": "x"],
            arguments(.update) {
                $0.taskID = 7; $0.title = "x"
            }
        ),
        (
            "update_task", ["task_id": 7, "description": "x"],
            arguments(.update) {
                $0.taskID = 7; $0.description = "x"
            }
        ),
        ("delete_task", ["task_id": 7], arguments(.delete) { $0.taskID = 7 }),
        (
            "complete_task", ["task_id": 7],
            arguments(.complete) {
                $0.taskID = 7; $0.completed = true
            }
        ),
        (
            "complete_task", ["task_id": 7, "completed": false],
            arguments(.complete) {
                $0.taskID = 7; $0.completed = false
            }
        ),
    ]

    static let timed: [(String, JSON, JSONObject)] = [
        (
            "add_task", ["title": "x", "due_at": "2026-05-04T17:00:00+02:00", "remind": true],
            ["due_at": "2026-05-04T15:00:00.000Z", "remind": true]
        ),
        (
            "add_task", ["title": "x", "due_at": "2026-05-04 15:00Z", "recurrence": "RRULE:byday=we,mo;freq=weekly"],
            ["due_at": "2026-05-04T15:00:00.000Z", "recurrence": "FREQ=WEEKLY;BYDAY=MO,WE"]
        ),
        ("update_task", ["task_id": 1, "due_at": ""], ["due_at": .null]),
        ("update_task", ["task_id": 1, "due_at": .null, "title": "x"], [:]),
        ("update_task", ["task_id": 1, "remind": false], ["remind": false]),
        (
            "list_tasks", ["due_before": "2026-05-04T15:00:00Z", "number": 3],
            ["due_before": "2026-05-04T15:00:00.000Z", "number": 3]
        ),
    ]

    @Test(arguments: timed)
    func readsTimes(_ row: (name: String, arguments: JSON, more: JSONObject)) throws {
        guard case .valid(let arguments) = ToolArguments.check(name: row.name, arguments: row.arguments) else {
            Issue.record("refused")
            return
        }
        #expect(arguments.more == row.more)
    }

    static let bad: [(String, JSON)] = [
        ("add_task", ["title": "x", "due_at": "tomorrow"]),
        ("add_task", ["title": "x", "due_at": "2026-05-04T15:00:00"]),
        ("add_task", ["title": "x", "due_at": "2026-02-30T15:00:00Z"]),
        ("add_task", ["title": "x", "due_at": "1969-12-31T23:59:59Z"]),
        ("add_task", ["title": "x", "due_at": 5]),
        ("add_task", ["title": "x", "remind": true]),
        ("add_task", ["title": "x", "recurrence": "FREQ=DAILY"]),
        ("add_task", ["title": "x", "due_at": "2026-05-04T15:00:00Z", "recurrence": "FREQ=HOURLY"]),
        ("add_task", ["title": "x", "due_at": "2026-05-04T15:00:00Z", "recurrence": "FREQ=DAILY;COUNT=3"]),
        ("add_task", ["title": "x", "due_at": "2026-05-04T15:00:00Z", "recurrence": "FREQ=MONTHLY;BYDAY=1MO"]),
        ("list_tasks", ["number": 0]), ("list_tasks", ["due_before": "soon"]),
        ("add_task", .null),
        ("add_task", [:]),
        ("add_task", "milk"),
        ("add_task", ["milk"]),
        ("add_task", ["title": ""]),
        ("add_task", ["title": " \t\n\u{3000}"]),
        ("add_task", ["title": 5]),
        ("add_task", ["title": .null]),
        ("add_task", ["title": "nul \u{0} inside"]),
        ("add_task", ["title": .string(String(repeating: "x", count: 201))]),
        ("add_task", ["title": .string(String(repeating: "👩‍👧", count: 70))]),
        ("add_task", ["title": "x", "description": .string(String(repeating: "x", count: 2_001))]),
        ("add_task", ["title": "x", "description": "\u{0}"]),
        ("add_task", ["title": "x", "user_id": "someone else"]),
        ("list_tasks", ["include_completed": "yes"]),
        ("list_tasks", ["user_id": "someone else"]),
        ("get_task", [:]),
        ("get_task", ["task_id": "seven"]),
        ("get_task", ["task_id": "7; drop table tasks"]),
        ("get_task", ["task_id": .number(7.5)]),
        ("get_task", ["task_id": "99999999999999999999"]),
        ("get_task", ["task_id": true]),
        ("update_task", ["task_id": 7]),
        ("update_task", ["title": "x"]),
        ("update_task", ["task_id": 7, "title": " "]),
        ("delete_task", ["id": 7]),
        ("complete_task", ["task_id": 7, "completed": "true"]),
        ("complete_task", ["completed": true]),
    ]

    private static func arguments(
        _ operation: ToolArguments.Operation, _ set: (inout ToolArguments) -> Void
    ) -> ToolArguments {
        var arguments = ToolArguments(operation: operation)
        set(&arguments)
        return arguments
    }

    @Test(arguments: good)
    func accepted(_ name: String, _ arguments: JSON, _ expected: ToolArguments) {
        #expect(ToolArguments.check(name: name, arguments: arguments) == .valid(expected))
    }

    @Test(arguments: bad)
    func refused(_ name: String, _ arguments: JSON) {
        guard case .invalid(_, let message) = ToolArguments.check(name: name, arguments: arguments) else {
            Issue.record("\(name) \(arguments) was not refused")
            return
        }
        #expect(message.hasSuffix("."))
    }

    @Test(arguments: ["", "drop_table", "ADD_TASK", "add_task "])
    func unknown(_ name: String) {
        #expect(ToolArguments.check(name: name, arguments: [:]) == .unknownTool)
    }

    @Test(arguments: [
        [ToolCall(id: "c1", name: "add_task", arguments: #"{"title":"milk"}"#)],
        [
            ToolCall(id: "c1", name: "list_tasks", arguments: "{}"),
            ToolCall(id: "c2", name: "x", arguments: "not JSON"),
        ],
        [ToolCall(id: "", name: "", arguments: "[1,2]")],
    ])
    func toolCallsThereAndBack(_ calls: [ToolCall]) {
        #expect(StoredJSON.toolCalls(parsing: StoredJSON.toolCalls(calls)) == calls)
    }

    @Test(arguments: ["", "{}", "[]", #"{"tools":1}"#, #"{"tools":[{}]}"#])
    func toolCallsOfAnotherForm(_ text: String) {
        #expect(StoredJSON.toolCalls(parsing: text).isEmpty)
    }
}
