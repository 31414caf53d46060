import Strings

/// Which of a user's reads a replica may answer: those that are sure to see the user's own last write. Pure.
///
/// Where a write lies in the WAL is not known when it commits, and asking would cost a round trip. So a write only
/// marks the user. The first read behind it goes to the primary, and in the same transaction asks how far the WAL is:
/// that lies behind the write. From then on a replica that has replayed so far may answer, which it says in the
/// transaction that reads.
///
/// What earlier processes wrote is covered by the first read of all, whoever's it is.
package struct ReplicaGate {
    package enum Route: Equatable {
        /// The answer tells the WAL's position: `primaryAnswered` with this stamp.
        case primary(stamp: UInt64)
        /// If it has replayed the WAL up to here.
        case replica(from: Int64)
    }

    private enum Mark {
        case written(stamp: UInt64)
        case known(Int64)
    }

    /// Users that are remembered; beyond that all are treated as if each had just written.
    private let capacity: Int
    private var marks: [ExactString: Mark] = [:]
    /// Counts writes.
    private var stamp: UInt64 = 0
    /// Holds for users without a mark; `nil`: not known yet.
    private var floor: Int64?
    private var floorStamp: UInt64 = 0

    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// A write of that user was committed, or may have been.
    package mutating func wrote(_ user: String) {
        let user = ExactString(user)
        stamp += 1
        if marks.count >= capacity, marks[user] == nil {
            marks.removeAll(keepingCapacity: true)
            floor = nil
            floorStamp = stamp
        }
        marks[user] = .written(stamp: stamp)
    }

    package func route(_ user: String) -> Route {
        switch marks[ExactString(user)] {
        case .known(let position): return .replica(from: position)
        case .written: return .primary(stamp: stamp)
        case nil:
            if let floor { return .replica(from: floor) }
            return .primary(stamp: stamp)
        }
    }

    /// - Parameters:
    ///   - position: bytes of WAL when the primary answered; `nil` when it is none.
    ///   - stamp: of the route. What was written since may lie behind the position.
    package mutating func primaryAnswered(_ user: String, at position: Int64?, stamp: UInt64) {
        guard let position else { return }
        if floor == nil, stamp >= floorStamp { floor = position }
        let user = ExactString(user)
        if case .written(let written) = marks[user], written <= stamp { marks[user] = .known(position) }
    }
}
