/// How much may be on the way to a socket at another gateway, at the owner's end: what was sent and not yet taken. Beyond
/// it the socket counts as one without room, and gets the merged rest when it has some; nothing is queued for it.
package struct SocketCredit: Sendable, Equatable {
    /// Bytes.
    package static let window: UInt64 = 64 << 10

    private var sent: UInt64 = 0
    private var taken: UInt64 = 0

    package init() {}

    package var hasRoom: Bool { outstanding < Self.window }

    /// Bytes that were sent and not yet taken.
    package var outstanding: UInt64 { sent &- taken }

    /// A frame goes out: whole, also where it passes the window.
    package mutating func send(_ count: Int) {
        sent += UInt64(max(count, 0))
    }

    /// The edge has taken so many bytes of all.
    ///
    /// - Returns: whether there is room now and was none before. What can't be is not believed: more than was sent, or
    ///   less than was taken before.
    package mutating func taken(total: UInt64) -> Bool {
        let had = hasRoom
        if total > taken, total <= sent { taken = total }
        return !had && hasRoom
    }
}
