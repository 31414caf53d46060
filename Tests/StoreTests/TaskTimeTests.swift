import JSON
import Chat
import Postgres
import Store
import Testing

/// Numbers, times, repetition, deletion and what takes it back, against the database.
@Suite struct TaskTimeTests {
    static let occurrences: [(due: String, rule: String, zone: String, after: String, next: String?)] = [
        ("2026-01-05 09:00Z", "FREQ=DAILY", "UTC", "2026-01-05 09:00Z", "2026-01-06 09:00:00+00"),
        ("2026-01-05 09:00Z", "FREQ=DAILY;INTERVAL=3", "UTC", "2026-01-05 10:00Z", "2026-01-08 09:00:00+00"),
        // Overdue for long: the next one that is still to come; done before its time: the one behind it.
        ("2026-01-05 09:00Z", "FREQ=DAILY", "UTC", "2026-02-10 08:00Z", "2026-02-10 09:00:00+00"),
        ("2026-01-05 09:00Z", "FREQ=WEEKLY", "UTC", "2026-01-01 00:00Z", "2026-01-12 09:00:00+00"),
        ("2026-01-05 09:00Z", "FREQ=WEEKLY;BYDAY=MO,TH", "UTC", "2026-01-05 09:00Z", "2026-01-08 09:00:00+00"),
        (
            "2026-01-08 09:00Z", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "UTC", "2026-01-08 09:00Z",
            "2026-01-19 09:00:00+00"
        ),
        ("2026-01-09 09:00Z", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "UTC", "2026-01-09 09:00Z", "2026-01-12 09:00:00+00"),
        // Summer begins: the same time of day.
        ("2026-03-28 08:00Z", "FREQ=DAILY", "Europe/Berlin", "2026-03-28 08:00Z", "2026-03-29 07:00:00+00"),
        // A day that the month does not have is left out.
        ("2026-01-31 09:00Z", "FREQ=MONTHLY", "UTC", "2026-01-31 09:00Z", "2026-03-31 09:00:00+00"),
        ("2026-01-03 09:00Z", "FREQ=MONTHLY;BYMONTHDAY=3,17", "UTC", "2026-01-03 09:00Z", "2026-01-17 09:00:00+00"),
        ("2026-01-31 09:00Z", "FREQ=MONTHLY;BYMONTHDAY=-1", "UTC", "2026-01-31 09:00Z", "2026-02-28 09:00:00+00"),
        ("2024-02-29 09:00Z", "FREQ=YEARLY", "UTC", "2024-02-29 09:00Z", "2028-02-29 09:00:00+00"),
        ("2026-01-05 09:00Z", "FREQ=YEARLY;INTERVAL=2", "UTC", "2026-01-05 09:00Z", "2028-01-05 09:00:00+00"),
        // A zone that the server does not know.
        ("2026-01-05 09:00Z", "FREQ=DAILY", "Atlantis/Capital", "2026-01-05 09:00Z", "2026-01-06 09:00:00+00"),
        ("2026-01-05 09:00Z", "nonsense", "UTC", "2026-01-05 09:00Z", nil),
    ]

    @Test(arguments: occurrences)
    func comesBack(_ row: (due: String, rule: String, zone: String, after: String, next: String?)) throws {
        let connection = try TestDatabase.owner()
        try connection.execute("set time zone 'UTC'")
        let found = try connection.query(
            "select parley.next_occurrence($1::timestamptz, $2, $3, $4::timestamptz)::text",
            [row.due, row.rule, row.zone, row.after])
        #expect(found == [[row.next]])
    }

