import HeapModule

/// The one source of time and chance of a world: what is due is carried out in order of time, and of its arrival where the
/// time is the same.
final class Scheduler {
    private struct Event: Comparable {
        var due: UInt64
        var number: UInt64
        var action: () -> Void

        static func < (left: Event, right: Event) -> Bool {
            left.due == right.due ? left.number < right.number : left.due < right.due
        }
        static func == (left: Event, right: Event) -> Bool { left.number == right.number }
    }

    /// Milliseconds.
    private(set) var now: UInt64 = 1_000
    private var events = Heap<Event>()
    private var next: UInt64 = 0
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1) }

    func after(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
        next += 1
        events.insert(Event(due: now + milliseconds, number: next, action: action))
    }

    /// Carries out what is due up to then.
    func run(until end: UInt64, each check: () -> Void) {
        while let first = events.min, first.due <= end {
            events.removeMin()
            now = max(now, first.due)
            first.action()
            check()
        }
        now = max(now, end)
    }

    func forgetAll() { events = Heap() }

    // MARK: Chance

    func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(count, 1))) }
    func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + random.next() % (range.upperBound - range.lowerBound + 1)
    }
    /// One time in `n`.
    func oneIn(_ n: Int) -> Bool { pick(n) == 0 }
    func word() -> UInt64 { random.next() }
}

/// SplitMix64.
struct SeededRandom {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
