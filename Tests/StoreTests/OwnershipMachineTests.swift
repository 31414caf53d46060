import Store
import Testing

/// Whose a session is, as a table of what comes in and what follows.
struct OwnershipMachineTests {
    enum Step: Sendable {
        case claim
        case owned(Int64)
        case taken(Int64)
        case settled
        case another(silence: Int)
        /// And it can be reached.
        case reached
        case askAgain
        case unanswered(isAlone: Bool)
        case quiet(isWanted: Bool)
        case ended
        case lost
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [(Step, [OwnershipMachine.Action])]
        var state: OwnershipMachine.State
    }

    static let rows: [Row] = [
        Row(
            testDescription: "from a gateway that is gone: what that left comes first",
            steps: [
                (.claim, [.ask]), (.taken(3), [.takeOver]), (.claim, [.takeOver]), (.owned(4), []),
                (.settled, [.admit]),
                (.claim, [.admit]), (.settled, []),
            ], state: .owned(epoch: 4)),
        Row(
            testDescription: "and where that can't be had in time, it is asked for again",
            steps: [
                (.claim, [.ask]), (.taken(3), [.takeOver]), (.unanswered(isAlone: true), [.refuse(retryAfter: 1)]),
                (.claim, [.takeOver]), (.settled, [.admit]),
            ], state: .owned(epoch: 3)),
        Row(
            testDescription: "a gateway that is gone had it between two claims of this one",
            steps: [
                (.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: true), [.release(epoch: 4)]),
                (.claim, [.ask]), (.taken(6), [.dropSession, .takeOver]), (.settled, [.admit]),
            ], state: .owned(epoch: 6)),
        Row(
            testDescription: "let in while the database was away, and then it was one's that is gone",
            steps: [(.claim, [.ask]), (.unanswered(isAlone: true), [.admit]), (.taken(2), [.takeOver])],
            state: .owned(epoch: 2)),
        Row(
            testDescription: "lost before it was let in",
            steps: [(.claim, [.ask]), (.taken(2), [.takeOver]), (.lost, [.evict])], state: .absent),
        Row(
            testDescription: "the answer to the claim comes behind the run that was taken over",
            steps: [(.claim, [.ask]), (.owned(3), [.admit]), (.taken(2), [.takeOver]), (.settled, [])],
            state: .owned(epoch: 3)),
        Row(
            testDescription: "the first one asks, whoever comes meanwhile waits, and then nobody asks any more",
            steps: [(.claim, [.ask]), (.claim, []), (.owned(1), [.admit]), (.claim, [.admit])],
            state: .owned(epoch: 1)),
        Row(
            testDescription: "another gateway is asked to give back what it does not use, once",
            steps: [
                (.claim, [.ask]), (.another(silence: 100), [.askAgain]), (.claim, []), (.askAgain, [.ask]),
                (.another(silence: 100), [.refuse(retryAfter: 1)]),
            ], state: .absent),
        Row(
            testDescription: "one that is reached is not waited for, nor what it has done overlooked",
            steps: [
                (.claim, [.ask]), (.reached, [.pass]), (.claim, [.ask]), (.owned(4), [.admit]),
                (.quiet(isWanted: true), [.release(epoch: 4)]), (.claim, [.ask]), (.reached, [.dropSession, .pass]),
                (.reached, []),
            ], state: .absent),
        Row(
            testDescription: "nor when it was away at the first question",
            steps: [
                (.claim, [.ask]), (.another(silence: 100), [.askAgain]), (.askAgain, [.ask]), (.reached, [.pass]),
            ], state: .absent),
        Row(
            testDescription: "and does",
            steps: [
                (.claim, [.ask]), (.another(silence: 100), [.askAgain]), (.askAgain, [.ask]), (.owned(7), [.admit]),
            ], state: .owned(epoch: 7)),
        Row(
            testDescription: "a silent one is not waited for: it is said when it will be known to be dead",
            steps: [(.claim, [.ask]), (.another(silence: 1_600), [.refuse(retryAfter: 3)])], state: .absent),
        Row(
            testDescription: "which may be any moment",
            steps: [(.claim, [.ask]), (.another(silence: 60_000), [.refuse(retryAfter: 1)])], state: .absent),
        Row(
            testDescription: "given back, and nobody had it meanwhile: what is in memory goes on",
            steps: [
                (.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: true), [.release(epoch: 4)]),
                (.claim, [.ask]),
                (.owned(5), [.admit]),
            ], state: .owned(epoch: 5)),
        Row(
            testDescription: "given back, and somebody had it",
            steps: [
                (.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: true), [.release(epoch: 4)]),
                (.claim, [.ask]),
                (.owned(6), [.dropSession, .admit]),
            ], state: .owned(epoch: 6)),
        Row(
            testDescription: "given back, and somebody has it",
            steps: [
                (.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: true), [.release(epoch: 4)]),
                (.claim, [.ask]),
                (.another(silence: 0), [.askAgain]), (.askAgain, [.ask]),
                (.another(silence: 0), [.dropSession, .refuse(retryAfter: 1)]),
            ], state: .absent),
        Row(
            testDescription: "nobody wants it: nothing is written",
            steps: [(.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: false), [])], state: .owned(epoch: 4)),
        Row(
            testDescription: "the database is away, and no other gateway is known",
            steps: [
                (.claim, [.ask]), (.unanswered(isAlone: true), [.admit]), (.claim, [.admit]), (.owned(2), []),
            ], state: .owned(epoch: 2)),
        Row(
            testDescription: "and there is one after all",
            steps: [
                (.claim, [.ask]), (.unanswered(isAlone: true), [.admit]), (.another(silence: 0), [.evict]),
                (.another(silence: 0), []),
            ], state: .absent),
        Row(
            testDescription: "the database is away, and there are others",
            steps: [(.claim, [.ask]), (.unanswered(isAlone: false), [.refuse(retryAfter: 1)])], state: .absent),
        Row(
            testDescription: "the same, with a session in memory, which stays",
            steps: [
                (.claim, [.ask]), (.owned(4), [.admit]), (.quiet(isWanted: true), [.release(epoch: 4)]),
                (.claim, [.ask]),
                (.unanswered(isAlone: false), [.refuse(retryAfter: 1)]),
            ], state: .released(epoch: 4)),
        Row(
            testDescription: "a refusal that nobody waits for",
            steps: [(.another(silence: 0), []), (.askAgain, []), (.unanswered(isAlone: true), [])], state: .absent),
        Row(
            testDescription: "a run that was taken over brings its session",
            steps: [(.owned(3), []), (.owned(4), []), (.claim, [.admit])], state: .owned(epoch: 4)),
        Row(
            testDescription: "also that of somebody who was here a moment ago, where another had it in between",
            steps: [
                (.owned(3), []), (.quiet(isWanted: true), [.release(epoch: 3)]), (.owned(5), [.dropSession]),
            ], state: .owned(epoch: 5)),
        Row(
            testDescription: "a write was refused: the session is another's",
            steps: [(.claim, [.ask]), (.owned(1), [.admit]), (.lost, [.evict]), (.lost, [])], state: .absent),
        Row(
            testDescription: "what has left the memory is forgotten",
            steps: [
                (.owned(1), []), (.quiet(isWanted: true), [.release(epoch: 1)]), (.ended, []), (.claim, [.ask]),
                (.owned(9), [.admit]),
            ], state: .owned(epoch: 9)),
    ]

    @Test(arguments: rows) func follows(_ row: Row) {
        var machine = OwnershipMachine(staleAfter: 3_500)
        for (index, (step, actions)) in row.steps.enumerated() {
            #expect(Self.take(step, &machine) == actions, "step \(index)")
        }
        #expect(machine.state == row.state)
    }

    private static func take(_ step: Step, _ machine: inout OwnershipMachine) -> [OwnershipMachine.Action] {
        switch step {
        case .claim: return machine.claim()
        case .taken(let epoch): return machine.owned(epoch: epoch, isTaken: true)
        case .settled: return machine.settled()
        case .owned(let epoch): return machine.owned(epoch: epoch)
        case .another(let silence): return machine.refused(silence: silence)
        case .reached: return machine.refused(silence: 2_000, isReached: true)
        case .askAgain: return machine.askAgain()
        case .unanswered(let isAlone): return machine.unanswered(isAlone: isAlone)
        case .quiet(let isWanted): return machine.quiet(isWanted: isWanted)
        case .ended:
            machine.ended()
            return []
        case .lost: return machine.lost()
        }
    }

    /// Seconds, whatever another gateway's clock has done.
    @Test(arguments: [Int.min, -1, 0, 1_499, 1_500, 3_500, 1_000_000, Int.max])
    func aRefusalIsBounded(silence: Int) {
        var machine = OwnershipMachine(staleAfter: 3_500)
        _ = machine.claim()
        var actions = machine.refused(silence: silence)
        if actions == [.askAgain] {
            _ = machine.askAgain()
            actions = machine.refused(silence: silence)
        }
        guard case .refuse(let seconds)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect((1...5).contains(seconds))
    }
}
