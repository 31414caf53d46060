import Chat
import JSON
import Testing

@Suite("Slow sockets and coalescing")
struct SlowClientTests {
    @Test("a socket without room gets one merged event later; the others are not affected")
    func merged() throws {
        let world = ChatWorld()
        let fast = world.connect()
        let slow = world.connect()
        let (thread, work) = try world.begin(fast)
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.clear()
        fast.clear()
        work.run.text("0")
        slow.isWritable = false
        for digit in 1...9 { work.run.text("\(digit)") }
        #expect(fast.events("TEXT_MESSAGE_CONTENT").count == 10)
        #expect(slow.events("TEXT_MESSAGE_CONTENT").count == 1)
        slow.isWritable = true
        world.session.drained(slow)
        #expect(slow.events("TEXT_MESSAGE_CONTENT").map { $0["delta"]?.string } == ["0", "123456789"])
        #expect(fast.events("TEXT_MESSAGE_CONTENT").count == 10)
        work.run.text("!")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(slow.events("TEXT_MESSAGE_CONTENT").count == 3)
        #expect(slow.threads[thread]?.text == fast.threads[thread]?.text)
        world.check(fast, slow)
    }

    @Test("a socket that slept through runs catches up with all of them")
    func overRuns() throws {
        let world = ChatWorld()
        let fast = world.connect()
        let slow = world.connect()
        let thread = try world.turn(fast, id: "1")
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.isWritable = false
        try world.turn(fast, saying: "two", id: "2", in: thread)
        try world.turn(fast, saying: "three", id: "3", in: thread)
        slow.isWritable = true
        world.session.drained(slow)
        #expect(slow.terminals == 2)
        world.check(fast, slow)
    }

    @Test("a socket that slept longer than the log is kept is told so")
    func fellBehind() throws {
        let world = ChatWorld()
        let fast = world.connect()
        let slow = world.connect()
        let thread = try world.turn(fast, id: "1")
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.isWritable = false
        try world.turn(fast, id: "2", in: thread)
        world.environment.advance(60_001)
        slow.isWritable = true
        world.session.drained(slow)
        #expect(slow.timesFellBehind == 1)
        #expect(slow.events().isEmpty)
        world.check(fast, slow)
    }

    @Test("what is caught up stops where the room ends, and goes on from there")
    func partly() throws {
        let world = ChatWorld { $0.limits.mergedDelta = 8 }
        let fast = world.connect()
        let slow = world.connect()
        let (thread, work) = try world.begin(fast)
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.isWritable = false
        let text = "äöü€uro 😀😀😀😀 end"
        work.run.text(text)
        work.run.finish(nil)
        world.store.releaseAll()
        var rounds = 0
        slow.onFrame = { [unowned slow] _ in slow.isWritable = false }
        while slow.terminals == 0, rounds < 100 {
            rounds += 1
            slow.isWritable = true
            world.session.drained(slow)
        }
        #expect(rounds > 5)
        #expect(slow.events("TEXT_MESSAGE_CONTENT").allSatisfy { ($0["delta"]?.string?.utf8.count ?? 99) <= 8 })
        #expect(slow.threads[thread]?.text.values.first == text)
        world.check(fast, slow)
    }

    @Test("the coalescing window merges what comes within it; the first piece leaves at once")
    func coalescing() throws {
        let world = ChatWorld { $0.limits.coalescingWindow = 50 }
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("a")
        #expect(client.events("TEXT_MESSAGE_CONTENT").count == 1)
        work.run.text("b")
        work.run.text("c")
        #expect(client.events("TEXT_MESSAGE_CONTENT").count == 1)
        world.environment.advance(50)
        #expect(client.events("TEXT_MESSAGE_CONTENT").map { $0["delta"]?.string } == ["a", "bc"])
        work.run.text("d")
        work.run.text("e")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.events("TEXT_MESSAGE_CONTENT").map { $0["delta"]?.string } == ["a", "bc", "d", "e"])
        #expect(client.threads[thread]?.text.values.first == "abcde")
        world.check(client)
    }

    @Test("a second socket that comes within the window gets all, and both go on")
    func joinWithinWindow() throws {
        let world = ChatWorld { $0.limits.coalescingWindow = 50 }
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("a")
        work.run.text("b")
        let second = world.connect()
        world.subscribe(second, thread, after: client.events("RUN_STARTED")[0].cursor)
        work.run.text("c")
        world.environment.advance(50)
        work.run.text("d")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.threads[thread]?.text.values.first == "abcd")
        #expect(second.events("TEXT_MESSAGE_CONTENT").compactMap { $0["delta"]?.string }.joined() == "abcd")
        world.check(client)
    }

    @Test("text that the window holds back survives the expiry of an older run's log")
    func expiryWithinWindow() throws {
        let world = ChatWorld { $0.limits.coalescingWindow = 50 }
        let client = world.connect()
        let thread = try world.turn(client, id: "1")
        world.environment.advance(59_980)
        let (_, work) = try world.begin(client, id: "2", in: thread)
        work.run.text("a")
        work.run.text("b")
        world.environment.advance(30)
        work.run.text("c")
        world.environment.advance(50)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.threads[thread]?.text.values.contains("abc") == true)
        #expect(client.terminals == 2)
        world.check(client)
    }
}
