import Chat
import Testing

@Suite("Failures of the store")
struct StoreFailureTests {
    @Test("unavailable on accept: an error with its time, nothing else, and the thread is let go")
    func acceptUnavailable() throws {
        let world = ChatWorld()
        let client = world.connect()
        world.send(client)
        world.store.fail(.accept, .unavailable(retryAfter: 5))
        #expect(client.summary == ["error unavailable"])
        #expect(client.frames[0].id == "c1")
        #expect(client.frames[0]["retryAfter"]?.integer == 5)
        #expect(world.agent.started.isEmpty)
        world.detach(client)
        #expect(world.session.isIdle)
        #expect(world.environment.timerCount == 0)
    }

    @Test("the same id sent again after that is stored")
    func acceptAgain() throws {
        let world = ChatWorld()
        let client = world.connect()
        world.send(client)
        world.store.fail(.accept, .unavailable(retryAfter: 5))
        try world.turn(client)
        #expect(client.summary.dropFirst().first == "ack running")
        world.check(client)
    }

    @Test("unknown on accept is asked again, and the message stored once", arguments: [false, true])
    func acceptUnknown(committed: Bool) throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client))
        world.store.fail(.accept, .unknown, committed: committed)
        #expect(client.summary == [])
        world.environment.advance(200)
        world.store.releaseAll()
        #expect(client.summary.first == "ack running")
        #expect(world.store.stored(thread).count == 1)
        #expect(world.agent.started.count == 1)
        world.agent.started[0].run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }

    @Test("rejected on accept: internal, reported, no content in the report")
    func acceptRejected() throws {
        let world = ChatWorld()
        let client = world.connect()
        world.send(client, "secret words")
        world.store.fail(.accept, .rejected)
        #expect(client.summary == ["error internal"])
        #expect(world.environment.incidents.count == 1)
        #expect(!world.environment.incidents[0].contains("secret"))
    }

    @Test("a turn behind a refused one takes its place")
    func refusedFirst() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, "a", id: "1"))
        world.send(client, "b", id: "2", to: thread)
        world.store.fail(.accept, .unavailable(retryAfter: 1))
        world.store.releaseAll()
        #expect(client.summary.prefix(2) == ["error unavailable", "ack running"])
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).map(\.content) == ["b"])
        world.check(client)
    }

    @Test("unavailable on end: offered again with growing delay; RUN_FINISHED when it is stored")
    func endUnavailable() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("reply")
        work.run.finish(nil)
        var waits: [UInt64] = []
        for _ in 0..<8 {
            #expect(world.store.fail(.end, .unavailable(retryAfter: 1)))
            let start = world.environment.nowMilliseconds
            while world.store.held(.end).isEmpty, world.environment.nowMilliseconds < start + 10_000 {
                world.environment.advance(100)
            }
            waits.append(world.environment.nowMilliseconds - start)
        }
        #expect(waits == [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000])
        #expect(client.terminals == 0)
        world.store.releaseAll()
        #expect(client.terminals == 1)
        #expect(world.store.stored(thread).map(\.content) == ["hello", "reply"])
        world.check(client)
    }

    @Test("an end whose commit got lost is stored once, and the next turn begins once")
    func endUnknown() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "next", id: "2", to: thread)
        world.send(client, "third", id: "3", to: thread)
        world.store.releaseAll()
        work.run.text("reply")
        work.run.finish(nil)
        world.store.fail(.end, .unknown, committed: true)
        // Meanwhile the one that the database has begun is cancelled.
        let next = try #require(client.frames(op: "ack")[1].runID)
        world.cancel(client, thread, run: next)
        world.environment.advance(3_000)
        world.store.releaseAll()
        #expect(world.store.stored(thread).filter { $0.content == "reply" }.count == 1)
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "third"])
        #expect(world.store.runs[next]?.status == .cancelled)
        let third = try #require(world.agent.started.last)
        #expect(world.store.runs[third.input.runID]?.status == .running)
        third.run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }

    @Test("rejected on end: reported, and the run still ends")
    func endRejected() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (_, work) = try world.begin(client)
        work.run.text("reply")
        work.run.finish(nil)
        world.store.fail(.end, .rejected)
        #expect(client.terminals == 1)
        #expect(world.environment.incidents.count == 1)
    }

    @Test("a tool whose transaction fails: nothing changed, the run fails, the assistant stops")
    func toolUnavailable() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("I add it.")
        work.call()
        world.store.fail(.perform, .unavailable(retryAfter: 1))
        #expect(work.isCancelled)
        #expect(work.outcomes.isEmpty)
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["tool_failed"])
        #expect(client.events("TOOL_CALL_RESULT").isEmpty)
        #expect(world.store.stored(thread).last?.content == "I add it.")
        #expect(world.store.stored(thread).last?.toolCalls == [])
        world.check(client)
    }

    @Test("a tool whose commit got lost is asked again and has its effect once", arguments: [false, true])
    func toolUnknown(committed: Bool) throws {
        let world = ChatWorld()
        let client = world.connect()
        let (_, work) = try world.begin(client)
        work.call()
        world.store.fail(.perform, .unknown, committed: committed)
        world.environment.advance(200)
        world.store.releaseAll()
        #expect(world.store.effects.count == 1)
        #expect(work.outcomes.count == 1)
        #expect(client.events("TOOL_CALL_RESULT").count == 1)
        work.run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }

    @Test("a tool of which nothing is ever heard fails the run without saying that nothing was changed")
    func toolNeverKnown() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (_, work) = try world.begin(client)
        work.call()
        for _ in 0..<50 {
            world.store.fail(.perform, .unknown)
            world.environment.advance(2_000)
        }
        world.store.releaseAll()
        let error = try #require(client.events("RUN_ERROR").first)
        #expect(error["code"]?.string == "tool_failed")
        #expect(error["message"]?.string?.contains("not carried out") == false)
        world.check(client)
    }

    @Test("a failed tool during a cancel leaves a cancelled run")
    func toolFailsDuringCancel() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.call()
        world.cancel(client, thread)
        world.store.fail(.perform, .unavailable(retryAfter: 1))
        world.store.releaseAll()
        #expect(client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["cancelled"])
        #expect(client.summary.last == "ack cancelled")
        world.check(client)
    }

    @Test("a conversation that is deleted during the run ends the run all the same")
    func threadGone() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("x")
        world.store.conversations[thread] = nil
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 1)
    }
}
