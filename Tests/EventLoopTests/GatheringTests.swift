import EventLoop
import Testing

@Suite("Gathering")
struct GatheringTests {
    @Test(
        "keeps the beginnings of ticks apart, and owes nothing when a tick took as long",
        arguments: [
            (interval: 200, passed: 0, pause: 200), (200, 1, 199), (200, 150, 50), (200, 199, 1), (200, 200, 0),
            (200, 201, 0), (200, 9_000_000, 0), (1, 0, 1), (0, 0, 0), (0, 5, 0),
        ] as [(interval: UInt64, passed: UInt64, pause: UInt64)])
    func pause(_ row: (interval: UInt64, passed: UInt64, pause: UInt64)) {
        var gathering = Gathering(interval: row.interval)
        gathering.ask()
        #expect(gathering.isAsked == (row.interval > 0))
        #expect(gathering.pause(since: 1_000, at: 1_000 + row.passed) == row.pause)
        #expect(!gathering.isAsked, "it is asked for anew in every tick")
    }

    @Test("nobody waits who did not ask, nor twice, nor for long when the clock is odd")
    func once() {
        var gathering = Gathering(interval: 200)
        #expect(gathering.pause(since: 1_000, at: 1_000) == 0)
        gathering.ask()
        gathering.ask()
        #expect(gathering.pause(since: 1_000, at: 1_050) == 150)
        #expect(gathering.pause(since: 1_000, at: 1_050) == 0)
        gathering.ask()
        #expect(gathering.pause(since: 1_000, at: 900) == 0)
    }

    @Test("a loop that was asked to does not look before the interval is over, and later ticks are as ever")
    func loop() throws {
        let interval: UInt64 = 20_000_000
        let test = try TestLoop(gathering: interval)
        let loop = test.loop
        let pair = try Pair()
        let seen = Record<UInt64>()
        let asked = try test.run {
            let handler = Handler(Record<Int>(), 1)
            let token = try loop.watch(pair.near, .read, handler)
            handler.action = { _ in
                seen.append(loop.now)
                loop.unwatch(token)
            }
            // It waits to be read from now on.
            pair.send("x")
            loop.gather()
            #expect(loop.gathers)
            return loop.now
        }
        #expect(seen.wait(forCount: 1))
        #expect(seen.values[0] >= asked + interval)
        #expect(try test.run { loop.gathers } == false)
    }

    @Test("an interval of nothing is none")
    func off() throws {
        let test = try TestLoop(gathering: 0)
        let loop = test.loop
        #expect(
            try test.run {
                loop.gather()
                return loop.gathers
            } == false)
    }
}
