import JSON
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

    @Test(
        "unknown on accept: its sender hears unavailable and may send again; it is offered until it is stored, once",
        arguments: [false, true])
    func acceptInDoubt(committed: Bool) throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client))
        world.store.fail(.accept, .unknown, committed: committed)
        #expect(client.summary == ["error unavailable"])
        world.environment.advance(100)
        // While it is not known, sent again, it is refused at once, and nothing more is stored or asked.
        world.send(client, to: thread)
        world.send(client)
        #expect(client.summary == ["error unavailable", "error unavailable", "error unavailable"])
        #expect(world.store.held.count == 1)
        for error in [StoreError.unavailable(retryAfter: 1), .unknown] {
            world.store.fail(.accept, error)
            world.environment.advance(2_000)
        }
        client.clear()
        world.store.releaseAll()
        // Nobody was waiting; it is sent again, and its sender hears of it and of what it is answered.
        #expect(world.agent.started.count == 1)
        world.send(client, to: thread)
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["duplicate"])
        world.agent.started[0].run.text("reply")
        world.agent.started[0].run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 1)
        #expect(world.store.stored(thread).map(\.content) == ["hello", "reply"])
        world.check(client)
        world.detach(client)
        world.environment.advance(70_000)
        #expect(world.session.isIdle)
        #expect(world.environment.timerCount == 0)
    }

    @Test("a cancel of a message in doubt is answered when it is known")
    func cancelInDoubt() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client))
        world.store.fail(.accept, .unknown, committed: true)
        client.clear()
        world.cancel(client, thread)
        #expect(client.summary == [])
        world.environment.advance(100)
        world.store.releaseAll()
        #expect(client.summary.last == "ack cancelled")
        #expect(world.store.runs.values.map(\.status) == [.cancelled])
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

    @Test("while an end can't be stored, what waits behind it and what comes is unavailable; then all is as before")
    func sendBehindUnstoredEnd() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("reply")
        work.run.finish(nil)
        world.send(client, "behind", id: "2", to: thread)
        world.send(client, "first of two", id: "3", to: thread, .interrupt)
        client.clear()
        world.store.fail(.end, .unavailable(retryAfter: 1))
        #expect(client.summary == ["error unavailable", "error unavailable"])
        #expect(client.frames.map(\.id) == ["2", "3"])
        #expect(client.frames.allSatisfy { $0["retryAfter"]?.integer == 1 })
        client.clear()
        // Before it is offered again, and while it is.
        for id in ["4", "5"] {
            world.send(client, "later", id: id, to: thread)
            #expect(world.store.held(.accept).isEmpty)
            world.store.fail(.sent, .unavailable(retryAfter: 1))
            #expect(client.summary == ["error unavailable"])
            client.clear()
            world.environment.advance(100)
            #expect(world.store.held(.end).count == 1)
        }
        world.store.releaseAll()
        #expect(client.terminals == 1)
        try world.turn(client, id: "2", in: thread)
        #expect(world.store.stored(thread).map(\.content) == ["hello", "reply", "hello", "hi"])
        world.check(client)
        world.detach(client)
        world.environment.advance(70_000)
        #expect(world.session.isIdle)
        #expect(world.environment.timerCount == 0)
    }

    @Test("a message that is known already is acknowledged also while an end can't be stored")
    func duplicateBehindUnstoredEnd() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.finish(nil)
        world.store.fail(.end, .unknown)
        client.clear()
        world.send(client, id: "c1", to: thread)
        #expect(client.summary.first == "ack duplicate")
        world.send(client, "other", id: "2", to: thread)
        world.store.release(.sent)
        #expect(client.summary.last == "error unavailable")
        world.environment.advance(200)
        world.store.releaseAll()
        world.check(client)
    }

    @Test("while a withdrawal can't be stored, what waits behind it is unavailable, and the cancel is told when it is")
    func sendBehindUnstoredWithdrawal() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "queued", id: "2", to: thread)
        world.store.releaseAll()
        let queued = try #require(client.frames(op: "ack").last?.runID)
        world.cancel(client, thread, run: queued)
        world.send(client, "behind", id: "3", to: thread)
        client.clear()
        world.store.fail(.end, .unavailable(retryAfter: 1))
        #expect(client.summary == ["error unavailable"])
        #expect(client.frames.map(\.id) == ["3"])
        world.environment.advance(200)
        world.store.releaseAll()
        #expect(client.summary.last == "ack cancelled")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).map(\.content) == ["hello", "queued"])
        world.check(client)
    }

    @Test("behind a message of which it isn't known whether it was stored, others are unavailable")
    func sendBehindUnknown() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, "a", id: "1"))
        world.send(client, "b", id: "2", to: thread)
        world.store.fail(.accept, .unknown, committed: true)
        #expect(client.summary == ["error unavailable", "error unavailable"])
        #expect(client.frames.map(\.id) == ["1", "2"])
        world.environment.advance(200)
        world.store.releaseAll()
        world.agent.started[0].run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).map(\.content) == ["a"])
        try world.turn(client, id: "2", in: thread)
        #expect(world.agent.started.count == 2)
        world.check(client)
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
