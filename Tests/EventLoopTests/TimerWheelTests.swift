import EventLoop
import Testing

@Suite("Timer wheel")
struct TimerWheelTests {
    /// Turns a wheel and notes what fires.
    private final class Bench {
        var wheel: TimerWheel
        var fired: [Int] = []

        init(now: UInt64) { wheel = TimerWheel(now: now) }

        func set(_ id: Int, _ deadline: UInt64) -> TimerToken {
            wheel.insert(deadline: deadline) { [unowned self] in fired.append(id) }
        }

        func advance(to now: UInt64) -> [Int] {
            fired = []
            wheel.advance(to: now)
            while let action = wheel.popDue() { action() }
            return fired
        }
    }

    @Test(
        "a timer fires when its millisecond has come and not before, wherever the present is",
        arguments: [0, 1, 63, 64, 4_095, 4_096, 262_143, 1 << 30, 1 << 36, UInt64(1) << 40 + 12_345] as [UInt64],
        [1, 2, 63, 64, 65, 127, 128, 4_095, 4_096, 4_097, 262_144, 16_777_216, 1 << 30, (1 << 30) + 1] as [UInt64])
    func boundaries(now: UInt64, delay: UInt64) {
        let bench = Bench(now: now)
        _ = bench.set(1, now + delay)
        #expect(bench.advance(to: now + delay - 1) == [])
        #expect(bench.wheel.nextWake.map { $0 <= now + delay } == true)
        #expect(bench.advance(to: now + delay) == [1])
        #expect(bench.wheel.nextWake == nil)
        #expect(bench.wheel.count == 0)
    }

    @Test("what is due together fires in the order of the deadlines, and then of the setting")
    func order() {
        let bench = Bench(now: 100)
        _ = bench.set(1, 130)
        _ = bench.set(2, 120)
        _ = bench.set(3, 130)
        _ = bench.set(4, 5_000)
        _ = bench.set(5, 119)
        _ = bench.set(6, 5_000)
        #expect(bench.advance(to: 10_000) == [5, 2, 1, 3, 4, 6])
    }

    @Test("a deadline in the past fires at the next millisecond")
    func past() {
        let bench = Bench(now: 1_000)
        _ = bench.set(1, 0)
        #expect(bench.advance(to: 1_000) == [])
        #expect(bench.advance(to: 1_001) == [1])
    }

    @Test(
        "a deadline beyond the wheel's range fires at its end", arguments: [0, 5, 1 << 30, (1 << 36) - 1] as [UInt64])
    func farAway(now: UInt64) {
        let bench = Bench(now: now)
        _ = bench.set(1, .max)
        _ = bench.set(2, now + 10)
        var time = now
        #expect(bench.advance(to: now + 10) == [2])
        for _ in 0..<1_000 {
            guard let wake = bench.wheel.nextWake else { break }
            #expect(wake > time)
            time = wake
            if bench.advance(to: time) == [1] { break }
        }
        #expect(bench.wheel.count == 0)
        #expect(time > now + 60_000_000_000)
    }

    @Test("an action may set and cancel timers, also such as are due with it")
    func reentrance() {
        let bench = Bench(now: 0)
        var second: TimerToken?
        _ = bench.wheel.insert(deadline: 5) {
            if let second { bench.wheel.cancel(second) }
            _ = bench.set(3, 5)
        }
        second = bench.set(2, 5)
        #expect(bench.advance(to: 5) == [])
        #expect(bench.advance(to: 6) == [3])
    }

    @Test("a token is harmless after its timer, and after another has its place")
    func staleToken() {
        let bench = Bench(now: 0)
        let first = bench.set(1, 1)
        #expect(bench.advance(to: 1) == [1])
        _ = bench.set(2, 2)
        bench.wheel.cancel(first)
        #expect(bench.advance(to: 2) == [2])
        bench.wheel.cancel(first)
        #expect(bench.wheel.count == 0)
    }

    @Test(
        "over millions of milliseconds it does what a sorted list does",
        arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func againstModel(seed: UInt64) {
        var random = SplitMix(state: seed)
        var now = random.next() % 1_000_000
        let bench = Bench(now: now)
        var model: [(deadline: UInt64, id: Int, token: TimerToken)] = []
        let ranges: [UInt64] = [10, 70, 1_000, 70_000, 5_000_000]
        for id in 0..<4_000 {
            let deadline = now + random.next() % ranges[Int(random.next() % 5)]
            model.append((max(deadline, now + 1), id, bench.set(id, deadline)))
            if random.next() % 4 == 0 {
                let index = Int(random.next() % UInt64(model.count))
                bench.wheel.cancel(model.remove(at: index).token)
            }
            if random.next() % 3 == 0 {
                now += random.next() % ranges[Int(random.next() % 5)] / 10
                let due = model.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
                model.removeAll { $0.deadline <= now }
                #expect(bench.advance(to: now) == due.map(\.id))
                #expect(bench.wheel.count == model.count)
                let earliest = model.map(\.deadline).min()
                // Not later than the first deadline, and never a wake-up without progress.
                if let earliest, let wake = bench.wheel.nextWake {
                    #expect(wake <= earliest && wake > now)
                } else {
                    #expect(earliest == nil && bench.wheel.nextWake == nil)
                }
            }
        }
        let rest = model.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
        #expect(bench.advance(to: now + 6_000_000) == rest.map(\.id))
    }
}

struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
