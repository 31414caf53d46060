import JSON
import Chat
import Postgres
import Store
import Testing

@Suite struct ToolTests {
    /// A conversation whose run calls tools one after the other.
    final class Caller: Sendable {
        let store: StoreFixture
        let turn: NewTurn

        init() async throws {
            store = try StoreFixture()
            turn = store.newTurn()
            _ = await store.accept(turn)
        }

        func call(
            _ ordinal: Int, _ name: String, _ arguments: JSON, as user: String? = nil
        ) async -> Result<ToolOutcome, StoreError> {
            await store.perform(
                ToolOperation(
                    userID: user ?? store.user, threadID: turn.threadID, messageID: turn.messageID,
                    key: ToolCallKey(runID: turn.runID, ordinal: ordinal), name: name, arguments: arguments))
        }

        func result(_ ordinal: Int, _ name: String, _ arguments: JSON) async throws -> JSON {
            let outcome = try await call(ordinal, name, arguments).get()
            #expect(outcome.status == .success)
            return outcome.result
        }
    }

    @Test func allSix() async throws {
        let caller = try await Caller()
        let added = try await caller.result(1, "add_task", ["title": "Müsli \"好\"", "description": "the red one"])
        let id = try #require(added["task"]?["id"]?.integer)
        #expect(added["task"]?["title"] == "Müsli \"好\"")
        #expect(added["task"]?["description"] == "the red one")
        #expect(added["task"]?["is_completed"] == false)
        let created = try #require(added["task"]?["created_at"]?.string)
        #expect(created.count == 24 && created.hasSuffix("Z"))
        let key: JSON = .integer(id)
        #expect(try await caller.result(2, "get_task", ["task_id": key])["task"] == added["task"])
        let renamed = try await caller.result(3, "update_task", ["task_id": key, "title": "oats"])
        #expect(renamed["task"]?["title"] == "oats")
        #expect(renamed["task"]?["description"] == "the red one")
        let bare = try await caller.result(4, "update_task", ["task_id": key, "description": ""])
        #expect(bare["task"]?["description"] == JSON.null)
        let done = try await caller.result(5, "complete_task", ["task_id": key])
        #expect(done["task"]?["is_completed"] == true)
        #expect(try await caller.result(6, "list_tasks", [:]) == ["tasks": [], "total": 0])
        let all = try await caller.result(7, "list_tasks", ["include_completed": true])
        #expect(all["total"] == 1)
        #expect(all["tasks"]?.array?.first == done["task"])
        let undone = try await caller.result(8, "complete_task", ["task_id": key, "completed": false])
        #expect(undone["task"]?["is_completed"] == false)
        let deleted = try await caller.result(9, "delete_task", ["task_id": key])
        #expect(deleted["deleted"] == undone["task"])
        let gone = try await caller.call(10, "get_task", ["task_id": key]).get()
        #expect(gone.status == .failed)
        #expect(gone.result["error"]?["code"] == "not_found")
        let log = try TestDatabase.owner().query(
            """
            select operation_type, status, finished_at is not null from parley.task_operation_logs
            where run_id = $1 order by ordinal
            """, [caller.turn.runID.description])
        let types = ["add", "get", "update", "update", "complete", "list", "list", "complete", "delete", "get"]
        #expect(log == types.enumerated().map { [$1, $0 == 9 ? "failed" : "success", "t"] })
    }

    @Test func listIsNewestFirstAndBounded() async throws {
        let caller = try await Caller()
        for number in 1...52 { _ = try await caller.result(number, "add_task", ["title": .string("t\(number)")]) }
        let list = try await caller.result(100, "list_tasks", [:])
        #expect(list["total"] == 52)
        #expect(list["tasks"]?.array?.compactMap { $0["title"]?.string } == (3...52).reversed().map { "t\($0)" })
    }

    @Test func aCallHappensOnce() async throws {
        let caller = try await Caller()
        let first = try await caller.result(1, "add_task", ["title": "milk"])
        #expect(try await caller.result(1, "add_task", ["title": "milk"]) == first)
        // The key counts, whatever the call.
        #expect(try await caller.result(1, "delete_task", ["task_id": 1]) == first)
        let store = caller.store
        let operation = ToolOperation(
            userID: store.user, threadID: caller.turn.threadID, messageID: caller.turn.messageID,
            key: ToolCallKey(runID: caller.turn.runID, ordinal: 2), name: "add_task", arguments: ["title": "bread"])
        let outcomes: [Result<ToolOutcome, StoreError>] = await store.on { store, resume in
            let gathered = Gathered<Result<ToolOutcome, StoreError>>(8, resume)
            for index in 0..<8 { store.call(operation) { gathered.set(index, $0.result) } }
        }
        #expect(outcomes.allSatisfy { $0 == outcomes[0] })
        #expect((try? outcomes[0].get())?.status == .success)
        #expect(try await caller.result(3, "list_tasks", [:])["total"] == 2)
    }

    @Test func wrongCallsAreLoggedAndDoNothing() async throws {
        let caller = try await Caller()
        let blank = try await caller.call(1, "add_task", ["title": " ", "note": "nul \u{0}"]).get()
        #expect(blank.status == .failed)
        #expect(blank.result["error"]?["code"] == "invalid_arguments")
        #expect(try await caller.call(1, "add_task", ["title": "milk"]).get() == blank)
        let unknown = try await caller.call(2, "format_disk", [:]).get()
        #expect(unknown.status == .failed)
        #expect(unknown.result["error"]?["code"] == "unknown_tool")
        let log = try TestDatabase.owner().query(
            "select ordinal, status from parley.task_operation_logs where run_id = $1", [caller.turn.runID.description])
        #expect(log == [["1", "failed"]])
        #expect(try await caller.result(3, "list_tasks", ["include_completed": true])["total"] == 0)
    }

    @Test func somebodyElsesTaskIsNotThere() async throws {
        let owner = try await Caller()
        let task = try await owner.result(1, "add_task", ["title": "secret"])
        let id = try #require(task["task"]?["id"])
        let caller = try await Caller()
        let attempts: [(String, JSON)] = [
            ("get_task", ["task_id": id]), ("update_task", ["task_id": id, "title": "x"]),
            ("complete_task", ["task_id": id]), ("delete_task", ["task_id": id]),
        ]
        for (index, attempt) in attempts.enumerated() {
            let outcome = try await caller.call(index + 1, attempt.0, attempt.1).get()
            #expect(outcome.status == .failed)
            #expect(outcome.result["error"]?["code"] == "not_found")
        }
        #expect(try await owner.result(2, "get_task", ["task_id": id]) == task)
        // Nor is another's conversation a place to log in.
        #expect(await caller.call(9, "add_task", ["title": "x"], as: owner.store.user) == .failure(.rejected))
    }
}
