/// Whether this process is one of the gateways that may write, and for how long it may say so: pure, times are inputs.
///
/// ```
///            enlisted                    refused: the row is gone
///  enlisting ────────▶ member ────────────────────────────────────▶ fenced
///      ▲                 │ ▲ beats, each of which extends the lease     │
///      │                 └─┘                                            │ rejoin: everything was let go
///      └────────────────────────────────────────────────────────────────┘
/// ```
/// A sign of life that fails changes nothing but that the lease is not extended; it ends by itself. What ends it for good
/// is only the database's word that the row is gone.
package struct MembershipMachine: Sendable {
    package enum State: Sendable, Equatable { case enlisting, member, fenced, left }

    package enum Action: Sendable, Equatable {
        /// Make the row. May be repeated.
        case enlist
        /// Store a sign of life.
        case beat
        /// Events may be handed out up to then.
        case extend(until: UInt64)
        /// Let go of everything, then `rejoin`.
        case letGo
        /// The name that was enlisted may be written under; not before, since what is refused for want of its row would
        /// be taken for the next fence.
        case begin
        /// Another gateway is silent, and this one may judge it.
        case recover
    }

    package private(set) var state: State = .enlisting
    private let lease: UInt64
    /// What was asked of the database and is not answered yet.
    private var isAsking = false

    /// - Parameter lease: nanoseconds that a sign of life counts, from when it was sent.
    package init(lease: UInt64) {
        self.lease = lease
    }

    /// It is time for the next sign of life.
    package mutating func tick() -> Action? {
        guard !isAsking else { return nil }
        switch state {
        case .enlisting:
            isAsking = true
            return .enlist
        case .member:
            isAsking = true
            return .beat
        case .fenced, .left:
            return nil
        }
    }

    package mutating func enlisted(sentAt: UInt64) -> [Action] {
        isAsking = false
        guard state == .enlisting else { return [] }
        state = .member
        return [.begin, .extend(until: sentAt &+ lease)]
    }

    package mutating func beaten(sentAt: UInt64, isMember: Bool, seesStale: Bool) -> [Action] {
        isAsking = false
        guard state == .member else { return [] }
        guard isMember else { return fenced() }
        return [.extend(until: sentAt &+ lease)] + (seesStale ? [.recover] : [])
    }

    /// The database did not answer.
    package mutating func failed() {
        isAsking = false
    }

    /// A write was refused because the row is gone, or a sign of life was.
    package mutating func fenced() -> [Action] {
        guard state == .member else { return [] }
        state = .fenced
        return [.letGo]
    }

    /// Everything was let go: the process is another one, as soon as that is enlisted.
    package mutating func rejoin() {
        guard state == .fenced else { return }
        state = .enlisting
    }

    /// The process stops.
    package mutating func leave() {
        state = .left
    }
}
