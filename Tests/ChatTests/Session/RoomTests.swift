import Chat
import JSON
import Testing

@Suite("Room in a conversation")
struct RoomTests {
    private static func world(_ limit: Int) -> ChatWorld {
        ChatWorld { $0.limits.messagesPerConversation = limit }
    }

    @Test("turns wait only while there is room, and one that finds none ends as conversation_full")
    func queue() throws {
        let world = Self.world(8)
        let client = world.connect()
        let (thread, first) = try world.begin(client)
        for index in 1...8 { world.send(client, "m\(index)", id: "q\(index)", to: thread) }
        world.store.releaseAll()
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["conversation_full", "conversation_full"])
        first.run.text("ok")
        first.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).count == 8)
        #expect(world.agent.started.count == 1)
        let codes = client.events("RUN_ERROR").map { $0["code"]?.string }
        #expect(codes == Array(repeating: "conversation_full", count: 6))
        #expect(world.store.runs.values.count { $0.status == .failed } == 6)
        world.check(client)
    }

    @Test(
        "a run whose tool steps would pass the limit answers with what it has",
        arguments: [
            (4, false, "RUN_FINISHED", 3), (3, false, "RUN_ERROR", 1), (6, true, "RUN_FINISHED", 5),
            (5, true, "RUN_FINISHED", 4),
        ])
    func steps(limit: Int, speaks: Bool, end: String, stored: Int) throws {
        let world = Self.world(limit)
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        for index in 1...4 {
            if speaks { work.run.text("step \(index)") }
            work.run.call(id: "t\(index)", name: "list_tasks", arguments: [:]) { _ in }
            world.store.releaseAll()
        }
        if !speaks { work.run.text("done") }
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).count <= limit)
        #expect(client.events(nil).last?["type"]?.string == (limit == 4 && !speaks ? "RUN_ERROR" : end))
        world.check(client)
    }

    @Test("what was asked while a reply grew leaves it its place")
    func askedMeanwhile() throws {
        let world = Self.world(6)
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.call(id: "t", name: "list_tasks", arguments: [:]) { _ in }
        world.store.releaseAll()
        for index in 1...4 { world.send(client, "m\(index)", id: "q\(index)", to: thread) }
        world.store.releaseAll()
        #expect(client.frames(op: "error").count == 2)
        work.run.text("done")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).count == 6)
        #expect(client.events("RUN_FINISHED").count == 1)
        world.check(client)
    }

    @Test("a question that waited stands behind the answer to the one before it, also after a restart")
    func order() throws {
        let world = ChatWorld { $0.fakeAgent.historyWanted = 10 }
        let client = world.connect()
        let (thread, first) = try world.begin(client)
        world.send(client, "second", id: "q2", to: thread)
        world.send(client, "third", id: "q3", to: thread)
        world.store.releaseAll()
        first.run.text("one")
        first.run.finish(nil)
        world.store.releaseAll()
        world.agent.started.last?.run.text("two")
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        let third = try #require(world.agent.started.last)
        let said = ["hello", "one", "second", "two"]
        #expect(third.input.history.map(\.content) == said)
        #expect(HistoryWindow.byTurns(world.store.stored(thread)).map(\.content) == said + ["third"])
        third.run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }
}
