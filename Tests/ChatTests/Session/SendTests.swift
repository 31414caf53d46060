import JSON
import Chat
import Testing

@Suite("Sending")
struct SendTests {
    @Test("the ack comes when the message is committed, and not before; the assistant hears of it then")
    func ackAfterCommit() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client))
        #expect(client.summary == [])
        #expect(world.agent.started.isEmpty)
        let call = try #require(world.store.take(.accept))
        call.commit()
        #expect(client.summary == [])
        call.complete()
        #expect(client.summary == ["ack running", "thread active", "RUN_STARTED"])
        let ack = client.frames[0]
        let stored = try #require(world.store.stored(thread).first)
        #expect(ack.id == "c1")
        #expect(ack["threadId"]?.string == thread.description)
        #expect(ack["messageId"]?.string == stored.id.description)
        #expect(world.agent.started.count == 1)
        #expect(world.agent.started[0].input.message.content == "hello")
        world.check(client)
    }

    @Test("RUN_FINISHED comes when the reply is committed, and not before")
    func finishedAfterCommit() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("one ")
        work.run.text("two")
        work.run.finish(Usage(inputTokens: 3, outputTokens: 4))
        #expect(client.terminals == 0)
        let call = try #require(world.store.take(.end))
        call.commit()
        #expect(client.terminals == 0)
        call.complete()
        #expect(client.terminals == 1)
        #expect(
            client.events().map(FakeClient.summary) == [
                "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CONTENT",
                "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        let reply = try #require(world.store.stored(thread).last)
        #expect(reply.content == "one two")
        #expect(client.threads[thread]?.text[reply.id.description] == "one two")
        #expect(world.store.runs[work.input.runID]?.status == .completed)
        #expect(world.store.endings.last?.usage == Usage(inputTokens: 3, outputTokens: 4))
        world.check(client)
    }

    @Test("the user's message without an id is acknowledged without one")
    func sendWithoutID() throws {
        let world = ChatWorld()
        let client = world.connect()
        try world.turn(client, id: nil)
        #expect(client.frames[0].op == "ack")
        #expect(client.frames[0].id == nil)
        world.check(client)
    }

    @Test("a second message goes to the same thread with the history before it")
    func history() throws {
        let world = ChatWorld { $0.fakeAgent.historyWanted = 10 }
        let client = world.connect()
        let thread = try world.turn(client, saying: "hi there", id: "c1")
        #expect(world.agent.started[0].input.history.isEmpty)
        try world.turn(client, saying: "again", id: "c2", in: thread)
        #expect(world.agent.started[1].input.history.map(\.content) == ["hello", "hi there"])
        world.check(client)
    }

    @Test(
        "the assistant sees CONTEXT_MESSAGES messages in whole turns, its own message among them",
        arguments: [(1, 0), (2, 2), (4, 2), (5, 4), (9, 4)])
    func context(messages: Int, seen: Int) throws {
        let world = ChatWorld {
            $0.fakeAgent.historyWanted = .max
            $0.limits.contextMessages = messages
        }
        let client = world.connect()
        let thread = try world.turn(client, id: "c1")
        for id in ["c2", "c3"] { try world.turn(client, id: id, in: thread) }
        #expect(world.agent.started.last?.input.history.count == seen)
        world.check(client)
    }

    @Test("the history is read where the thread was not in memory, without the message itself")
    func historyRead() throws {
        let world = ChatWorld {
            $0.fakeAgent.historyWanted = 10
            $0.limits.logRetention = 10
        }
        let client = world.connect()
        let thread = try world.turn(client, saying: "hi", id: "c1")
        world.handle(client, .unsubscribe(id: nil, threadID: .known(thread)))
        world.environment.advance(100)
        let (_, work) = try world.begin(client, id: "c2", in: thread)
        #expect(work.input.history.map(\.content) == ["hello", "hi"])
        world.check(client)
    }

    @Test("a history that can't be read ends the run, and the next one tries again")
    func historyUnreadable() throws {
        let world = ChatWorld {
            $0.fakeAgent.historyWanted = 10
            $0.limits.logRetention = 10
        }
        let client = world.connect()
        let thread = try world.turn(client)
        world.handle(client, .unsubscribe(id: nil, threadID: .known(thread)))
        world.environment.advance(100)
        world.send(client, id: "c2", to: thread)
        world.store.releaseAll(except: [.messages])
        #expect(world.store.fail(.messages, .unavailable(retryAfter: 1)))
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").last?["code"]?.string == "internal")
        try world.turn(client, id: "c3", in: thread)
        #expect(client.summary.last == "RUN_FINISHED")
        world.check(client)
    }

    @Test("a foreign or unknown thread is refused and nothing is kept")
    func unknownThread() throws {
        let world = ChatWorld()
        let client = world.connect()
        world.send(client, to: Identifier(high: 1, low: 2))
        world.store.releaseAll()
        #expect(client.summary == ["error thread_not_found"])
        world.session.handle(
            .send(id: "c2", threadID: .impossible, content: "x", policy: .enqueue), from: client)
        #expect(client.summary == ["error thread_not_found", "error thread_not_found"])
        #expect(client.frames[1].id == "c2")
        world.detach(client)
        #expect(world.session.isIdle)
        #expect(world.agent.started.isEmpty)
    }

    @Test("a full conversation is refused")
    func full() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client)
        world.store.isFull = true
        client.clear()
        world.send(client, id: "c2", to: thread)
        world.store.releaseAll()
        #expect(client.summary == ["error conversation_full"])
        world.check(client)
    }

    @Test("every socket of the user hears of a new conversation, and only the sender of its events")
    func announced() throws {
        let world = ChatWorld()
        let sender = world.connect()
        let other = world.connect()
        try world.turn(sender)
        #expect(other.summary == ["thread active"])
        #expect(other.frames[0]["title"]?.string == "hello")
    }

    @Test("an assistant may do all of its work within start")
    func synchronousAgent() throws {
        let world = ChatWorld()
        world.agent.onStart = { work in
            work.run.text("at once")
            work.run.finish(nil)
        }
        let client = world.connect()
        world.send(client, id: "c1")
        world.store.releaseAll()
        #expect(client.summary.last == "RUN_FINISHED")
        #expect(client.terminals == 1)
        world.check(client)
    }

    @Test("the tool's result is sent when its effect is committed; the assistant goes on after that")
    func tool() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.call()
        #expect(client.events("TOOL_CALL_END").count == 1)
        let call = try #require(world.store.take(.perform))
        call.commit()
        #expect(client.events("TOOL_CALL_RESULT").isEmpty)
        #expect(work.outcomes.isEmpty)
        call.complete()
        #expect(client.events("TOOL_CALL_RESULT").count == 1)
        #expect(work.outcomes.count == 1)
        work.run.text("done")
        work.run.finish(nil)
        world.store.releaseAll()
        let stored = world.store.stored(thread)
        #expect(stored.map(\.role) == [.user, .assistant, .tool, .assistant])
        #expect(stored[1].toolCalls.map(\.arguments) == [#"{"title":"milk"}"#])
        #expect(stored[2].toolCallID == stored[1].toolCalls[0].id)
        #expect(client.events("TOOL_CALL_RESULT")[0]["messageId"]?.string == stored[2].id.description)
        world.check(client)
    }

    @Test("text goes on while a tool is under way; all of it is checkpointed and stored")
    func textDuringTool() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.call()
        work.run.text("one ")
        world.store.release(.perform)
        work.run.text("two")
        world.environment.advance(1_100)
        #expect(world.store.checkpoints.last?.messages.map(\.content) == ["", "one two"])
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(world.store.stored(thread).map(\.content).contains("one two"))
        world.check(client)
    }

    @Test("text is checkpointed once a second while it streams, and not when it does not")
    func checkpoints() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (_, work) = try world.begin(client)
        for step in 1...25 {
            work.run.text("\(step) ")
            world.environment.advance(100)
        }
        #expect(world.store.checkpoints.count == 2)
        world.environment.advance(10_000)
        let count = world.store.checkpoints.count
        world.environment.advance(10_000)
        #expect(world.store.checkpoints.count == count)
        work.run.finish(nil)
        world.store.releaseAll()
        world.environment.advance(5_000)
        #expect(world.store.checkpoints.count == count)
    }

    @Test("a reply is cut at its bound and ends as truncated, with what was shown stored")
    func replyBound() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text(String(repeating: "a", count: 199_999))
        work.run.text("😀😀")
        work.run.text("more")
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["upstream_truncated"])
        #expect(work.isCancelled)
        let reply = try #require(world.store.stored(thread).last)
        #expect(reply.content.unicodeScalars.count == 200_000)
        #expect(reply.content.hasSuffix("a😀"))
        #expect(reply.status == .failed)
        #expect(client.threads[thread]?.text[reply.id.description] == reply.content)
        world.check(client)
    }

    @Test("an assistant that fails ends the run with its code, what was said stored")
    func failure() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("par")
        work.run.fail(.upstreamTimeout, "Too slow.")
        work.run.fail(.internal, "again")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["upstream_timeout"])
        #expect(client.terminals == 1)
        #expect(world.store.stored(thread).last?.content == "par")
        #expect(world.store.runs[work.input.runID]?.status == .failed)
        world.check(client)
    }

    @Test("a call that was never announced does not leave a run without end")
    func performWithoutAnnouncement() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (_, work) = try world.begin(client)
        work.run.perform(id: "none", name: "add_task", arguments: [:]) { _ in }
        world.store.releaseAll()
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["internal"])
        #expect(world.store.effects.isEmpty)
        world.check(client)
    }
}
