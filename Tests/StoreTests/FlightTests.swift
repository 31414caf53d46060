import Chat
import Postgres
import Store
import Testing

/// Two batches under way at a time, on a real server.
@Suite struct FlightTests {
    @Test(.timeLimit(.minutes(1))) func aBatchThatWaitsDoesNotHoldUpAnother() async throws {
        let name = "flight \(UInt32.random(in: 0 ... .max))"
        let store = try StoreFixture { settings, _, database in
            settings.flightRows = 2
            database.applicationName = name
        }
        let first = store.newTurn("first")
        _ = await store.accept(first)
        let blocker = try TestDatabase.owner()
        try blocker.execute("begin")
        _ = try blocker.query(
            "select from parley.conversations where id = $1 for update", [first.threadID.description])
        async let held = store.accept(store.turn(in: first.threadID, "second"))
        let watcher = try TestDatabase.owner()
        while try watcher.query(
            "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", [name]
        ).isEmpty { await Task.yield() }

        let others = ["\(store.user) b", "\(store.user) c"]
        let _: Bool = await store.on { store, resume in
            for user in others { store.touch(UserRecord(id: user)) }
            resume(true)
        }
        let outcomes = await store.accept(others.map { store.newTurn(user: $0) })
        #expect(outcomes.map(\.position) == [1, 1])
        #expect(
            try store.value(
                "select count(*) from parley.messages where content = 'second' and user_id = $1", [store.user]) == "0")
        try blocker.execute("commit")
        #expect(await held.position == 2)
        let figures: StoreFigures = await store.on { store, resume in resume(store.figures) }
        #expect(figures.rows == 4)
        #expect(figures.batches == 3)
        #expect(figures.batchRows.counts.reduce(0, +) == 3)
        #expect(figures.waitingRows == 0)
    }

    @Test func manyUsersAtOnceKeepTheirOrder() async throws {
        let store = try StoreFixture { settings, limits, _ in
            settings.batchRows = 8
            settings.flightRows = 2
            limits.maximum = 4
        }
        let users = (0..<10).map { "\(store.user) \($0)" }
        let _: Bool = await store.on { store, resume in
            for user in users { store.touch(UserRecord(id: user)) }
            resume(true)
        }
        let firsts = users.map { store.newTurn("0", user: $0) }
        var turns = firsts
        for number in 1..<20 {
            for first in firsts { turns.append(store.turn(in: first.threadID, "\(number)", user: first.userID)) }
        }
        let outcomes = await store.accept(turns)
        #expect(outcomes.map(\.position) == (0..<200).map { $0 / 10 + 1 })
        for first in firsts {
            let page = await store.history(first.threadID, user: first.userID)
            #expect(page?.messages.map(\.content) == (0..<20).map(String.init))
        }
    }
}
