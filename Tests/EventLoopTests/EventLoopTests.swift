import Dispatch
import EventLoop
import Glibc
import Synchronization
import Testing

@Suite("Event loop")
struct EventLoopTests {
    @Test("jobs of many threads run on the loop, those of each in its order, none lost")
    func order() throws {
        let test = try TestLoop()
        let seen = Record<(thread: Int, number: Int)>()
        let loop = test.loop
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<500 {
                loop.execute { if loop.isCurrent { seen.append((thread, number)) } }
            }
        }
        #expect(seen.wait(forCount: 4_000))
        for thread in 0..<8 {
            #expect(seen.values.filter { $0.thread == thread }.map(\.number) == Array(0..<500))
        }
    }

    @Test("a job given by one job after the other wakes the loop each time")
    func pingPong() throws {
        let (first, second) = (try TestLoop(), try TestLoop())
        let done = Record<Int>()
        @Sendable func hop(_ left: Int, _ here: EventLoop, _ there: EventLoop) {
            if left == 0 { return done.append(0) }
            there.execute { hop(left - 1, there, here) }
        }
        let (a, b) = (first.loop, second.loop)
        a.execute { hop(2_000, a, b) }
        #expect(done.wait(forCount: 1))
    }

    @Test("what a job gives to its own loop runs after those given before")
    func nested() throws {
        let test = try TestLoop()
        let seen = Record<Int>()
        let loop = test.loop
        loop.execute {
            seen.append(1)
            loop.execute { seen.append(3) }
            seen.append(2)
        }
        #expect(seen.wait(forCount: 3))
        #expect(seen.values == [1, 2, 3])
        #expect(!loop.isCurrent)
    }

    @Test("timers fire in order and not before their time; a cancelled one does not")
    func timers() throws {
        let test = try TestLoop()
        let seen = Record<Int>()
        let early = Record<Int>()
        let loop = test.loop
        try test.run {
            let start = loop.now
            for (id, delay) in [(1, 9), (2, 3), (3, 6), (4, 0)] as [(Int, UInt64)] {
                _ = loop.schedule(after: delay * 1_000_000) {
                    if loop.now < start + delay * 1_000_000 { early.append(id) }
                    seen.append(id)
                }
            }
            let cancelled = loop.schedule(after: 1_000_000) { seen.append(5) }
            loop.cancel(cancelled)
            loop.cancel(cancelled)
            // Its delay is beyond all counting, and it is set without a wrap.
            _ = loop.schedule(after: .max) { seen.append(6) }
        }
        #expect(seen.wait(forCount: 4))
        try test.turn()
        #expect(seen.values == [4, 2, 3, 1])
        #expect(early.values == [])
    }

    @Test("an action that goes with a cancel may cancel in turn")
    func cancelWithinCancel() throws {
        final class Owner {
            let loop: EventLoop
            let timer: TimerToken
            init(_ loop: EventLoop) {
                self.loop = loop
                timer = loop.schedule(after: 1_000_000_000) {}
            }
            deinit { loop.cancel(timer) }
        }
        let test = try TestLoop()
        let loop = test.loop
        try test.run {
            let token: TimerToken
            do {
                let owner = Owner(loop)
                token = loop.schedule(after: 1_000_000_000) { withExtendedLifetime(owner) {} }
            }
            loop.cancel(token)
        }
    }

    @Test("jobs given before stop run, later ones do not, and nothing is kept")
    func stop() throws {
        final class Witness: Sendable {}
        let loop = try EventLoop(label: "test")
        loop.start()
        let seen = Record<Int>()
        let gate = DispatchSemaphore(value: 0)
        weak var early: Witness?
        weak var timed: Witness?
        weak var late: Witness?
        do {
            let (witness, other, third) = (Witness(), Witness(), Witness())
            (early, timed, late) = (witness, other, third)
            loop.execute {
                _ = gate.wait(timeout: .now() + 20)
                _ = loop.schedule(after: 1_000_000_000_000) { withExtendedLifetime((loop, other)) {} }
            }
            loop.execute { seen.append(1) }
            loop.stop()
            loop.execute {
                withExtendedLifetime((loop, witness)) {}
                seen.append(2)
            }
            gate.signal()
            #expect(seen.wait(forCount: 2))
            loop.execute { withExtendedLifetime(third) { seen.append(3) } }
        }
        #expect(seen.values == [1, 2])
        #expect(eventually { early == nil && timed == nil && late == nil })
    }

    @Test("a descriptor that is no longer watched is not heard of, not even in the same batch")
    func unwatchInBatch() throws {
        let test = try TestLoop()
        let loop = test.loop
        let pairs = [try Pair(), try Pair()]
        for pair in pairs { pair.send("x") }
        let seen = Record<Int>()
        try test.run {
            let handlers = [Handler(seen, 0), Handler(seen, 1)]
            let tokens = try zip(pairs, handlers).map { try loop.watch($0.near, .read, $1) }
            for (index, handler) in handlers.enumerated() {
                handler.action = { _ in
                    loop.unwatch(tokens[1 - index])
                    loop.unwatch(tokens[index])
                    loop.unwatch(tokens[index])
                }
            }
        }
        #expect(seen.wait(forCount: 1))
        try test.turn()
        #expect(seen.values.count == 1)
        for pair in pairs {
            pair.close()
            close(pair.near)
        }
    }

    @Test("an old event does not reach the new watch of a descriptor and slot that were used again")
    func reuse() throws {
        let test = try TestLoop()
        let loop = test.loop
        let pairs = [try Pair(), try Pair()]
        for pair in pairs { pair.send("x") }
        let seen = Record<Int>()
        let opened = Record<Pair>()
        try test.run {
            let handlers = [Handler(seen, 0), Handler(seen, 1)]
            let tokens = try zip(pairs, handlers).map { try loop.watch($0.near, .read, $1) }
            for (index, handler) in handlers.enumerated() {
                handler.action = { _ in
                    loop.unwatch(tokens[0])
                    loop.unwatch(tokens[1])
                    close(pairs[1 - index].near)
                    if let fresh = try? Pair() {
                        _ = try? loop.watch(fresh.near, .read, Handler(seen, 2))
                        opened.append(fresh)
                    }
                }
            }
        }
        #expect(opened.wait(forCount: 1))
        try test.turn()
        #expect(seen.values.count == 1)
        opened.values.first?.send("y")
        #expect(seen.wait { $0.contains(2) })
    }

    @Test("a handler that nobody else holds may end its own watch, and others' as it goes")
    func handlerGoes() throws {
        let test = try TestLoop()
        let loop = test.loop
        let pairs = [try Pair(), try Pair()]
        pairs[0].send("x")
        let seen = Record<Int>()
        try test.run {
            let handler = Handler(seen, 0)
            let other = try loop.watch(pairs[1].near, .read, Handler(seen, 1))
            let token = try loop.watch(pairs[0].near, .read, handler)
            handler.action = { _ in loop.unwatch(token) }
            handler.atEnd = { loop.unwatch(other) }
        }
        #expect(seen.wait(forCount: 2))
        #expect(seen.values == [0, -1])
        pairs[1].send("y")
        try test.turn()
        #expect(seen.values == [0, -1])
    }

    @Test("what enlists at the end of a tick is called once, also when it does so from there")
    func endOfTick() throws {
        final class Participant: TickParticipant {
            let seen: Record<Int>
            let loop: EventLoop
            var left: Int
            init(_ seen: Record<Int>, _ loop: EventLoop, _ left: Int) {
                self.seen = seen
                self.loop = loop
                self.left = left
            }
            func tickEnded() {
                seen.append(left)
                left -= 1
                if left > 0 { loop.atEndOfTick(self) }
            }
        }
        let test = try TestLoop()
        let seen = Record<Int>()
        let loop = test.loop
        try test.run {
            loop.atEndOfTick(Participant(seen, loop, 3))
            seen.append(9)
        }
        try test.turn(1)
        #expect(seen.values == [9, 3, 2, 1])
    }
}

final class Handler: ReadinessHandler {
    private let seen: Record<Int>
    private let id: Int
    var action: (Readiness) -> Void = { _ in }
    var atEnd: (() -> Void)?

    init(_ seen: Record<Int>, _ id: Int) {
        self.seen = seen
        self.id = id
    }

    deinit {
        guard let atEnd else { return }
        atEnd()
        seen.append(-1)
    }

    func ready(_ readiness: Readiness) {
        seen.append(id)
        let action = action
        self.action = { _ in }
        action(readiness)
    }
}

/// Whether something comes true without anything that could be waited for: the limit is for a test that fails.
func eventually(_ condition: () -> Bool) -> Bool {
    let limit = monotonicNanoseconds() + 20_000_000_000
    while !condition() {
        if monotonicNanoseconds() > limit { return false }
        sched_yield()
    }
    return true
}
