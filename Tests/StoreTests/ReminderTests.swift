import JSON
import Chat
import Postgres
import Store
import Testing

/// Reminders against the database: claimed by any gateway, told once. In a database of their own, since claims are for
/// all users.
@Suite(.serialized) struct ReminderTests {
    private static let database = "parley_test_reminders"

    private final class Gateway: Sendable {
        let store: StoreFixture
        let turn: NewTurn

        init(_ node: String = "test/1", hourly: Int = 100) async throws {
            store = try StoreFixture(node: node, database: ReminderTests.database) { settings, _, _ in
                settings.remindersPerHour = hourly
            }
            turn = store.newTurn()
            _ = await store.accept(turn)
        }

        /// - Returns: the task's key.
        func remind(_ ordinal: Int, _ title: String, recurrence: String? = nil) async throws -> JSON {
            var arguments: JSONObject = ["title": .string(title), "due_at": "2030-01-01T09:00:00Z", "remind": true]
            if let recurrence { arguments["recurrence"] = .string(recurrence) }
            let outcome = try await store.perform(
                ToolOperation(
                    userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                    key: ToolCallKey(runID: turn.runID, ordinal: ordinal), name: "add_task",
                    arguments: .object(arguments))
            ).get()
            return outcome.result["task"]?["id"] ?? .null
        }

        /// Makes all of the user's due, so many seconds ago.
        func makeDue(_ seconds: Int = 0) throws {
            _ = try owner().query(
                """
                update parley.reminders set due_at = date_trunc('milliseconds', now()) - $2::int * interval '1 second',
                    fires_at = now() - $2::int * interval '1 second'
                where user_id = $1 and fired_at is null
                """, [store.user, "\(seconds)"])
        }

        func owner() throws -> BlockingConnection { try TestDatabase.owner(ReminderTests.database) }

        /// - Parameter everybodys: not only this user's: others' may be left of another test.
        func claim(everybodys: Bool = false) async throws -> ClaimedReminders {
            let result: Result<ClaimedReminders, StoreError> = await store.on { store, resume in
                store.claimReminders(completion: resume)
            }
            var claimed = try result.get()
            if !everybodys { claimed.reminders.removeAll { $0.userID != store.user } }
            return claimed
        }

        func fire(_ reminder: DueReminder) async throws -> FiredReminder {
            let message = ReminderMessage(
                reminder: reminder, runID: store.id(), messageID: store.id(), content: "Reminder: \(reminder.title)",
                newThreadID: store.id(), title: "Reminder")
            let result: Result<FiredReminder, StoreError> = await store.on { store, resume in
                store.fire(message, completion: resume)
            }
            return try result.get()
        }

        func texts() throws -> [String] {
            try owner().query(
                "select content from parley.messages where user_id = $1 and role = 'assistant' order by position",
                [store.user]
            ).compactMap(\.[0])
        }
    }

    @Test func firesOnceAndIsInTheConversation() async throws {
        let gateway = try await Gateway()
        _ = try await gateway.remind(1, "milk")
        #expect(try await gateway.claim().reminders.isEmpty)
        try gateway.makeDue()
        let claimed = try await gateway.claim()
        let reminder = try #require(claimed.reminders.first)
        #expect(claimed.reminders.count == 1)
        #expect(reminder.title == "milk" && reminder.number == 1 && reminder.threadID == gateway.turn.threadID)
        // A claim is a lease: nobody else gets it meanwhile.
        #expect(try await gateway.claim().reminders.isEmpty)
        guard case .stored(let conversation, let position, false) = try await gateway.fire(reminder) else {
            Issue.record("not stored")
            return
        }
        #expect(conversation.id == gateway.turn.threadID && position == 2)
        #expect(try await gateway.fire(reminder) == .gone)
        #expect(try gateway.texts() == ["Reminder: milk"])
    }

