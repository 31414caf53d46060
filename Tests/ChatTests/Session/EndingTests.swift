import JSON
import Chat
import Strings
import Testing

@Suite("Drain, lifetime and re-entrance")
struct EndingTests {
    @Test("drain tells every socket and takes no new turn; what runs goes on")
    func drain() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        client.clear()
        world.session.drain(reconnectAfter: 2)
        world.send(client, id: "c2", to: thread)
        #expect(client.summary == ["draining", "error unavailable"])
        #expect(client.frames[0]["reconnectAfter"]?.integer == 2)
        #expect(world.session.hasWork)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(!world.session.hasWork)
        world.check(client)
    }

    @Test("interrupt closes what runs and leaves what waits as it is stored; work is over when that is durable")
    func interrupt() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        world.send(client, id: "c2", to: thread)
        world.store.releaseAll()
        work.run.text("par")
        world.session.drain(reconnectAfter: 2)
        world.session.interrupt()
        #expect(work.isCancelled)
        #expect(world.session.hasWork)
        world.store.releaseAll()
        #expect(!world.session.hasWork)
        #expect(client.events("RUN_ERROR").map { $0["code"]?.string } == ["interrupted"])
        #expect(world.store.stored(thread).first { $0.role == .assistant }?.status == .interrupted)
        let waiting = try #require(world.store.clientIDs["anna/c2"])
        #expect(world.store.runs[work.input.runID]?.status == .interrupted)
        #expect(world.store.runs[waiting]?.status == .queued)
        #expect(world.agent.started.count == 1)
        world.check(client)
    }

    @Test("a message that is being stored during the interrupt does not start a turn that nobody ends")
    func interruptWhileAccepting() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try #require(world.send(client, id: "1"))
        world.send(client, id: "2", to: thread)
        world.session.drain(reconnectAfter: 2)
        world.session.interrupt()
        world.store.releaseAll()
        #expect(!world.session.hasWork)
        #expect(world.agent.started.isEmpty)
        // As after a crash, the next process runs them.
        #expect(world.store.runs.values.map(\.status).sorted { $0.rawValue < $1.rawValue } == [.queued, .running])
        world.check(client)
    }

    @Test("the turn that an end under way has started does not begin after the interrupt")
    func interruptBehindEnd() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client, id: "1")
        world.send(client, id: "2", to: thread)
        world.store.releaseAll()
        work.run.finish(nil)
        world.session.interrupt()
        world.store.releaseAll()
        #expect(!world.session.hasWork)
        #expect(client.terminals == 1)
        #expect(world.agent.started.count == 1)
        #expect(world.store.runs[try #require(world.store.clientIDs["anna/2"])]?.status == .running)
        world.check(client)
    }

    /// The ends of what it has cancelled are stored before the deletion fails, or only behind it.
    @Test("after a deletion of the user that failed the conversations work", arguments: [false, true])
    func failedDeletion(isLate: Bool) throws {
        let world = ChatWorld()
        let client = world.connect()
        let idle = try world.turn(client)
        let (busy, work) = try world.begin(client, id: "c2")
        work.run.text("par")
        let (deleted, _) = try world.begin(client, id: "c3")
        world.send(client, "queued", id: "c4", to: busy)
        world.store.releaseAll()
        // One of them is being deleted by itself, which is another's to give back.
        world.session.stopTurns(in: deleted) {}
        var stopped = 0
        world.session.stopAllTurns { stopped += 1 }
        world.environment.advance(isLate ? 5_000 : 0)
        if !isLate { world.store.releaseAll() }
        world.environment.advance(0)
        #expect(stopped == 1)
        client.clear()
        world.send(client, id: "c5", to: busy)
        #expect(client.summary == ["error thread_not_found"])
        world.session.allowAll()
        world.store.releaseAll()
        world.environment.advance(0)
        for (index, thread) in [idle, busy].enumerated() {
            client.clear()
            try world.turn(client, saying: "after", id: "d\(index)", in: thread)
            #expect(client.summary.first == "ack running")
            #expect(client.events("RUN_FINISHED").map { $0["outcome"]?["type"]?.string } == ["success"])
            #expect(world.store.stored(thread).last?.content == "after")
        }
        client.clear()
        world.send(client, id: "d3", to: deleted)
        #expect(client.summary == ["error thread_not_found"])
        world.check(client)
    }

    @Test("threads and sessions are let go when nothing needs them")
    func released() throws {
        weak var session: Session?
        weak var client: FakeClient?
        weak var run: (any AgentRun)?
        var idle = 0
        let environment = FakeEnvironment()
        do {
            let world = ChatWorld(environment: environment)
            session = world.session
            world.session.becameIdle = { idle += 1 }
            let socket = world.connect()
            client = socket
            let (thread, work) = try world.begin(socket)
            run = work.run
            work.call()
            world.store.releaseAll()
            work.run.text("hi")
            world.send(socket, id: "q", to: thread)
            world.subscribe(socket, thread)
            world.store.releaseAll()
            work.run.finish(nil)
            world.store.releaseAll()
            world.cancel(socket, thread)
            world.store.releaseAll()
            world.detach(socket)
            #expect(!world.session.isIdle)
            #expect(idle == 0)
            environment.advance(60_001)
            #expect(world.session.isIdle)
            #expect(idle == 1)
            environment.fakeAgent.forget()
        }
        #expect(client == nil)
        #expect(run == nil)
        #expect(session == nil)
        #expect(environment.timerCount == 0)
    }

    @Test("an assistant that speaks after everything is gone is not heard")
    func lateAssistant() throws {
        let environment = FakeEnvironment()
        var work: FakeAgent.Started?
        do {
            let world = ChatWorld(environment: environment)
            let client = world.connect()
            let (thread, started) = try world.begin(client)
            work = started
            world.cancel(client, thread)
            world.store.releaseAll()
            world.detach(client)
            environment.advance(60_001)
            #expect(world.session.isIdle)
        }
        let run = try #require(work?.run)
        run.text("x")
        run.endText()
        run.toolCallStart(id: "t", name: "n")
        run.toolCallArguments(id: "t", delta: "{}")
        run.toolCallEnd(id: "t")
        run.perform(id: "t", name: "n", arguments: [:]) { _ in }
        run.finish(nil)
        run.fail(.internal, "x")
        #expect(environment.fakeStore.held.isEmpty)
    }

    @Test("a session that is dropped while writes are under way lets them finish")
    func droppedSession() throws {
        let environment = FakeEnvironment()
        do {
            let world = ChatWorld(environment: environment)
            let client = world.connect()
            let (_, work) = try world.begin(client, id: "1")
            work.run.text("x")
            world.send(client, id: "2")
        }
        environment.fakeAgent.started[0].run.text("y")
        environment.fakeAgent.started[0].run.finish(nil)
        environment.fakeStore.releaseAll()
        environment.advance(100)
        #expect(environment.fakeStore.runs.count == 2)
    }

    @Test("a socket that left while its message was stored or its history read is not subscribed again")
    func leftMeanwhile() throws {
        let world = ChatWorld { $0.fakeAgent.onStart = { $0.run.finish(nil) } }
        let client = world.connect()
        let thread = try #require(world.send(client))
        world.detach(client)
        world.store.releaseAll()
        #expect(client.events().isEmpty)
        world.subscribe(client, thread)
        world.detach(client)
        world.store.releaseAll()
        world.environment.advance(60_001)
        #expect(world.session.isIdle)
    }

    @Test("a socket may leave from within a frame that it is given", arguments: [0, 1, 2])
    func leavesWithinSend(place: Int) throws {
        let world = ChatWorld()
        let clients = (0..<3).map { _ in world.connect() }
        let (thread, work) = try world.begin(clients[0])
        for client in clients.dropFirst() { world.subscribe(client, thread) }
        world.store.releaseAll()
        let leaver = clients[place]
        leaver.onFrame = { [unowned world, unowned leaver] frame in
            if frame["type"]?.string == "TEXT_MESSAGE_START" { world.detach(leaver) }
        }
        work.run.text("a")
        work.run.text("b")
        work.run.finish(nil)
        world.store.releaseAll()
        for client in clients {
            #expect(client === leaver || client.threads[thread]?.text.values.first == "ab")
            #expect(client === leaver || client.terminals == 1)
            #expect(client.problems == [])
        }
        world.check()
    }

    @Test("a socket may cancel, send and subscribe from within a frame; nobody stalls")
    func actsWithinSend() throws {
        for type in ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"] {
            let world = ChatWorld()
            let actor = world.connect()
            let watcher = world.connect()
            let late = world.connect()
            let thread = try world.turn(actor, id: "0")
            world.subscribe(watcher, thread)
            world.store.releaseAll()
            let cursor = watcher.frames.last?.cursor
            var acted = false
            actor.onFrame = { [unowned world, unowned actor] frame in
                guard frame["type"]?.string == type, !acted else { return }
                acted = true
                world.subscribe(late, thread, after: cursor)
                world.cancel(actor, thread)
                world.send(actor, id: "2", to: thread)
            }
            world.agent.onStart = { work in
                work.run.text("a")
                work.run.text("b")
                work.run.finish(nil)
            }
            world.send(actor, id: "1", to: thread)
            world.store.releaseAll()
            #expect(acted)
            #expect(actor.terminals == 3)
            #expect(watcher.terminals == 2)
            #expect(late.terminals == 2)
            #expect(!world.session.hasWork)
            world.check(actor, watcher)
        }
    }
}
