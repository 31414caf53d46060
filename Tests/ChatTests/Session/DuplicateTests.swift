import JSON
import Chat
import Strings
import Testing

@Suite("Repeated ids")
struct DuplicateTests {
    @Test("the same id again while the message is being stored: one message, both hear of it")
    func racePending() throws {
        let world = ChatWorld()
        let first = world.connect()
        let second = world.connect()
        let thread = world.send(first, id: "k")
        #expect(world.send(second, id: "k") == thread)
        world.store.releaseAll()
        #expect(first.summary.prefix(1) == ["ack running"])
        #expect(second.summary.prefix(1) == ["ack duplicate"])
        #expect(first.frames[0]["runId"] == second.frames[0]["runId"])
        #expect(world.agent.started.count == 1)
        world.agent.started[0].run.text("hi")
        world.agent.started[0].run.finish(nil)
        world.store.releaseAll()
        #expect(first.terminals == 1)
        #expect(second.terminals == 1)
        #expect(world.store.turns.count == 1)
        world.check(first, second)
    }

    @Test("ids that are canonically equivalent are two, while they are stored and afterwards")
    func equivalent() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, "one", id: "k\u{E9}"))
        #expect(world.send(client, "two", id: "ke\u{301}", to: thread) == thread)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["running", "queued"])
        world.send(client, "three", id: "\u{212A}", to: thread)
        world.send(client, "four", id: "K", to: thread)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["running", "queued", "queued", "queued"])
        #expect(world.store.turns.count == 4)
    }

    @Test("the same id again on the same socket while it runs")
    func whileRunning() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client, id: "k")
        work.run.text("a")
        world.send(client, id: "k", to: thread)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["running", "duplicate"])
        work.run.text("b")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 1)
        #expect(world.store.stored(thread).map(\.content) == ["hello", "ab"])
        world.check(client)
    }

    @Test("a repetition does nothing, whatever its policy", arguments: ["enqueue", "reject", "interrupt"])
    func policyOfRepetition(policy: String) throws {
        let policy = try #require(ClientCommand.QueuePolicy(rawValue: policy))
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client, id: "k")
        world.send(client, id: "k", to: thread, policy)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").last?["status"]?.string == "duplicate")
        #expect(client.frames(op: "error").isEmpty)
        #expect(!work.isCancelled)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["success"])
        world.check(client)
    }

    @Test("an id of an ended run, sent again with interrupt, interrupts nothing")
    func interruptWithOldID() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, id: "old")
        let (_, work) = try world.begin(client, id: "new", in: thread)
        world.send(client, id: "old", to: thread, .interrupt)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").last?["status"]?.string == "duplicate")
        #expect(!work.isCancelled)
    }

    @Test("the same id after the run ended, from a new socket: the original ids and the run's events")
    func afterTheEnd() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first, saying: "text", id: "k")
        world.detach(first)
        let second = world.connect()
        world.send(second, id: "k")
        world.store.releaseAll()
        #expect(second.frames[0]["status"]?.string == "duplicate")
        #expect(second.frames[0]["messageId"]?.string == world.store.stored(thread)[0].id.description)
        #expect(second.events("RUN_FINISHED").count == 1)
        #expect(second.events().allSatisfy { $0.isReplay })
        #expect(second.threads[thread]?.text.values.first == "text")
        #expect(world.agent.started.count == 1)
        world.check(second)
    }

    @Test("a message that another process stored and did not run is adopted: its run runs once")
    func adopted() throws {
        let world = ChatWorld()
        let first = world.connect()
        try world.strand("hello", id: "k")
        #expect(world.agent.started.isEmpty)
        world.send(first, "hello", id: "k")
        world.store.releaseAll()
        #expect(first.summary.first == "ack duplicate")
        let work = try #require(world.agent.started.first)
        work.run.text("late")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(first.terminals == 1)
        #expect(world.store.runs[work.input.runID]?.status == .completed)
        #expect(world.store.stored(work.input.threadID).map(\.content) == ["hello", "late"])
        world.check(first)
    }

    @Test("a run that another gateway has is not run here; who asked is shown the history when it has ended")
    func elsewhere() throws {
        let world = ChatWorld()
        let client = world.connect()
        try world.strand("hello", id: "k")
        let runID = try #require(world.store.clientIDs["anna/k"])
        let thread = try #require(world.store.runs[runID]).threadID
        world.store.elsewhere = [runID]
        for _ in 0..<3 { world.send(client, id: "k") }
        world.store.releaseAll()
        #expect(client.summary == ["ack duplicate", "ack duplicate", "ack duplicate"])
        for _ in 0..<3 {
            world.environment.advance(1_000)
            world.store.releaseAll()
        }
        #expect(world.agent.started.isEmpty)
        #expect(world.session.whereabouts(of: runID, in: thread) == .underWay)
        world.environment.advance(1_000)
        #expect(world.store.fail(.sent, .unavailable(retryAfter: 1)))
        #expect(world.session.whereabouts(of: runID, in: thread) == .unknown)
        world.environment.advance(1_000)
        world.store.releaseAll()
        #expect(world.session.whereabouts(of: runID, in: thread) == .underWay)
        world.store.end(
            RunEnding(
                userID: "anna", threadID: thread, runID: runID, status: .completed,
                messages: [Message(id: Identifier(high: 7, low: 7), role: .assistant, content: "elsewhere")])
        ) { _ in }
        world.store.releaseAll()
        world.environment.advance(1_000)
        world.store.releaseAll()
        #expect(world.session.whereabouts(of: runID, in: thread) == .over)
        #expect(client.summary.suffix(2) == ["snapshot", "subscribed snapshot"])
        let messages = client.frames(op: "snapshot").last?["messages"]?.array ?? []
        #expect(messages.map { $0["content"]?.string } == ["hello", "elsewhere"])
        #expect(world.agent.started.isEmpty)
        world.detach(client)
        world.environment.advance(2_000)
        #expect(world.session.isIdle)
        world.check(client)
    }

    @Test("whether a run is another gateway's is asked until the database says")
    func elsewhereUnknown() throws {
        let world = ChatWorld()
        let client = world.connect()
        try world.strand("hello", id: "k")
        let runID = try #require(world.store.clientIDs["anna/k"])
        let thread = try #require(world.store.runs[runID]).threadID
        world.send(client, id: "k")
        world.store.releaseAll(except: [.sent])
        #expect(world.session.whereabouts(of: runID, in: thread) == .underWay)
        for _ in 0..<3 {
            #expect(world.store.fail(.sent, .unavailable(retryAfter: 1)))
            #expect(world.agent.started.isEmpty)
            #expect(world.session.whereabouts(of: runID, in: thread) == .unknown)
            world.environment.advance(1_000)
        }
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        #expect(client.summary.prefix(2) == ["ack duplicate", "RUN_STARTED"])
        world.check(client)
    }

    @Test("a run is adopted although the socket that asked is gone by then")
    func adoptedWithoutSocket() throws {
        let world = ChatWorld()
        let client = world.connect()
        try world.strand("hello", id: "k")
        world.send(client, id: "k")
        world.detach(client)
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        world.environment.advance(60_001)
        #expect(world.session.isIdle)
        world.check()
    }

    @Test("an adopted run goes before what was sent after it")
    func adoptedBeforeLater() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, id: "c1")
        try world.strand("first", id: "k", in: thread)
        world.send(client, "first", id: "k", to: thread)
        world.send(client, "second", id: "l", to: thread)
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "first"])
        #expect(client.frames(op: "ack").last?["position"]?.integer == 1)
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "first", "second"])
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        world.check(client)
    }

    @Test("a cancel of a message that turns out to be a repetition is answered")
    func cancelOfDuplicate() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, id: "k")
        client.clear()
        world.send(client, id: "k", to: thread)
        world.cancel(client, thread)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["duplicate", "idle"])
        world.check(client)
    }

    @Test("a repetition is answered as one also when the queue is full")
    func fullQueue() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, _) = try world.begin(client, id: "k")
        for index in 0..<8 { world.send(client, id: "q\(index)", to: thread) }
        world.store.releaseAll()
        client.clear()
        world.send(client, id: "q3", to: thread)
        world.send(client, id: "k", to: thread)
        world.send(client, id: "fresh", to: thread)
        world.store.releaseAll()
        #expect(client.summary == ["ack duplicate", "ack duplicate", "error queue_full"])
        world.check(client)
    }

    @Test("an id of an ended turn is answered as a repetition also while another turn is under way")
    func endedWhileBusy() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, id: "old")
        world.send(client, id: "now", to: thread)
        world.store.releaseAll()
        client.clear()
        world.send(client, id: "old", to: thread, .reject)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").map { $0["status"]?.string } == ["duplicate"])
        #expect(client.frames(op: "error").isEmpty)
        #expect(world.store.turns.count == 2)
        world.check(client)
    }

    @Test("while the database is away, a refusal that may be a repetition is unavailable")
    func unknownWhileBusy() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, _) = try world.begin(client)
        world.send(client, id: "fresh", to: thread, .reject)
        world.store.fail(.sent, .unavailable(retryAfter: 1))
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["unavailable"])
        world.check(client)
    }

    @Test("an id that is repeated without end while the database is away is bounded")
    func repetitionsBounded() throws {
        let world = ChatWorld()
        let client = world.connect()
        for _ in 0..<200 { world.send(client, id: "k") }
        #expect(client.frames(op: "error").count >= 100)
        #expect(client.frames(op: "error").allSatisfy { $0["code"]?.string == "rate_limited" })
        world.store.releaseAll()
        #expect(world.store.turns.count == 1)
        world.check(client)
    }
}

