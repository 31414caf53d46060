import JSON
import Chat
import Testing

@Suite("Cancel")
struct CancelTests {
    @Test("a run's id that can't be one is no run: idle, in a thread in memory or not", arguments: [true, false])
    func impossibleRun(isHeld: Bool) throws {
        let world = ChatWorld { $0.limits.logRetention = 10 }
        let client = world.connect()
        let thread = try world.turn(client)
        if !isHeld {
            world.handle(client, .unsubscribe(id: nil, threadID: .known(thread)))
            world.environment.advance(100)
        }
        client.clear()
        world.handle(client, .cancel(id: "x", threadID: .known(thread), runID: .impossible))
        world.store.releaseAll()
        #expect(client.summary == ["ack idle"])
        #expect(client.frames[0].runID == nil)
        world.check(client)
    }

    @Test("before the first token: nothing to store, one terminal event, then the ack")
    func beforeFirstToken() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        client.clear()
        world.cancel(client, thread)
        #expect(work.isCancelled)
        #expect(client.summary == [])
        world.store.releaseAll()
        #expect(client.summary == ["RUN_FINISHED", "ack cancelled"])
        #expect(client.frames[0]["outcome"]?["type"]?.string == "cancelled")
        #expect(client.frames[1]["runId"]?.string == work.input.runID.description)
        #expect(world.store.stored(thread).count == 1)
        world.check(client)
    }

    @Test("mid text: what was shown is stored as cancelled, and what the assistant says later is not heard")
    func midText() throws {
        let world = ChatWorld()
        let client = world.connect()
        let other = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("shown")
        world.cancel(other, thread, run: work.input.runID)
        work.run.text(" late")
        work.run.endText()
        work.run.toolCallStart(id: "t", name: "add_task")
        work.run.finish(nil)
        work.run.fail(.internal, "late")
        world.store.releaseAll()
        let reply = try #require(world.store.stored(thread).last)
        #expect(reply.content == "shown")
        #expect(reply.status == .cancelled)
        #expect(client.threads[thread]?.text[reply.id.description] == "shown")
        #expect(client.terminals == 1)
        #expect(other.summary == ["thread active", "ack cancelled"])
        world.check(client)
    }

    @Test("during a tool: its effect is awaited, its result sent, the assistant not called")
    func duringTool() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("I add it.")
        work.call()
        world.cancel(client, thread)
        #expect(work.isCancelled)
        #expect(world.store.held(.end).isEmpty)
        #expect(client.terminals == 0)
        world.store.releaseAll()
        #expect(work.outcomes.isEmpty)
        #expect(
            client.events().map(FakeClient.summary).suffix(2) == ["TOOL_CALL_RESULT", "RUN_FINISHED"])
        #expect(client.summary.last == "ack cancelled")
        #expect(world.store.stored(thread).map(\.role) == [.user, .assistant, .tool])
        world.check(client)
    }

    @Test("while a tool call's arguments stream: the call is closed and left out of the history")
    func duringArguments() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("Hm.")
        work.run.toolCallStart(id: "t", name: "add_task")
        work.run.toolCallArguments(id: "t", delta: "{\"ti")
        world.cancel(client, thread)
        world.store.releaseAll()
        #expect(client.events("TOOL_CALL_END").count == 1)
        #expect(world.store.stored(thread).last?.toolCalls == [])
        world.check(client)
    }

    @Test("while the reply is being stored: too late, one terminal event, an idle ack after it")
    func whileEnding() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("all")
        work.run.finish(nil)
        world.cancel(client, thread)
        client.clear()
        world.store.releaseAll()
        #expect(client.summary == ["RUN_FINISHED", "ack idle"])
        #expect(client.frames[0]["outcome"]?["type"]?.string == "success")
        world.check(client)
    }

    @Test("twice, from two sockets: one terminal event, two acks")
    func twice() throws {
        let world = ChatWorld()
        let client = world.connect()
        let other = world.connect()
        let (thread, work) = try world.begin(client)
        world.cancel(client, thread)
        world.cancel(other, thread)
        world.store.releaseAll()
        #expect(work.cancellations == 1)
        #expect(client.terminals == 1)
        #expect(client.summary.last == "ack cancelled")
        #expect(other.summary.last == "ack cancelled")
        world.check(client, other)
    }

    @Test("of a queued run, also twice: withdrawn when that is durable, the others go on")
    func queued() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "a", id: "a", to: thread)
        world.send(client, "b", id: "b", to: thread)
        world.store.releaseAll()
        let run = try #require(client.frames(op: "ack")[1].runID)
        client.clear()
        world.cancel(client, thread, run: run, id: "x1")
        world.cancel(client, thread, run: run, id: "x2")
        #expect(client.summary == [])
        #expect(world.session.whereabouts(of: run, in: thread) == .underWay)
        world.store.releaseAll()
        #expect(world.session.whereabouts(of: run, in: thread) == .over)
        #expect(client.summary == ["ack cancelled", "ack cancelled"])
        #expect(world.store.runs[run]?.status == .cancelled)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(world.agent.started.last?.input.message.content == "b")
        world.check(client)
    }

    @Test("of a run that is still being stored: it ends at once")
    func whileAccepting() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client))
        world.cancel(client, thread)
        world.store.releaseAll()
        #expect(world.agent.started.allSatisfy { $0.isCancelled })
        #expect(client.summary.last == "ack cancelled")
        #expect(client.terminals == 1)
        world.check(client)
    }

    @Test("of a run that waits for its history")
    func whileReading() throws {
        let world = ChatWorld {
            $0.fakeAgent.historyWanted = 10
            $0.limits.logRetention = 10
        }
        let client = world.connect()
        let thread = try world.turn(client)
        world.handle(client, .unsubscribe(id: nil, threadID: .known(thread)))
        world.environment.advance(100)
        world.send(client, id: "c2", to: thread)
        world.store.release(.accept)
        world.cancel(client, thread)
        world.store.releaseAll(except: [.messages])
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        #expect(client.summary.last == "ack cancelled")
        try world.turn(client, id: "c3", in: thread)
        #expect(world.agent.started.last?.input.history.first?.content == "hello")
        world.check(client)
    }

    @Test("when there is nothing to cancel: idle; an unknown thread: not found")
    func nothing() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client)
        client.clear()
        world.cancel(client, thread)
        world.cancel(client, thread, run: Identifier(high: 9, low: 9))
        world.session.handle(.cancel(id: "x", threadID: .known(thread), runID: .impossible), from: client)
        world.cancel(client, Identifier(high: 1, low: 1))
        world.session.handle(.cancel(id: "y", threadID: .impossible, runID: nil), from: client)
        world.store.releaseAll()
        #expect(
            client.summary.sorted() == [
                "ack idle", "ack idle", "ack idle", "error thread_not_found", "error thread_not_found",
            ])
        world.store.conversations[Identifier(high: 2, low: 2)] = (
            "bob",
            Conversation(
                id: Identifier(high: 2, low: 2), title: nil, status: .active, messageCount: 0, createdAt: 0,
                updatedAt: 0)
        )
        world.cancel(client, Identifier(high: 2, low: 2))
        world.store.releaseAll()
        #expect(client.summary.last == "error thread_not_found")
    }

    @Test("within the assistant's start: its work is stopped")
    func withinStart() throws {
        let world = ChatWorld()
        let client = world.connect()
        client.onFrame = { [unowned world, unowned client] frame in
            guard frame["type"]?.string == "TEXT_MESSAGE_CONTENT", let thread = client.threads.keys.first else {
                return
            }
            world.cancel(client, thread)
        }
        world.agent.onStart = { $0.run.text("x") }
        world.send(client)
        world.store.releaseAll()
        #expect(world.agent.started[0].isCancelled)
        #expect(client.summary.last == "ack cancelled")
        #expect(client.terminals == 1)
        world.check(client)
    }

    @Test("a flood of cancels during a tool is bounded")
    func flood() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.call()
        for _ in 0..<200 { world.cancel(client, thread) }
        #expect(client.frames(op: "error").count >= 100)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").contains { $0["status"]?.string == "cancelled" })
        world.check(client)
    }
}
