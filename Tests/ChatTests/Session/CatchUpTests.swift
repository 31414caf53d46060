import Chat
import JSON
import Strings
import Testing

/// `subscribed` is the end of the catch-up: everything up to its cursor goes before it, however slow the socket, and
/// what follows has a later cursor (`FakeClient` checks that of each one).
@Suite("The end of a catch-up")
struct CatchUpTests {
    enum Mode: CaseIterable { case resumed, snapshot }
    enum Meanwhile: CaseIterable { case nothing, more, ended, next }

    /// A socket that has room for so many frames and then for none until it is drained.
    private func pause(_ client: FakeClient, after frames: Int) {
        client.isWritable = frames > 0
        var left = frames
        client.onFrame = { [unowned client] _ in
            left -= 1
            if left <= 0 { client.isWritable = false }
        }
    }

    @Test(
        "it waits for a slow socket, wherever that stops and whatever happens meanwhile",
        arguments: Mode.allCases, Meanwhile.allCases)
    func slow(mode: Mode, meanwhile: Meanwhile) throws {
        for room in 0...9 {
            let world = ChatWorld()
            let first = world.connect()
            let (thread, work) = try world.begin(first)
            work.run.text("one ")
            work.call()
            world.store.releaseAll()
            let cursor = try #require(first.events().first?.cursor)
            var view = ThreadView()
            view.feed(first.events()[0])
            work.run.text("two ")
            let client = world.connect()
            if mode == .resumed { client.inherit(view, of: thread) }
            pause(client, after: room)
            world.subscribe(client, thread, after: mode == .resumed ? cursor : nil)
            world.store.releaseAll()
            if meanwhile != .nothing { work.run.text("three") }
            if meanwhile == .ended || meanwhile == .next {
                work.run.finish(nil)
                world.store.releaseAll()
            }
            if meanwhile == .next { _ = try world.begin(first, id: "c2", in: thread) }
            for _ in 0..<20 {
                pause(client, after: 1)
                world.session.drained(client)
            }
            let told = client.frames(op: "subscribed")
            #expect(told.map { $0["mode"]?.string } == [mode == .resumed ? "resumed" : "snapshot"], "room \(room)")
            #expect(told.first?.id == "s")
            #expect(client.threads[thread]?.cursor == first.threads[thread]?.cursor, "room \(room)")
            #expect(client.threads[thread]?.finished == first.threads[thread]?.finished)
            #expect(client.threads[thread]?.activeRun == first.threads[thread]?.activeRun)
            #expect(client.timesFellBehind == 0)
            client.onFrame = { _ in }
            client.isWritable = true
            let last = try #require(world.agent.started.last)
            last.run.text("end")
            last.run.finish(nil)
            world.store.releaseAll()
            #expect(client.threads[thread]?.text == first.threads[thread]?.text, "room \(room)")
            world.check(first, client)
        }
    }

    @Test("a long reply to a reader that pauses: the text, its end, and only then `subscribed`")
    func longReply() throws {
        let world = ChatWorld { $0.limits.mergedDelta = 1_000 }
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        let cursor = try #require(first.events().first?.cursor)
        work.run.text(String(repeating: "a", count: 10_000))
        work.run.finish(nil)
        world.store.releaseAll()
        let client = world.connect()
        client.inherit(try opening(of: first), of: thread)
        pause(client, after: 5)
        world.subscribe(client, thread, after: cursor)
        #expect(client.frames(op: "subscribed").isEmpty)
        client.onFrame = { _ in }
        client.isWritable = true
        world.session.drained(client)
        #expect(client.summary.suffix(3) == ["TEXT_MESSAGE_END", "RUN_FINISHED", "subscribed resumed"])
        #expect(client.frames.last?.cursor == first.threads[thread]?.cursor)
        world.check(first, client)
    }

