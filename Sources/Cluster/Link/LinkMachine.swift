/// One end of a link between two shards of different gateways: pure, times are inputs.
///
/// The carrier loses, doubles and reorders; what comes out here is in order and whole, or the link is begun anew. The
/// edge begins it, under a number that is higher than any before, and then says again which sockets it has and up to
/// where they are: that is the protocol's own resume, so nothing but time is lost.
///
/// ```
///          open                     answered
/// closed ───────▶ open, unanswered ─────────▶ open, answered ──┐ a gap, a reset, or 3 s of silence:
///    ▲                │      ▲                                 │ begun anew
///    │ 10 s of silence│      └─────────────────────────────────┘
///    └────────────────┘
/// ```
/// The owner's end is opened by the first message of a link; it asks for a new beginning where something is missing, and
/// is closed by 12 s of silence, by when the edge has given up.
package struct LinkMachine: Sendable, Equatable {
    package enum Role: Sendable { case edge, owner }

    package enum Action: Sendable, Equatable {
        /// A new link: the edge says what sockets it has; the owner drops those of the link before.
        case begin(link: UInt64)
        /// What came is to be used.
        case take
        case probe
        /// The edge is to begin anew.
        case reset(link: UInt64)
        /// The other end is not to be reached: the edge's sockets are closed, the owner's dropped.
        case end
    }

    /// Nanoseconds of silence after which is asked, the edge begins anew, and each end gives up.
    package static let probeAfter: UInt64 = 1_000_000_000
    package static let beginAfter: UInt64 = 3_000_000_000
    package static let edgeEndsAfter: UInt64 = 10_000_000_000
    package static let ownerEndsAfter: UInt64 = 12_000_000_000

    private struct Link: Sendable, Equatable {
        var number: UInt64
        /// Messages that were sent, and those that came.
        var sent: UInt64 = 0
        var received: UInt64 = 0
        var begun: UInt64
        var wasReset = false
    }

    private let role: Role
    private var link: Link?
    /// No link has this number or a lower one any more.
    private var last: UInt64
    private var heard: UInt64 = 0
    private var probed: UInt64 = 0

    /// - Parameter last: a number that rises from one process, or incarnation, to the next: the time.
    package init(_ role: Role, last: UInt64) {
        self.role = role
        self.last = last
    }

    package var isOpen: Bool { link != nil }

    /// Of the link that is.
    package var number: UInt64? { link?.number }

    /// The edge has a socket for the other end.
    package mutating func open(at now: UInt64) -> [Action] {
        guard role == .edge, link == nil else { return [] }
        heard = now
        return begin(at: now)
    }

    private mutating func begin(at now: UInt64) -> [Action] {
        last += 1
        link = Link(number: last, begun: now)
        probed = now
        return [.begin(link: last)]
    }

    /// What the next message carries; nil: there is no link to send on.
    package mutating func next() -> (link: UInt64, number: UInt64)? {
        guard let current = link else { return nil }
        link?.sent += 1
        return (current.number, current.sent)
    }

    package mutating func received(link number: UInt64, message: UInt64, at now: UInt64) -> [Action] {
        switch role {
        case .edge: receivedByEdge(number, message, at: now)
        case .owner: receivedByOwner(number, message, at: now)
        }
    }

    private mutating func receivedByEdge(_ number: UInt64, _ message: UInt64, at now: UInt64) -> [Action] {
        // Of a link before, or of one that was never begun here.
        guard let current = link, number == current.number, message >= current.received else { return [] }
        heard = now
        guard message == current.received else { return begin(at: now) }
        link?.received += 1
        return [.take]
    }

    private mutating func receivedByOwner(_ number: UInt64, _ message: UInt64, at now: UInt64) -> [Action] {
        if let current = link, number == current.number {
            guard message >= current.received, !current.wasReset else { return [] }
            heard = now
            guard message == current.received else { return reset(number) }
            link?.received += 1
            return [.take]
        }
        guard number > last else { return [] }
        last = number
        heard = now
        link = Link(number: number, begun: now)
        guard message == 0 else { return reset(number) }
        link?.received = 1
        return [.begin(link: number), .take]
    }

    private mutating func reset(_ number: UInt64) -> [Action] {
        link?.wasReset = true
        return [.reset(link: number)]
    }

    /// The owner has asked for a new beginning.
    package mutating func reset(link number: UInt64, at now: UInt64) -> [Action] {
        guard role == .edge, let current = link, number == current.number else { return [] }
        return begin(at: now)
    }

    /// From time to time, as long as the link is open.
    package mutating func tick(at now: UInt64) -> [Action] {
        guard let current = link else { return [] }
        let silence = now &- heard
        if silence >= (role == .edge ? Self.edgeEndsAfter : Self.ownerEndsAfter) {
            link = nil
            return [.end]
        }
        if role == .edge, silence >= Self.beginAfter, now &- current.begun >= Self.beginAfter { return begin(at: now) }
        if silence >= Self.probeAfter, now &- probed >= Self.probeAfter {
            probed = now
            return [.probe]
        }
        return []
    }

    /// The edge has no socket for the other end any more.
    package mutating func close() {
        link = nil
    }
}
