import JSON
import Chat
import Postgres
import Store
import Testing

/// One at a time in a database of their own: a recovery looks at the runs of all users.
@Suite(.serialized) struct RecoveryTests {
    private static let database = "parley_test_recovery"

    private func recover(_ store: StoreFixture) async throws -> [RecoveredRun] {
        let outcome: Result<[RecoveredRun], StoreError> = await store.on { store, resume in
            store.recover(completion: resume)
        }
        return try outcome.get()
    }

    /// A process that will have "died" when the other one recovers.
    private func places() throws -> (dead: StoreFixture, heir: StoreFixture) {
        let place = "place \(UInt32.random(in: 0 ... .max))"
        return (
            try StoreFixture(node: place + "/1", database: Self.database),
            try StoreFixture(node: place + "/2", database: Self.database)
        )
    }

    private func die(_ store: StoreFixture) throws {
        _ = try store.value("select parley.leave($1)", [store.node])
    }

    @Test func nothingSeenRunsAgain() async throws {
        let (dead, heir) = try places()
        let first = dead.newTurn("run me")
        let second = dead.turn(in: first.threadID, "then me")
        _ = await dead.accept([first, second])
        try die(dead)
        let sessions = "select owner_epoch from parley.users where id = $1"
        let epoch = try #require(try heir.value(sessions, [dead.user]).flatMap { Int64($0) })
        let runs = try await recover(heir).filter { $0.userID == dead.user }
        #expect(
            runs == [
                RecoveredRun(
                    userID: dead.user, threadID: first.threadID, runID: first.runID, fate: .running,
                    message: Message(id: first.messageID, role: .user, content: "run me", position: 1), epoch: epoch + 1
                ),
                RecoveredRun(
                    userID: dead.user, threadID: first.threadID, runID: second.runID, fate: .queued,
                    message: Message(id: second.messageID, role: .user, content: "then me", position: 2),
                    epoch: epoch + 2),
            ])
        // It is the heir's now: not to be recovered again, and it can end.
        #expect(try await recover(heir).filter { $0.userID == dead.user }.isEmpty)
        let outcome = await heir.end(dead.ending(first, [heir.reply("done")], next: second.runID))
        #expect((try? outcome.get()) != nil)
        let sql = "select status from parley.runs where id = $1"
        #expect(try heir.value(sql, [second.runID.description]) == "running")
    }

    @Test func checkpointedTextIsStored() async throws {
        let (dead, heir) = try places()
        let first = dead.newTurn()
        let second = dead.turn(in: first.threadID, "next")
        _ = await dead.accept([first, second])
        let texts = [
            (id: dead.id(), content: "one \"好\" \u{0}"), (id: dead.id(), content: ""),
            (id: dead.id(), content: "two"),
        ]
        let user = dead.user
        _ = await dead.on { (store: PostgresChatStore, resume: @escaping (Result<Acceptance, StoreError>) -> Void) in
            store.checkpoint(
                RunCheckpoint(
                    userID: user, threadID: first.threadID, runID: first.runID, messages: [(texts[0].id, "on")]))
            store.checkpoint(RunCheckpoint(userID: user, threadID: first.threadID, runID: first.runID, messages: texts))
            // The same batch; its answer shows that the checkpoint is stored.
            store.accept(second) { resume($0.result) }
        }
        try die(dead)
        let runs = try await recover(heir).filter { $0.userID == user }
        #expect(runs.map(\.fate) == [.interrupted, .running])
        #expect(runs.map(\.runID) == [first.runID, second.runID])
        let page = await heir.history(first.threadID, user: user)
        #expect(
            page?.messages.map(\.id) == [first.messageID, texts[0].id, texts[2].id, second.messageID],
            "question by question")
        let left = page?.undated.filter { $0.role == .assistant } ?? []
        #expect(left.map(\.content) == ["one \"好\" \u{FFFD}", "two"] && left.map(\.position) == [3, 4])
        #expect(left.allSatisfy { $0.status == .interrupted && $0.runID == first.runID })
        let run = try TestDatabase.owner(Self.database).query(
            "select status, error ->> 'code', checkpoint from parley.runs where id = $1", [first.runID.description])
        #expect(run == [["interrupted", "interrupted", nil]])
    }

    @Test func anOperationInterrupts() async throws {
        let (dead, heir) = try places()
        let turn = dead.newTurn()
        _ = await dead.accept(turn)
        _ = await dead.perform(
            ToolOperation(
                userID: dead.user, threadID: turn.threadID, messageID: turn.messageID,
                key: ToolCallKey(runID: turn.runID, ordinal: 1),
                name: "add_task", arguments: ["title": "milk"]))
        try die(dead)
        let runs = try await recover(heir).filter { $0.userID == dead.user }
        #expect(runs.map(\.fate) == [.interrupted])
    }
}