    private func opening(of client: FakeClient) throws -> ThreadView {
        var view = ThreadView()
        view.feed(try #require(client.events().first))
        return view
    }

    @Test("several requests of a slow socket are answered in their order; so many wait and no more")
    func several() throws {
        let world = ChatWorld { $0.limits.waitingAnswers = 3 }
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        let cursor = try #require(first.events().first?.cursor)
        work.run.text("text")
        let client = world.connect()
        client.inherit(try opening(of: first), of: thread)
        client.isWritable = false
        for id in ["1", "2", "3", "4"] { world.subscribe(client, thread, after: cursor, id: id) }
        #expect(client.summary == ["error rate_limited"])
        #expect(client.frames[0].id == "4")
        client.clear()
        client.isWritable = true
        world.session.drained(client)
        #expect(client.frames(op: "subscribed").map(\.id) == ["1", "2", "3"])
        #expect(client.summary.first == "TEXT_MESSAGE_START")
        world.check(first, client)
    }

    @Test("who unsubscribes before the end of the catch-up is answered, and gets no more")
    func unsubscribed() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        let cursor = try #require(first.events().first?.cursor)
        work.run.text("text")
        let client = world.connect()
        client.isWritable = false
        world.subscribe(client, thread, after: cursor)
        world.handle(client, .unsubscribe(id: "u", threadID: .known(thread)))
        client.isWritable = true
        world.session.drained(client)
        #expect(client.summary == ["ack unsubscribed", "ack unsubscribed"])
        #expect(client.frames.map(\.id) == ["s", "u"])
        world.check(first)
    }