@Suite("Repeated ids across conversations")
struct DuplicateAcrossThreadsTests {
    @Test("an answer that is older than the run's end, and comes after it, does not run it again")
    func staleDuplicate() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client, id: "k")
        let second = world.connect()
        // Without a thread, since its ack got lost: it goes by way of a new conversation.
        world.send(second, id: "k")
        let accept = try #require(world.store.take(.accept))
        accept.commit()
        work.run.text("once")
        work.run.finish(nil)
        world.store.release(.end)
        accept.complete()
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        #expect(second.summary.first == "ack duplicate")
        #expect(second.threads[thread]?.text.values.first == "once")
        world.check(client, second)
    }

    @Test("a run that is adopted while another turn of its conversation is being stored: both run, once each")
    func adoptedWhileAccepting() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, id: "0")
        try world.strand("lost", id: "k", in: thread)
        // The database holds it as running; it must not refuse the next, so here it was queued.
        world.store.runs[try #require(world.store.clientIDs["anna/k"])]?.status = .queued
        world.send(client, "later", id: "l", to: thread)
        world.send(client, "lost", id: "k")
        let later = try #require(world.store.take(.accept))
        world.store.release(.accept)
        later.complete()
        world.store.releaseAll()
        for _ in 0..<3 {
            world.agent.started.last?.run.finish(nil)
            world.store.releaseAll()
        }
        #expect(world.agent.started.map(\.input.message.content).sorted() == ["hello", "later", "lost"])
        #expect(!world.session.hasWork)
        world.check(client)
    }
}
