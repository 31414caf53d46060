import Chat
import JSON
import Strings
import Testing

@Suite("A run, or all that a process has, is another gateway's")
struct FenceTests {
    enum Point: String, CaseIterable, Sendable { case end, tool }

    @Test(
        "fenced at its end or in a tool: no end of its own, and the subscribers get what is stored",
        arguments: Point.allCases)
    func fencedRun(_ point: Point) throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("half")
        switch point {
        case .end:
            work.run.finish(nil)
            world.store.fail(.end, .fenced)
        case .tool:
            work.run.endText()
            work.run.toolCallStart(id: "t", name: "add_task")
            work.run.toolCallEnd(id: "t")
            work.run.perform(id: "t", name: "add_task", arguments: [:]) { _ in Issue.record("answered") }
            world.store.fail(.perform, .fenced)
            #expect(work.isCancelled)
        }
        client.clear()
        #expect(client.terminals == 0)
        work.run.text("more")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.summary.first == "snapshot")
        #expect(client.terminals == 0)
        #expect(world.store.endings.isEmpty)
        // The snapshot has begun it anew, and it goes on.
        client.forget(thread)
        world.store.runs[work.input.runID]?.status = .interrupted
        world.send(client, "next", id: "c2", to: thread)
        world.store.releaseAll()
        try #require(world.agent.started.count == 2)
        world.agent.started[1].run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 1)
        world.check(client)
    }

    @Test("fenced on accept: unavailable, and nothing begins")
    func fencedAccept() throws {
        let world = ChatWorld()
        let client = world.connect()
        world.send(client)
        world.store.fail(.accept, .fenced)
        #expect(client.summary == ["error unavailable"])
        #expect(world.agent.started.isEmpty)
    }

    @Test("what waits behind a run that was lost begins when the database says so")
    func waitsBehindALostRun() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, "second", id: "c2", to: thread)
        world.store.releaseAll()
        work.run.finish(nil)
        world.store.elsewhere.insert(work.input.runID)
        world.store.fail(.end, .fenced)
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        world.store.runs[work.input.runID]?.status = .interrupted
        world.environment.advance(1_000)
        world.store.releaseAll()
        #expect(world.agent.started.count == 2)
    }

    @Test("abandoned: nothing is written, said or begun any more, whatever comes in")
    func abandoned() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("half")
        world.send(client, "second", id: "c2", to: thread)
        client.clear()
        world.session.abandon()
        #expect(work.isCancelled)
        work.run.text("more")
        work.run.finish(nil)
        world.store.releaseAll()
        world.environment.advance(120_000)
        world.store.releaseAll()
        #expect(client.summary == [])
        #expect(world.store.endings.isEmpty)
        #expect(world.agent.started.count == 1)
        #expect(world.environment.timerCount == 0)
        // A frame that was on its way is refused.
        world.send(client, "third", id: "c3", to: thread)
        #expect(client.summary == ["error unavailable"])
    }

    @Test("without the lease events are held back, and follow when it is there again")
    func lease() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("one ")
        client.clear()
        world.environment.holdsLease = false
        work.run.text("two ")
        world.environment.advance(1_000)
        let late = world.connect()
        world.subscribe(late, thread)
        world.store.releaseAll()
        #expect(client.summary == [])
        #expect(late.events().isEmpty)
        // Nobody may promise anything either.
        world.send(late, "more", id: "c9", to: thread)
        #expect(late.summary.last == "error unavailable")
        world.environment.holdsLease = true
        world.session.goOn()
        work.run.text("three")
        work.run.finish(nil)
        world.store.releaseAll()
        for socket in [client, late] {
            #expect(socket.terminals == 1)
            #expect(socket.threads[thread]?.text.values.contains("one two three") == true)
            world.check(socket)
        }
    }

    @Test("a message behind a run of another gateway is queued, and begins when that has ended")
    func behindAnothers() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.finish(nil)
        world.store.releaseAll()
        // The other one has taken a message of this conversation.
        let other = Identifier(version7: 1, sequence: 1, random: 1)
        world.store.runs[other] = .init(threadID: thread, message: other, status: .running)
        world.store.elsewhere.insert(other)
        client.clear()
        world.send(client, "mine", id: "c2", to: thread)
        world.store.releaseAll()
        #expect(client.summary == ["ack queued"])
        #expect(client.frames[0]["position"]?.integer == 1)
        #expect(world.agent.started.count == 1)
        // One behind it waits too.
        world.send(client, "and this", id: "c3", to: thread)
        world.store.releaseAll()
        #expect(client.frames(op: "ack").last?["position"]?.integer == 2)
        world.environment.advance(3_000)
        world.store.releaseAll()
        #expect(world.agent.started.count == 1)
        world.store.runs[other]?.status = .completed
        world.environment.advance(1_000)
        world.store.releaseAll()
        #expect(world.agent.started.count == 2)
        world.agent.started[1].run.finish(nil)
        world.store.releaseAll()
        world.agent.started[2].run.finish(nil)
        world.store.releaseAll()
        #expect(client.terminals == 2)
        world.check(client)
    }

    @Test("what is recovered goes before what was sent here meanwhile and waits for it")
    func recoveredBefore() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client)
        var runs: [Identifier] = []
        for (id, content) in [("e1", "active"), ("e2", "behind")] {
            try world.strand(content, id: id, in: thread)
            runs.append(try #require(world.store.clientIDs[ExactString("anna/\(id)")]))
            world.store.elsewhere.insert(runs[runs.count - 1])
        }
        world.send(client, "mine", id: "c2", to: thread)
        world.store.releaseAll()
        #expect(client.summary.last == "ack queued")
        world.environment.advance(3_000)
        world.store.releaseAll()
        // The other one is dead by now.
        world.store.elsewhere.removeAll()
        for (run, isRunning) in zip(runs, [true, false]) {
            let message = try #require(
                world.store.stored(thread).first { $0.id == world.store.runs[run]?.message })
            world.session.adopt(threadID: thread, message: message, runID: run, isRunning: isRunning)
        }
        for _ in 0..<3 {
            world.environment.advance(1_000)
            world.store.releaseAll()
            world.agent.started.last?.run.finish(nil)
            world.store.releaseAll()
        }
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "active", "behind", "mine"])
        #expect(client.terminals == 4)
        world.check(client)
    }

    @Test("what has the place in the database goes first, whatever was taken over in front of it")
    func whoHasThePlace() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client)
        var runs: [Identifier] = []
        for (id, content) in [("e1", "active"), ("e2", "behind")] {
            try world.strand(content, id: id, in: thread)
            runs.append(try #require(world.store.clientIDs[ExactString("anna/\(id)")]))
            world.store.elsewhere.insert(runs[runs.count - 1])
        }
        world.send(client, "mine", id: "c2", to: thread)
        world.store.releaseAll(except: [.begin])
        // The active one has ended, so this one is begun, but the answer gets lost; then the one between is taken over.
        world.store.runs[runs[0]]?.status = .completed
        world.store.fail(.begin, .unknown, committed: true)
        world.store.elsewhere.removeAll()
        let message = try #require(
            world.store.stored(thread).first { $0.id == world.store.runs[runs[1]]?.message })
        world.session.adopt(threadID: thread, message: message, runID: runs[1], isRunning: false)
        for _ in 0..<3 {
            world.environment.advance(1_000)
            world.store.releaseAll()
            world.agent.started.last?.run.finish(nil)
            world.store.releaseAll()
        }
        #expect(world.agent.started.map(\.input.message.content) == ["hello", "mine", "behind"])
        world.check(client)
    }

    @Test("a run that was recovered as queued does not begin before its turn, one that was recovered as running does")
    func recovered() throws {
        let world = ChatWorld()
        let thread = world.environment.makeIdentifier()
        for (isRunning, content) in [(true, "first"), (false, "second")] {
            let id = world.environment.makeIdentifier()
            world.store.runs[id] = .init(threadID: thread, message: id, status: isRunning ? .running : .queued)
            world.session.adopt(
                threadID: thread, message: Message(id: id, role: .user, content: content), runID: id,
                isRunning: isRunning)
        }
        world.store.releaseAll()
        #expect(world.agent.started.map(\.input.message.content) == ["first"])
    }
}