    @Test("a snapshot that comes in the middle of a catch-up begins anew, and ends both")
    func snapshotMeanwhile() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        let cursor = try #require(first.events().first?.cursor)
        work.run.text("text")
        let client = world.connect()
        client.inherit(try opening(of: first), of: thread)
        pause(client, after: 1)
        world.subscribe(client, thread, after: cursor, id: "1")
        world.subscribe(client, thread, id: "2")
        world.store.releaseAll()
        #expect(client.summary == ["TEXT_MESSAGE_START", "snapshot"])
        client.onFrame = { _ in }
        client.isWritable = true
        world.session.drained(client)
        #expect(
            client.summary.dropFirst(2) == [
                "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "subscribed snapshot",
                "subscribed snapshot",
            ])
        #expect(client.frames(op: "subscribed").map(\.id) == ["1", "2"])
        #expect(client.events().dropFirst().allSatisfy { $0.isReplay })
        work.run.text("!")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.threads[thread]?.text.values.first == "text!")
        world.check(first, client)
    }

    @Test("a message that is deleted while a run is under way: the history without it, then the run from its beginning")
    func deletedMessage() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, saying: "old")
        let (_, work) = try world.begin(client, id: "c2", in: thread)
        work.run.text("one ")
        let idle = world.connect()
        world.subscribe(idle, thread)
        world.store.releaseAll()
        for socket in [client, idle] { socket.clear() }
        world.store.messages[thread]?.removeAll { $0.content == "old" }
        world.session.messageDeleted(threadID: thread)
        work.run.text("two ")
        world.store.releaseAll()
        work.run.text("three")
        work.run.finish(nil)
        world.store.releaseAll()
        for socket in [client, idle] {
            #expect(
                socket.summary == [
                    "TEXT_MESSAGE_CONTENT", "snapshot", "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT",
                    "subscribed snapshot", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
                ])
            let shown = socket.frames(op: "snapshot").first?["messages"]?.array?.map { $0["content"]?.string }
            #expect(shown == ["hello", "hello"])
            #expect(socket.threads[thread]?.text.values.first == "one two three")
            #expect(socket.threads[thread]?.finished.last == work.input.runID.description)
        }
        world.check(client, idle)
    }

    @Test("whoever waits for a history when a message is deleted gets one without it, once")
    func deletedWhileReading() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, saying: "old")
        let other = world.connect()
        world.subscribe(other, thread)
        let read = try #require(world.store.take(.messages))
        read.commit()
        world.store.messages[thread]?.removeAll { $0.content == "old" }
        world.session.messageDeleted(threadID: thread)
        read.complete()
        world.store.releaseAll()
        #expect(other.summary == ["snapshot", "subscribed snapshot"])
        #expect(other.frames[0]["messages"]?.array?.count == 1)
        world.check(client, other)
    }

    @Test("who is in the middle of a run that is let go with a deleted message is not cut off, but shown the history")
    func slowWhileDeleted() throws {
        let world = ChatWorld()
        let fast = world.connect()
        let thread = try world.turn(fast, saying: "one")
        let slow = world.connect()
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.isWritable = false
        try world.turn(fast, saying: "two", id: "c2", in: thread)
        world.session.messageDeleted(threadID: thread)
        slow.isWritable = true
        world.session.drained(slow)
        #expect(slow.timesFellBehind == 0)
        world.store.releaseAll()
        #expect(slow.summary.suffix(2) == ["snapshot", "subscribed snapshot"])
        try world.turn(fast, saying: "three", id: "c3", in: thread)
        #expect(slow.events("RUN_FINISHED").count == 1)
        world.check(fast, slow)
    }

    @Test("a history that could not be read for those who did not ask is read again until it can be, or they have gone")
    func unreadable() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, saying: "hi")
        client.clear()
        world.session.refresh(threadID: thread)
        for _ in 0..<3 {
            #expect(world.store.fail(.messages, .unavailable(retryAfter: 1)))
            world.environment.advance(1_000)
        }
        #expect(client.summary == [])
        world.store.releaseAll()
        #expect(client.summary == ["snapshot", "subscribed snapshot"])
        world.session.refresh(threadID: thread)
        world.store.fail(.messages, .unavailable(retryAfter: 1))
        world.detach(client)
        world.environment.advance(70_000)
        #expect(world.session.isIdle)
        #expect(world.environment.timerCount == 0)
    }

    @Test("a run of another gateway that a history shows as under way: the history anew when it has ended")
    func elsewhere() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        try world.strand("elsewhere", id: "e1", in: thread)
        let run = try #require(world.store.clientIDs["anna/e1"])
        world.store.elsewhere.insert(run)
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.releaseAll()
        client.clear()
        world.environment.advance(1_000)
        #expect(world.store.fail(.messages, .unavailable(retryAfter: 1)))
        for _ in 0..<3 {
            world.environment.advance(1_000)
            #expect(world.store.held.count == 1)
            world.store.releaseAll()
        }
        #expect(client.summary == [])
        world.store.runs[run]?.status = .completed
        world.store.messages[thread]?.append(
            Message(id: world.environment.makeIdentifier(), role: .assistant, content: "its reply", position: 4))
        world.environment.advance(1_000)
        world.store.releaseAll()
        #expect(client.summary == ["snapshot", "subscribed snapshot"])
        #expect(client.frames[0]["messages"]?.array?.last?["content"]?.string == "its reply")
        world.environment.advance(10_000)
        #expect(world.store.held.isEmpty)
        world.detach(client)
        world.detach(first)
        world.environment.advance(70_000)
        #expect(world.session.isIdle)
        #expect(world.environment.timerCount == 0)
        world.check(client)
    }

    @Test(
        "a cancel is answered behind the end of its run, to a slow socket and without the lease too", arguments: [0, 1])
    func cancelled(withoutLease: Int) throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("text")
        client.clear()
        if withoutLease == 1 { world.environment.holdsLease = false } else { client.isWritable = false }
        world.cancel(client, thread)
        world.store.releaseAll()
        #expect(client.summary == [])
        client.isWritable = true
        world.environment.holdsLease = true
        world.session.goOn()
        world.session.drained(client)
        #expect(client.summary == ["TEXT_MESSAGE_END", "RUN_FINISHED", "ack cancelled"])
        world.check(client)
    }
}
