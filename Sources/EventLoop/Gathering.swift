/// Decides how long a loop lets more come before it looks for events again.
///
/// A peer that sends on without waiting for answers is served a message or two at a time by a loop that is quicker than
/// the peer: a wake-up, a read, an acknowledgement and a write for each. While peers do that, ticks begin `interval`
/// apart, and each takes what has come meanwhile. Otherwise nothing waits, nor does a loop whose ticks take that long
/// anyway. Network cards moderate their interrupts for the same reason.
///
/// Time is an input, in nanoseconds.
package struct Gathering: Sendable {
    /// What passes between the beginnings of two ticks when the first one asks for it; 0: nothing waits.
    package let interval: UInt64
    /// Whether the tick under way has asked for a larger next one.
    package private(set) var isAsked = false

    package init(interval: UInt64) {
        self.interval = interval
    }

    package mutating func ask() {
        isAsked = interval > 0
    }

    /// How long to wait at `now` before the next tick, when the last one began at `start`; what was asked for is done
    /// with that. Never more than `interval`, whatever the clock says.
    package mutating func pause(since start: UInt64, at now: UInt64) -> UInt64 {
        guard isAsked else { return 0 }
        isAsked = false
        guard now >= start, now - start < interval else { return 0 }
        return interval - (now - start)
    }
}