    /// What a gateway has claimed and not told, another one tells.
    @Test func aClaimEnds() async throws {
        let first = try await Gateway()
        try StoreFixture.enlist("test/2", in: Self.database)
        let second = try await Gateway("test/2")
        _ = try await first.remind(1, "milk")
        try first.makeDue()
        let lost = try #require(try await first.claim().reminders.first)
        try first.makeDue()
        let found = try #require(
            try await second.claim(everybodys: true).reminders.first { $0.userID == first.store.user })
        #expect(try await first.fire(lost) == .gone)
        guard case .stored = try await second.fire(found) else {
            Issue.record("not stored")
            return
        }
        #expect(try first.texts() == ["Reminder: milk"])
    }

    @Test func manyGatewaysTellEachOnce() async throws {
        let gateway = try await Gateway(hourly: 1_000)
        for ordinal in 1...60 { _ = try await gateway.remind(ordinal, "t\(ordinal)") }
        try gateway.makeDue()
        let told = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 3...6 {
                try StoreFixture.enlist("test/\(index)", in: Self.database)
                group.addTask {
                    let gateway = try await Gateway("test/\(index)", hourly: 1_000)
                    var told = 0
                    for _ in 0..<4 {
                        for reminder in try await gateway.claim(everybodys: true).reminders {
                            if case .stored = try await gateway.fire(reminder) { told += 1 }
                        }
                    }
                    return told
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(told == 60)
        #expect(Set(try gateway.texts()).count == 60)
    }

    @Test func whatIsDoneOrDeletedIsNotSpokenOf() async throws {
        let gateway = try await Gateway()
        let done = try await gateway.remind(1, "done")
        let deleted = try await gateway.remind(2, "deleted")
        for (ordinal, name, key) in [(3, "complete_task", done), (4, "delete_task", deleted)] {
            _ = await gateway.store.perform(
                ToolOperation(
                    userID: gateway.store.user, threadID: gateway.turn.threadID, messageID: gateway.turn.messageID,
                    key: ToolCallKey(runID: gateway.turn.runID, ordinal: ordinal), name: name,
                    arguments: ["task_id": key]))
        }
        try gateway.makeDue()
        #expect(try await gateway.claim().reminders.isEmpty)
    }

    @Test func moreThanSoManyAnHourArePutOff() async throws {
        let gateway = try await Gateway(hourly: 2)
        for ordinal in 1...3 { _ = try await gateway.remind(ordinal, "t\(ordinal)") }
        try gateway.makeDue()
        let claimed = try await gateway.claim()
        #expect(claimed.reminders.count == 2)
        #expect(claimed.waits.map { $0 > 0 } == true)
        for reminder in claimed.reminders { _ = try await gateway.fire(reminder) }
        try gateway.makeDue()
        #expect(try await gateway.claim().reminders.isEmpty)
        _ = try gateway.owner().query(
            "update parley.reminders set fired_at = fired_at - interval '2 hours' where user_id = $1",
            [gateway.store.user])
        try gateway.makeDue()
        #expect(try await gateway.claim().reminders.count == 1)
    }

    @Test func whatComesBackIsRemindedOfAgain() async throws {
        let gateway = try await Gateway()
        _ = try await gateway.remind(1, "pills", recurrence: "FREQ=DAILY")
        try gateway.makeDue(5)
        let reminder = try #require(try await gateway.claim().reminders.first)
        _ = try await gateway.fire(reminder)
        let next = try gateway.owner().query(
            """
            select count(*) from parley.reminders
            where user_id = $1 and fired_at is null and due_at > now() and due_at <= now() + interval '1 day'
            """, [gateway.store.user])
        #expect(next == [["1"]])
    }

    @Test func anotherConversationWhereTheOneIsGone() async throws {
        let gateway = try await Gateway()
        _ = try await gateway.remind(1, "milk")
        _ = try gateway.owner().query(
            "update parley.conversations set status = 'deleted', deleted_at = now() where id = $1",
            [gateway.turn.threadID.description])
        try gateway.makeDue()
        let reminder = try #require(try await gateway.claim().reminders.first)
        guard case .stored(let conversation, 1, true) = try await gateway.fire(reminder) else {
            Issue.record("not stored in a new one")
            return
        }
        #expect(conversation.id != gateway.turn.threadID && conversation.title == "Reminder")
    }
}
