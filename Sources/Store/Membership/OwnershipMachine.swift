/// Whose a user's session is, as far as this process knows, and who may be let in: pure.
///
/// ```
///            claim          answered: owned
///  (absent) ───────▶ asking ───────────────▶ owned ◀──────┐
///     ▲               │  │ ▲                  │ quiet     │ answered: nobody else had it
///     │   another's,  │  │ │ asked once       ▼           │ meanwhile
///     ├───────────────┘  │ │ more          released ──▶ asking (what it had is still in memory)
///     │   twice          ▼ │                  │
///     │                waiting                │ ended
///     ├───────────────────────────────────────┘      asking ──▶ settling ──▶ owned: from a gateway that is gone
///     │ another's: evict
///  provisional ◀── asking: the database is away, and no other gateway is known
/// ```
/// A claim always makes a new epoch, which is what makes a release of the epoch before it harmless however late it
/// comes.
package struct OwnershipMachine: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case absent
        /// The database was asked, for the second time if `isLast`. `memory`: the epoch that was given back, and whose
        /// session is still here.
        case asking(isLast: Bool, memory: Int64?)
        /// Another gateway has it, and hears that it is wanted: it gives back what it does not use.
        case waiting(memory: Int64?)
        case owned(epoch: Int64)
        /// It is this process's, and was a gateway's that is gone: who is let in must find what that one left under way.
        case settling(epoch: Int64)
        /// The database is away. What is let in is told so in answer to all that it asks; the claim is on its way.
        case provisional
        /// Given back. The session is in memory for a while, with what it keeps for those that come back.
        case released(epoch: Int64)
    }

    package enum Action: Sendable, Equatable {
        case ask
        /// Once more, a little later than a gateway takes to give back what it does not use.
        case askAgain
        case admit
        /// Take over what gateways that are gone have left.
        case takeOver
        /// Seconds after which it is worth another try.
        case refuse(retryAfter: Int)
        /// Who waits goes on by way of the gateway that has it.
        case pass
        /// What is in memory was overtaken by what another gateway did.
        case dropSession
        /// The same, and its sockets are sent to where the session is.
        case evict
        case release(epoch: Int64)
    }

    /// Milliseconds without a sign of life after which another gateway is taken for dead, and those after which it is
    /// not expected to hear of anything.
    private let staleAfter: Int
    private static let silentAfter = 1_500
    /// Seconds. A refusal that can't know better says one.
    private static let longestRetry = 5

    package private(set) var state: State = .absent

    package init(staleAfter: Int) {
        self.staleAfter = staleAfter
    }

    package var isOwned: Bool {
        switch state {
        case .owned, .settling: true
        case .absent, .asking, .waiting, .provisional, .released: false
        }
    }

    /// Somebody wants in.
    package mutating func claim() -> [Action] {
        switch state {
        case .absent:
            state = .asking(isLast: false, memory: nil)
            return [.ask]
        case .released(let epoch):
            state = .asking(isLast: false, memory: epoch)
            return [.ask]
        case .asking, .waiting: return []
        // Asked for again: the first time it may have failed.
        case .settling: return [.takeOver]
        case .owned, .provisional: return [.admit]
        }
    }

    /// It is this process's, as that epoch: by its claim, or because it has taken over a run.
    ///
    /// - Parameter isTaken: from a gateway that is gone.
    package mutating func owned(epoch: Int64, isTaken: Bool = false) -> [Action] {
        let before = state
        state = .owned(epoch: epoch)
        switch before {
        case .asking(_, let memory), .waiting(let memory):
            if isTaken { state = .settling(epoch: epoch) }
            let drop: [Action] = Self.isOvertaken(memory, by: epoch) ? [.dropSession] : []
            return drop + [isTaken ? .takeOver : .admit]
        case .released(let memory):
            let drop: [Action] = Self.isOvertaken(memory, by: epoch) ? [.dropSession] : []
            return drop + (isTaken ? [.takeOver] : [])
        case .settling(let known):
            state = .settling(epoch: max(known, epoch))
            return []
        case .owned(let known):
            // Of two answers the older one may come last.
            state = .owned(epoch: max(known, epoch))
            return isTaken ? [.takeOver] : []
        case .absent, .provisional: return isTaken ? [.takeOver] : []
        }
    }

    /// What gateways that are gone have left is this process's.
    package mutating func settled() -> [Action] {
        guard case .settling(let epoch) = state else { return [] }
        state = .owned(epoch: epoch)
        return [.admit]
    }

    private static func isOvertaken(_ memory: Int64?, by epoch: Int64) -> Bool {
        memory.map { $0 + 1 != epoch } ?? false
    }

    /// Another gateway has it.
    ///
    /// - Parameters:
    ///   - silence: milliseconds since its last sign of life.
    ///   - isReached: what this one's clients say can be passed on to it.
    package mutating func refused(silence: Int, isReached: Bool = false) -> [Action] {
        switch state {
        case .asking(_, let memory) where isReached:
            state = .absent
            return memory == nil ? [.pass] : [.dropSession, .pass]
        case .asking(let isLast, let memory):
            if !isLast, silence < Self.silentAfter {
                state = .waiting(memory: memory)
                return [.askAgain]
            }
            state = .absent
            let refusal = Action.refuse(retryAfter: retryAfter(silence))
            return memory == nil ? [refusal] : [.dropSession, refusal]
        case .provisional:
            state = .absent
            return [.evict]
        // Asked by somebody who no longer waits.
        case .absent, .waiting, .owned, .settling, .released: return []
        }
    }

    /// When a silent gateway will be known to be dead, or soon.
    private func retryAfter(_ silence: Int) -> Int {
        guard silence >= Self.silentAfter else { return 1 }
        return min(max((staleAfter - silence + 1_999) / 1_000, 1), Self.longestRetry)
    }

    /// The time for the second question.
    package mutating func askAgain() -> [Action] {
        guard case .waiting(let memory) = state else { return [] }
        state = .asking(isLast: true, memory: memory)
        return [.ask]
    }

    /// The database does not answer, or has not given in time what others have left.
    ///
    /// - Parameter isAlone: no other gateway was there when it last did.
    package mutating func unanswered(isAlone: Bool) -> [Action] {
        if case .settling = state { return [.refuse(retryAfter: 1)] }
        guard case .asking(_, let memory) = state else { return [] }
        if isAlone {
            state = .provisional
            return [.admit]
        }
        state = memory.map { .released(epoch: $0) } ?? .absent
        return [.refuse(retryAfter: 1)]
    }

    /// Nobody is there any more, and nothing is under way.
    ///
    /// - Parameter isWanted: another gateway may want it.
    package mutating func quiet(isWanted: Bool) -> [Action] {
        guard case .owned(let epoch) = state, isWanted else { return [] }
        state = .released(epoch: epoch)
        return [.release(epoch: epoch)]
    }

    /// The session has left the memory.
    package mutating func ended() {
        switch state {
        case .owned, .released: state = .absent
        default: break
        }
    }

    /// The database has refused a write because another gateway has the session.
    package mutating func lost() -> [Action] {
        switch state {
        case .owned, .settling, .provisional:
            state = .absent
            return [.evict]
        case .absent, .asking, .waiting, .released: return []
        }
    }
}
