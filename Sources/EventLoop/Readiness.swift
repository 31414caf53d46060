/// What a descriptor is watched for.
package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let read = Interest(rawValue: 1)
    package static let write = Interest(rawValue: 2)
}

/// What the kernel says of a watched descriptor, level-triggered.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
    /// Both directions are closed.
    package static let hangup = Readiness(rawValue: 4)
    package static let error = Readiness(rawValue: 8)
}

/// Hears of a descriptor's readiness, on the loop.
package protocol ReadinessHandler: AnyObject {
    func ready(_ readiness: Readiness)
}

/// Has work at the end of the current tick: a socket with bytes to send, a connection with a batch to flush.
package protocol TickParticipant: AnyObject {
    func tickEnded()
}

/// Names a watched descriptor; stays harmless after `unwatch`.
package struct WatchToken: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32

    var packed: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    init(packed: UInt64) {
        index = UInt32(truncatingIfNeeded: packed)
        generation = UInt32(truncatingIfNeeded: packed >> 32)
    }
}
