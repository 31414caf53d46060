import JSON
import Chat
import Testing

@Suite("The bound of a run's log")
struct LogBoundTests {
    private func world() -> ChatWorld {
        let world = ChatWorld { $0.limits.logBytes = 1_000 }
        world.store.tool = { _ in
            ToolOutcome(status: .success, result: ["text": .string(String(repeating: "r", count: 2_000))])
        }
        return world
    }

    @Test("a live socket has everything; who left off before the bound gets a snapshot and the text")
    func overTheBound() throws {
        let world = world()
        let live = world.connect()
        let (thread, work) = try world.begin(live)
        work.run.text("before ")
        let cursor = try #require(live.events().last?["metadata"]?["parley"]?["cursor"]?.string)
        work.call()
        world.store.releaseAll()
        #expect(live.events("TOOL_CALL_RESULT").count == 1)
        work.run.text("after")

        let late = world.connect()
        world.subscribe(late, thread, after: cursor)
        world.store.releaseAll()
        #expect(late.frames(op: "subscribed").first?["mode"]?.string == "snapshot")
        #expect(late.events("TOOL_CALL_RESULT").isEmpty)
        #expect(late.events("TEXT_MESSAGE_CONTENT").compactMap { $0["delta"]?.string } == ["before ", "after"])

        let newest = try #require(live.events().last?["metadata"]?["parley"]?["cursor"]?.string)
        let back = world.connect()
        world.subscribe(back, thread, after: newest)
        #expect(back.frames(op: "subscribed").first?["mode"]?.string == "resumed")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(live.terminals == 1 && late.terminals == 1)
        world.check(live, late)
    }

    @Test("a socket that lags behind the bound is told to come back")
    func lagging() throws {
        let world = world()
        let live = world.connect()
        let slow = world.connect()
        let (thread, work) = try world.begin(live)
        world.subscribe(slow, thread)
        world.store.releaseAll()
        slow.isWritable = false
        work.call()
        world.store.releaseAll()
        slow.isWritable = true
        world.session.drained(slow)
        #expect(slow.timesFellBehind == 1)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(live.terminals == 1)
        world.check(live)
    }
}

@Suite("What catching up costs")
struct CatchUpCostTests {
    @Test("the rest of a reply of 100 KB is one event")
    func oneEvent() throws {
        let world = ChatWorld()
        let live = world.connect()
        let (thread, work) = try world.begin(live)
        work.run.text("0")
        let cursor = try #require(live.events().last?["metadata"]?["parley"]?["cursor"]?.string)
        for _ in 0..<10_000 { work.run.text("ten bytes ") }
        let back = world.connect()
        world.subscribe(back, thread, after: cursor)
        #expect(back.frames(op: "subscribed").first?["mode"]?.string == "resumed")
        #expect(back.events("TEXT_MESSAGE_CONTENT").count == 1)
        #expect(back.events("TEXT_MESSAGE_CONTENT").first?["delta"]?.string?.utf8.count == 100_000)
        work.run.finish(nil)
        world.store.releaseAll()
        world.check(live)
    }

    /// Remembers where the bytes of each event lay: what was encoded once lies in one place for all.
    private final class Witness: SessionClient {
        var isGone: Bool { false }
        var isWritable: Bool { true }
        var places: [UnsafeRawPointer?] = []
        var texts: [String] = []

        func send(_ json: UnsafeRawBufferPointer) {
            places.append(json.baseAddress)
            texts.append(String(decoding: json, as: UTF8.self))
        }

        func fellBehind() {}
    }

    @Test("twenty sockets in mid-stream: each event is encoded once and given to all from the same bytes")
    func encodedOnce() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        let witnesses = (0..<20).map { _ in Witness() }
        for witness in witnesses {
            world.session.attach(witness, expiresAt: 0)
            world.session.handle(.subscribe(id: nil, threadID: .known(thread), after: nil), from: witness)
        }
        world.store.releaseAll()
        for witness in witnesses {
            witness.places = []
            witness.texts = []
        }
        for _ in 0..<50 { work.run.text("token ") }
        for witness in witnesses {
            #expect(witness.texts.count == 51)
            #expect(witness.places == witnesses[0].places)
            #expect(witness.texts == witnesses[0].texts)
        }
        work.run.finish(nil)
        world.store.releaseAll()
        for witness in witnesses { world.session.detach(witness) }
        world.check(first)
    }
}