    @Test func numbersAreOnesOwnAndNeverUsedAgain() async throws {
        let caller = try await ToolTests.Caller()
        let other = try await ToolTests.Caller()
        func number(_ result: JSON) -> Int64? { result["task"]?["number"]?.integer }
        let first = try await caller.result(1, "add_task", ["title": "a"])
        #expect(number(first) == 1)
        #expect(number(try await other.result(1, "add_task", ["title": "b"])) == 1)
        #expect(number(try await caller.result(2, "add_task", ["title": "c"])) == 2)
        let second = try await caller.result(3, "list_tasks", ["number": 2])
        #expect(second["total"] == 1 && second["tasks"]?.array?.first?["title"] == "c")
        let key = second["tasks"]?.array?.first?["id"] ?? .null
        _ = try await caller.result(4, "delete_task", ["task_id": key])
        #expect(number(try await caller.result(5, "add_task", ["title": "d"])) == 3)
        // At once: no number twice.
        let numbers = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for ordinal in 10..<30 {
                group.addTask {
                    try await caller.result(ordinal, "add_task", ["title": "e"])["task"]?["number"]?.integer
                }
            }
            return try await group.reduce(into: Set<Int64?>()) { $0.insert($1) }
        }
        #expect(numbers == Set((4...23).map { Int64($0) }))
    }

    @Test func whatComesBackStaysOpen() async throws {
        let caller = try await ToolTests.Caller()
        let added = try await caller.result(
            1, "add_task",
            ["title": "water", "due_at": "2030-01-07T09:00:00Z", "recurrence": "FREQ=WEEKLY;BYDAY=MO", "remind": true])
        let key = try #require(added["task"]?["id"])
        #expect(added["task"]?["due_at"] == "2030-01-07T09:00:00.000Z")
        let done = try await caller.result(2, "complete_task", ["task_id": key])
        #expect(done["task"]?["is_completed"] == false)
        #expect(done["task"]?["due_at"] == "2030-01-14T09:00:00.000Z")
        // Its reminder goes with it.
        let pending = "select to_char(due_at at time zone 'UTC', 'YYYY-MM-DD') from parley.reminders where user_id = $1"
        #expect(try caller.store.value(pending, [caller.store.user]) == "2030-01-14")
        let due = try await caller.result(
            3, "list_tasks", ["due_after": "2030-01-14T00:00:00Z", "due_before": "2030-01-15T00:00:00Z"])
        #expect(due["total"] == 1)
        #expect(try await caller.result(4, "list_tasks", ["due_before": "2030-01-14T00:00:00Z"])["total"] == 0)
        let free = try await caller.result(5, "update_task", ["task_id": key, "due_at": ""])
        #expect(free["task"]?["due_at"] == JSON.null && free["task"]?["recurrence"] == JSON.null)
        #expect(try caller.store.value(pending, [caller.store.user]) == nil)
    }

    /// Each turn is a run of its own.
    @Test func undoGoesBackTurnByTurn() async throws {
        let caller = try await ToolTests.Caller()
        let store = caller.store
        func turn() async throws -> (Int, String, JSON) async throws -> JSON {
            var turn = store.newTurn()
            turn.threadID = caller.turn.threadID
            turn.isNewThread = false
            turn.startsNow = false
            _ = await store.accept(turn)
            return { ordinal, name, arguments in
                let outcome = await store.perform(
                    ToolOperation(
                        userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                        key: ToolCallKey(runID: turn.runID, ordinal: ordinal), name: name, arguments: arguments))
                return try outcome.get().result
            }
        }
        let a = try await caller.result(1, "add_task", ["title": "a"])
        let b = try await caller.result(2, "add_task", ["title": "b", "due_at": "2030-01-07T09:00:00Z"])
        let keys = [a, b].compactMap { $0["task"]?["id"] }
        let second = try await turn()
        _ = try await second(1, "update_task", ["task_id": keys[0], "title": "a2", "description": "note"])
        _ = try await second(2, "complete_task", ["task_id": keys[1]])
        let third = try await turn()
        _ = try await third(1, "delete_task", ["task_id": keys[0]])
        _ = try await third(2, "delete_task", ["task_id": keys[1]])
        let fourth = try await turn()
        #expect(try await fourth(1, "list_tasks", ["include_completed": true])["total"] == 0)
        let back = try await fourth(2, "undo_tasks", [:])
        #expect(back["undone"]?.array?.compactMap { $0["task"]?["number"]?.integer } == [2, 1])
        #expect(back["kept"] == [])
        let fifth = try await turn()
        _ = try await fifth(1, "undo_tasks", [:])
        let list = try await fifth(2, "list_tasks", [:])
        #expect(list["tasks"]?.array?.compactMap { $0["title"]?.string } == ["b", "a"])
        #expect(list["tasks"]?.array?.last?["description"] == JSON.null)
        let sixth = try await turn()
        // The task is gone from elsewhere: that is told.
        try TestDatabase.owner().execute("update parley.tasks set deleted_at = now() where id = \(keys[0])")
        let last = try await sixth(1, "undo_tasks", [:])
        #expect(last["undone"]?.array?.compactMap { $0["task"]?["title"]?.string } == ["b"])
        #expect(last["kept"]?.array?.count == 1)
        let seventh = try await turn()
        #expect(try await seventh(1, "undo_tasks", [:])["undone_run"] == JSON.null)
    }
}
