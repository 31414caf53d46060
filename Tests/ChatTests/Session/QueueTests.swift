import Chat
import JSON
import Testing

@Suite("Queue")
struct QueueTests {
    @Test("turns wait in order, with positions; the ninth is refused; each runs when the one before it is stored")
    func order() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, first) = try world.begin(client)
        for index in 1...9 { world.send(client, "m\(index)", id: "q\(index)", to: thread) }
        world.store.releaseAll()
        #expect(
            client.frames(op: "ack").dropFirst().map { $0["position"]?.integer } == (1...8).map { Int64($0) })
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["queue_full"])
        #expect(client.frames(op: "error")[0].id == "q9")
        first.run.finish(nil)
        #expect(world.agent.started.count == 1)
        for _ in 1...8 {
            world.store.releaseAll()
            world.agent.started.last?.run.text("ok")
            world.agent.started.last?.run.finish(nil)
        }
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content) == ["hello"] + (1...8).map { "m\($0)" })
        #expect(client.terminals == 9)
        #expect(world.store.runs.values.allSatisfy { $0.status == .completed })
        world.check(client)
    }

    @Test("turns that are sent before the first one is stored wait behind it")
    func sentAtOnce() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, "a", id: "1"))
        for index in 2...10 { world.send(client, "b", id: "\(index)", to: thread) }
        world.store.releaseAll()
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["queue_full"])
        let acks = client.frames(op: "ack")
        #expect(acks.map { $0["status"]?.string } == ["running"] + Array(repeating: "queued", count: 8))
        #expect(acks.dropFirst().map { $0["position"]?.integer } == (1...8).map { Int64($0) })
        world.check(client)
    }

    @Test("reject answers busy and stores nothing")
    func reject() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, id: "r", to: thread, .reject)
        world.store.release(.sent)
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["busy"])
        #expect(world.store.turns.count == 1)
        work.run.finish(nil)
        world.store.releaseAll()
        world.send(client, id: "r", to: thread, .reject)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").last?["status"]?.string == "running")
        world.check(client)
    }

    @Test("interrupt ends the running turn and goes before those that wait")
    func interrupt() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("half")
        world.send(client, "waits", id: "w", to: thread)
        world.send(client, "first", id: "i", to: thread, .interrupt)
        world.store.releaseAll()
        #expect(work.isCancelled)
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "first"])
        #expect(world.store.stored(thread).first { $0.role == .assistant }?.status == .cancelled)
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(world.agent.started.last?.input.message.content == "waits")
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(
            client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["cancelled", "success", "success"])
        world.check(client)
    }

    @Test("interrupt while the first turn is still being stored cancels that one")
    func interruptPending() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, "first", id: "1"))
        world.send(client, "second", id: "2", to: thread, .interrupt)
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content).last == "second")
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["cancelled", "success"])
        world.check(client)
    }

    @Test("interrupt that could not be stored did nothing")
    func interruptNotStored() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, id: "i", to: thread, .interrupt)
        world.store.fail(.accept, .unavailable(retryAfter: 3))
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["unavailable"])
        #expect(!work.isCancelled)
        work.run.text("goes on")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["success"])
        world.check(client)
    }

    @Test("ready lists what runs and waits")
    func ready() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, _) = try world.begin(client)
        world.send(client, id: "q", to: thread)
        world.store.releaseAll()
        let late = FakeClient()
        world.session.attach(late, expiresAt: 1_700_000_000_000_000)
        let ready = late.frames[0]
        #expect(ready.op == "ready")
        #expect(ready["runs"]?.array?.compactMap { $0["status"]?.string } == ["running", "queued"])
        #expect(ready["expiresAt"]?.string == "2023-11-14T22:13:20.000Z")
        #expect(ready["epoch"]?.string == "e1")
    }
}
