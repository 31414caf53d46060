/// A hierarchical timing wheel: six levels of 64 slots, a millisecond a slot at the lowest, so that setting, cancelling
/// and firing a timer are all O(1) however many there are. Time is an input; nothing here reads a clock.
///
/// ```
/// level 0   64 slots of  1 ms      deadlines that differ from now in the last 6 bits
/// level 1   64 slots of 64 ms      … in bits 6 to 11; moved down when their slot begins
/// …
/// level 5   64 slots of 12.4 days
/// ```
///
/// An entry sits at the level of the highest bit in which its deadline differs from the present. Entries live in one
/// slab and are linked by index, so that a timer costs no allocation of its own beyond its action. Lists are joined at
/// their ends, so that timers fire in the order of their deadlines and, of equal ones, in the order of their setting.
package struct TimerWheel {
    private static let levels = 6
    private static let slots = 64
    /// The list of entries whose time has come.
    private static let dueList = levels * slots
    private static let none: Int32 = -1

    private struct Entry {
        var deadline: UInt64
        var action: (() -> Void)?
        var next: Int32
        var previous: Int32
        /// Which list it is in; `none` when it is free.
        var list: Int32
        var generation: UInt32
    }

    private var entries: [Entry] = []
    private var free: Int32 = TimerWheel.none
    private var heads = [Int32](repeating: TimerWheel.none, count: TimerWheel.levels * TimerWheel.slots + 1)
    private var tails = [Int32](repeating: TimerWheel.none, count: TimerWheel.levels * TimerWheel.slots + 1)
    private var occupied = [UInt64](repeating: 0, count: TimerWheel.levels)
    /// The present in milliseconds, as far as the wheel has been turned.
    private var present: UInt64
    package private(set) var count = 0

    package init(now milliseconds: UInt64) {
        present = milliseconds
    }

    /// Sets a timer. A deadline that is not in the future fires at the next millisecond; one beyond the wheel's range
    /// (about two years) fires at its end.
    package mutating func insert(deadline: UInt64, _ action: @escaping () -> Void) -> TimerToken {
        // Its slot on the highest level must not be the present one again, a turn later.
        let limit = (present | ((1 << 30) - 1)) &+ (63 << 30)
        let deadline = min(max(deadline, present &+ 1), limit)
        let index: Int32
        if free != Self.none {
            index = free
            free = entries[Int(index)].next
            entries[Int(index)].deadline = deadline
            entries[Int(index)].action = action
        } else {
            index = Int32(entries.count)
            entries.append(
                Entry(
                    deadline: deadline, action: action, next: Self.none, previous: Self.none, list: Self.none,
                    generation: 0))
        }
        count += 1
        place(index)
        return TimerToken(index: index, generation: entries[Int(index)].generation)
    }

    /// Forgets a timer; one that has fired or was cancelled is no error.
    ///
    /// - Returns: its action, so that the caller lets go of it, and of what it holds, when the wheel is not in use.
    @discardableResult
    package mutating func cancel(_ token: TimerToken) -> (() -> Void)? {
        let index = Int(token.index)
        guard index >= 0, index < entries.count, entries[index].generation == token.generation,
            entries[index].list != Self.none
        else { return nil }
        unlink(token.index)
        let action = entries[index].action
        release(token.index)
        return action
    }

    /// Turns the wheel to `now`. What is due by then comes from `popDue`.
    package mutating func advance(to now: UInt64) {
        while let (level, slot, start) = nextSlot(), start <= now {
            present = max(present, start)
            let list = level * Self.slots + slot
            occupied[level] &= ~(1 << UInt64(slot))
            var index = heads[list]
            heads[list] = Self.none
            tails[list] = Self.none
            while index != Self.none {
                let next = entries[Int(index)].next
                if entries[Int(index)].deadline <= present { link(index, into: Self.dueList) } else { place(index) }
                index = next
            }
        }
        present = max(present, now)
    }

    /// The next action whose time has come. An action may set and cancel timers, also such as are due with it.
    package mutating func popDue() -> (() -> Void)? {
        let index = heads[Self.dueList]
        guard index != Self.none else { return nil }
        unlink(index)
        let action = entries[Int(index)].action
        release(index)
        return action
    }

    /// When the wheel must be turned next, in milliseconds: not later than the earliest deadline. `nil`: no timers.
    package var nextWake: UInt64? {
        if heads[Self.dueList] != Self.none { return present }
        return nextSlot()?.start
    }

    private func nextSlot() -> (level: Int, slot: Int, start: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(level * 6)
            let here = (present >> shift) & 63
            let rotated = occupied[level] >> here | occupied[level] << ((64 - here) & 63)
            let slot = (UInt64(rotated.trailingZeroBitCount) + here) & 63
            let range: UInt64 = 1 << (shift + 6)
            var start = present & ~(range - 1) | slot << shift
            if start < present & ~((1 << shift) - 1) { start += range }
            return (level, Int(slot), start)
        }
        return nil
    }

    private mutating func place(_ index: Int32) {
        let deadline = entries[Int(index)].deadline
        let difference = (deadline ^ present) | 63
        let level = min((63 - difference.leadingZeroBitCount) / 6, Self.levels - 1)
        let slot = Int((deadline >> UInt64(level * 6)) & 63)
        occupied[level] |= 1 << UInt64(slot)
        link(index, into: level * Self.slots + slot)
    }

    private mutating func link(_ index: Int32, into list: Int) {
        let tail = tails[list]
        entries[Int(index)].list = Int32(list)
        entries[Int(index)].previous = tail
        entries[Int(index)].next = Self.none
        if tail != Self.none { entries[Int(tail)].next = index } else { heads[list] = index }
        tails[list] = index
    }

    private mutating func unlink(_ index: Int32) {
        let list = Int(entries[Int(index)].list)
        let next = entries[Int(index)].next
        let previous = entries[Int(index)].previous
        if previous != Self.none { entries[Int(previous)].next = next } else { heads[list] = next }
        if next != Self.none { entries[Int(next)].previous = previous } else { tails[list] = previous }
        if heads[list] == Self.none, list != Self.dueList {
            occupied[list / Self.slots] &= ~(1 << UInt64(list % Self.slots))
        }
    }

    private mutating func release(_ index: Int32) {
        entries[Int(index)].action = nil
        entries[Int(index)].list = Self.none
        entries[Int(index)].generation &+= 1
        entries[Int(index)].next = free
        free = index
        count -= 1
    }
}

/// Names a timer that was set; stays harmless after it has fired.
package struct TimerToken: Hashable, Sendable {
    let index: Int32
    let generation: UInt32

    /// As one word, for those who keep timers of several kinds.
    package var packed: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index)) }

    init(index: Int32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    package init(packed: UInt64) {
        index = Int32(bitPattern: UInt32(truncatingIfNeeded: packed))
        generation = UInt32(truncatingIfNeeded: packed >> 32)
    }
}
