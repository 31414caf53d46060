/// What other gateways have, or a dead one left: runs that are taken over, and those whose end is waited for.
extension ConversationMachine {
    /// Milliseconds between two looks at what is not here.
    package static let lookInterval: UInt64 = 1_000

    /// Takes over a committed turn whose run nobody has: its acceptance was stored, but the answer got lost.
    mutating func adopt(_ turn: Turn) {
        guard interruption == nil else { return }
        // Before those that wait for it: they would ask for its place for ever. Otherwise where it was stored, which was
        // before those that are not yet.
        let behind = turns.firstIndex { !$0.isStored || ($0.position ?? 0) > (turn.position ?? .max) }
        turns.insert(turn, at: turn.standing == .placed ? 0 : behind ?? turns.count)
        if active == nil, turns.first?.runID == turn.runID, isSettled, writes.isEmpty { goOn() }
    }

    /// Whether the run of another gateway that holds this one up has ended.
    mutating func begun(_ runID: Identifier, _ outcome: StoreWrite<Beginning>) {
        guard
            let index = turns.firstIndex(where: { $0.runID == runID && $0.standing == .waiting(isAsked: true) })
        else { return }
        switch outcome {
        case .stored(.begun):
            turns[index].standing = .placed
            suspended = nil
            // The other gateway's reply is stored by now, and was not shown here.
            effect(.showAnew)
        case .stored(.gone), .fenced:
            turns.remove(at: index)
            effect(.showAnew)
        case .stored(.waits(behind: let active))
        where turns.contains { $0.runID == active && $0.runID != runID && $0.isStored }:
            // One of those that wait here has the place: what is first here was taken over behind it, or has gone before
            // it. The database decides, else each would wait for the other for ever.
            turns[index].standing = .waiting(isAsked: false)
            advance(active)
        case .stored(.waits), .failed:
            effect(.schedule(.askToBegin(runID), after: Self.lookInterval))
            return
        }
        goOn()
    }

    private mutating func advance(_ runID: Identifier?) {
        guard let index = turns.firstIndex(where: { $0.runID == runID }) else { return }
        turns.insert(turns.remove(at: index), at: 0)
    }

    /// The id was used before, in this conversation: the sender hears of the original, and of what its run says.
    ///
    /// - Parameter isOver: its run has ended, or what it says is still held here.
    mutating func duplicate(_ turn: Turn, _ messageID: Identifier, _ runID: Identifier, isOver: Bool) {
        tell(turn.answers, .sent(threadID: threadID, messageID: messageID, runID: runID, .duplicate))
        guard let key = turn.clientID, !isOver, !holds(runID), !isDraining else { return follow(turn, runID) }
        // A run that is stored and not run would hold its conversation up, also where nobody is left who asked: it is
        // taken over, unless another gateway has it, or had it (then it is a matter of the recovery).
        claims.append(Claim(turn: turn, messageID: messageID, runID: runID, key: key))
        effect(.claim(turn: turn.runID, key: key))
    }

    private mutating func follow(_ turn: Turn, _ runID: Identifier) {
        for answer in turn.answers where answer.subscribes { effect(.join(answer, from: runID)) }
        for answer in turn.cancellations { effect(.cancel(runID, answer)) }
    }

    /// - Parameter turnID: the run that the repetition would have had, which names the claim.
    mutating func claimed(_ turnID: Identifier, _ result: Result<SentTurn?, StoreError>, _ isHeld: Bool) {
        guard let index = claims.firstIndex(where: { $0.turn.runID == turnID }) else { return }
        let claim = claims[index]
        let isOpen = !isDraining && !isHeld && !holds(claim.runID)
        if case .failure = result, isOpen {
            refuseWaiting()
            isClaimLate = true
            effect(.schedule(.claim(turnID), after: Self.lookInterval))
            return
        }
        claims.remove(at: index)
        isClaimLate = false
        if case .success(let sent?) = result, isOpen, !sent.runEnded {
            if sent.isElsewhere {
                effect(.watch(claim.runID, key: claim.key))
            } else if case .answer? = claim.turn.branch {
                // The repetition does not say what is asked, the database does when the same is offered again.
                let turn = Turn(
                    message: Message(id: claim.messageID, role: .user, content: ""), runID: claim.runID,
                    clientID: claim.key, branch: claim.turn.branch)
                turns.append(turn)
                write(.accept(turn.runID))
            } else {
                var turn = Turn(
                    message: Message(id: claim.messageID, role: .user, content: claim.turn.message.content),
                    runID: claim.runID, clientID: claim.key)
                turn.standing = .waiting(isAsked: false)
                adopt(turn)
            }
        }
        follow(claim.turn, claim.runID)
        goOn()
    }
}
