import Chat
import JSON
import Testing

/// An end that the database refuses would be refused again: the run fails, durably, with as much of its text as can be
/// stored, and nobody is told of a success.
@Suite("Ends that the database refuses")
struct RefusedEndTests {
    /// How often the end is refused, and what is stored then.
    @Test(
        "the run fails as internal with its text, then without, and not before that is stored",
        arguments: [
            (1, ["I add it.", "Done."]), (2, []), (3, []), (7, []),
        ])
    func refused(times: Int, texts: [String]) throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("I add it.")
        work.call()
        world.store.releaseAll()
        work.run.text("Done.")
        work.run.finish(nil)
        for _ in 0..<times {
            #expect(client.terminals == 0)
            #expect(world.store.fail(.end, .rejected))
            world.environment.advance(2_000)
        }
        #expect(client.terminals == 0)
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["internal"])
        #expect(client.events("RUN_FINISHED").isEmpty)
        let replies = world.store.stored(thread).filter { $0.role != .user }
        #expect(replies.map(\.content) == texts)
        #expect(replies.allSatisfy { $0.status == .failed && $0.toolCalls.isEmpty && $0.role == .assistant })
        #expect(world.store.runs[work.input.runID]?.status == .failed)
        #expect(world.store.endings.last { $0.runID == work.input.runID }?.failure?.code == .internal)
        // Said once of each form that was refused, however often the last one is.
        #expect(world.environment.incidents.count == min(times, 2))
        #expect(!world.environment.incidents.contains { $0.contains("Done") })
        try world.turn(client, id: "3", in: thread)
        #expect(world.store.runs.values.allSatisfy { $0.status.isTerminal })
        world.check(client)
    }

    @Test("a run that was cancelled or interrupted likewise; who cancelled it hears that there was nothing to cancel")
    func stopped() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("par")
        world.cancel(client, thread)
        world.store.fail(.end, .rejected)
        #expect(client.summary.last == "TEXT_MESSAGE_END")
        world.store.releaseAll()
        #expect(client.summary.suffix(2) == ["RUN_ERROR", "ack idle"])
        #expect(world.store.stored(thread).map(\.status) == [.complete, .failed])
        let (_, next) = try world.begin(client, id: "2", in: thread)
        next.run.text("par")
        world.session.interrupt()
        world.store.fail(.end, .rejected)
        world.store.releaseAll()
        #expect(!world.session.hasWork)
        #expect(world.store.runs[next.input.runID]?.status == .failed)
        world.check(client)
    }

    @Test("the turn that waits behind it begins when it is stored")
    func nextTurn() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "next", id: "2", to: thread)
        world.store.releaseAll()
        work.run.text("reply")
        work.run.finish(nil)
        world.store.fail(.end, .rejected)
        #expect(world.agent.started.count == 1)
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "next"])
        world.agent.started[1].run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 2)
        world.check(client)
    }

    @Test("a withdrawal that is refused is offered until it is stored, reported once, and told when it is")
    func withdrawal() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "queued", id: "2", to: thread)
        world.store.releaseAll()
        let queued = try #require(client.frames(op: "ack").last?.runID)
        client.clear()
        world.cancel(client, thread, run: queued)
        for _ in 0..<3 {
            #expect(world.store.fail(.end, .rejected))
            world.environment.advance(2_000)
        }
        #expect(client.frames(op: "ack").isEmpty)
        world.store.releaseAll()
        #expect(client.summary == ["ack cancelled"])
        #expect(world.store.runs[queued]?.status == .cancelled)
        #expect(world.environment.incidents.count == 1)
        work.run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }
}
