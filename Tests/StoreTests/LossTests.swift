import Chat
import Postgres
import Store
import Testing

@Suite struct LossTests {
    /// The backends of a pool that calls itself by a name of its own.
    private func kill(_ name: String, _ store: StoreFixture) throws {
        _ = try store.value(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1", [name])
    }

    @Test(.timeLimit(.minutes(1))) func aLostConnectionDuringTheCommitIsSettled() async throws {
        let name = "loss \(UInt32.random(in: 0 ... .max))"
        let store = try StoreFixture { _, _, database in database.applicationName = name }
        let first = store.newTurn("first")
        _ = await store.accept(first)
        // The commit waits for a lock that another transaction holds; meanwhile its backend dies.
        let blocker = try TestDatabase.owner()
        try blocker.execute("begin")
        _ = try blocker.query(
            "select from parley.conversations where id = $1 for update", [first.threadID.description])
        let second = store.turn(in: first.threadID, "second", client: "c")
        async let outcome = store.accept(second)
        let watcher = try TestDatabase.owner()
        while try watcher.query(
            "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", [name]
        ).isEmpty { await Task.yield() }
        try kill(name, store)
        try blocker.execute("commit")
        #expect(await outcome.position == 2)
        #expect(await store.history(first.threadID)?.messages.map(\.content) == ["first", "second"])
    }

    @Test func anIdleLossIsNotNoticedByAnyone() async throws {
        let name = "idle \(UInt32.random(in: 0 ... .max))"
        let store = try StoreFixture { _, _, database in database.applicationName = name }
        let first = store.newTurn()
        _ = await store.accept(first)
        try kill(name, store)
        let reply = store.reply("still there")
        #expect((try? await store.end(store.ending(first, [reply])).get()) != nil)
        #expect(await store.history(first.threadID)?.messages.last?.content == "still there")
    }

    @Test func awayMeansUnavailableAtOnce() async throws {
        let store = try StoreFixture { settings, _, database in
            settings.waitLimit = 100_000_000
            database.url = "postgresql:///x?host=/nonexistent"
            database.database = nil
        }
        // The first may come while the first attempt is under way; its wait ends with that.
        #expect(await store.accept(store.newTurn()) == .failure(.unavailable(retryAfter: 1)))
        #expect(await store.accept(store.newTurn()) == .failure(.unavailable(retryAfter: 1)))
        let turn = store.newTurn()
        #expect(await store.end(store.ending(turn, [])) == .failure(.unavailable(retryAfter: 1)))
        #expect(await store.history(turn.threadID) == nil)
        let answers: Bool = await store.on { store, resume in store.ping { resume($0) } }
        #expect(!answers)
    }

    @Test func aFullQueueIsUnavailable() async throws {
        let store = try StoreFixture { settings, _, _ in settings.queueRows = 2 }
        let outcomes = await store.accept((0..<4).map { _ in store.newTurn() })
        #expect(outcomes.map(\.position) == [1, 1, nil, nil])
        #expect(outcomes[3] == .failure(.unavailable(retryAfter: 1)))
    }

    @Test func closingFinishesWhatIsUnderWay() async throws {
        let store = try StoreFixture()
        let turns = (0..<10).map { _ in store.newTurn() }
        let order: [String] = await store.on { store, resume in
            final class Order { var events: [String] = [] }
            let order = Order()
            for turn in turns {
                store.accept(turn) { outcome in
                    if case .stored = outcome { order.events.append("stored") }
                }
            }
            store.close {
                store.pool.close(within: 1_000_000_000) {
                    order.events.append("closed")
                    resume(order.events)
                }
            }
        }
        #expect(order == Array(repeating: "stored", count: 10) + ["closed"])
    }
}
