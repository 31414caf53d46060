import Cluster
import Testing

/// The rules of a link, as a table of what comes in and what follows. Times are milliseconds.
struct LinkMachineTests {
    enum Step: Sendable {
        case open(at: UInt64)
        case next(link: UInt64, number: UInt64)
        case nothingToSendOn
        case received(link: UInt64, UInt64, at: UInt64)
        case reset(link: UInt64, at: UInt64)
        case tick(at: UInt64)
        case close
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var role: LinkMachine.Role
        var steps: [(Step, [LinkMachine.Action])]
    }

    static let rows: [Row] = [
        Row(
            testDescription: "a link begins behind all before it, and counts what it sends",
            role: .edge,
            steps: [
                (.nothingToSendOn, []), (.open(at: 0), [.begin(link: 101)]), (.open(at: 1), []),
                (.next(link: 101, number: 0), []), (.next(link: 101, number: 1), []),
            ]),
        Row(
            testDescription: "what comes in order is taken, doubles and what is of an earlier link are not",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.received(link: 101, 0, at: 1), [.take]),
                (.received(link: 101, 0, at: 1), []), (.received(link: 100, 1, at: 1), []),
                (.received(link: 102, 1, at: 1), []), (.received(link: 101, 1, at: 2), [.take]),
            ]),
        Row(
            testDescription: "a gap at the edge: it begins anew, and what was on its way is not taken any more",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.next(link: 101, number: 0), []),
                (.received(link: 101, 1, at: 1), [.begin(link: 102)]), (.received(link: 101, 0, at: 1), []),
                (.next(link: 102, number: 0), []), (.received(link: 102, 0, at: 2), [.take]),
            ]),
        Row(
            testDescription: "a gap at the owner: it asks once, and takes nothing of that link any more",
            role: .owner,
            steps: [
                (.received(link: 200, 0, at: 0), [.begin(link: 200), .take]),
                (.received(link: 200, 2, at: 0), [.reset(link: 200)]), (.received(link: 200, 1, at: 0), []),
                (.received(link: 200, 3, at: 0), []), (.received(link: 201, 0, at: 1), [.begin(link: 201), .take]),
                (.received(link: 200, 3, at: 1), []), (.received(link: 201, 1, at: 1), [.take]),
            ]),
        Row(
            testDescription: "a link of which the beginning is missing",
            role: .owner,
            steps: [
                (.received(link: 200, 1, at: 0), [.reset(link: 200)]), (.received(link: 200, 0, at: 0), []),
                (.received(link: 201, 0, at: 0), [.begin(link: 201), .take]),
            ]),
        Row(
            testDescription: "a link that was before the process is none",
            role: .owner, steps: [(.received(link: 100, 0, at: 0), []), (.received(link: 99, 0, at: 0), [])]),
        Row(
            testDescription: "an owner that asks for it gets a new beginning, of the link that is",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.reset(link: 100, at: 1), []),
                (.reset(link: 101, at: 1), [.begin(link: 102)]), (.reset(link: 101, at: 1), []),
            ]),
        Row(
            testDescription: "silence: it is asked, begun anew, and given up",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.received(link: 101, 0, at: 500), [.take]),
                (.tick(at: 1_400), []),
                (.tick(at: 1_500), [.probe]), (.tick(at: 1_600), []), (.tick(at: 2_500), [.probe]),
                (.tick(at: 3_500), [.begin(link: 102)]), (.tick(at: 3_600), []), (.tick(at: 4_500), [.probe]),
                (.tick(at: 6_500), [.begin(link: 103)]), (.tick(at: 10_500), [.end]), (.tick(at: 11_000), []),
                (.nothingToSendOn, []), (.open(at: 12_000), [.begin(link: 104)]),
            ]),
        Row(
            testDescription: "an answer ends the silence",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.tick(at: 1_000), [.probe]),
                (.received(link: 101, 0, at: 1_001), [.take]), (.tick(at: 1_500), []), (.tick(at: 4_000), [.probe]),
            ]),
        Row(
            testDescription: "the owner waits longer than the edge",
            role: .owner,
            steps: [
                (.received(link: 200, 0, at: 0), [.begin(link: 200), .take]), (.tick(at: 3_000), [.probe]),
                (.tick(at: 11_999), [.probe]), (.tick(at: 12_000), [.end]), (.received(link: 200, 1, at: 12_001), []),
            ]),
        Row(
            testDescription: "closed it is silent",
            role: .edge,
            steps: [
                (.open(at: 0), [.begin(link: 101)]), (.close, []), (.tick(at: 60_000), []),
                (.received(link: 101, 0, at: 60_000), []), (.nothingToSendOn, []),
            ]),
    ]

    @Test(arguments: rows) func follows(_ row: Row) {
        var machine = LinkMachine(row.role, last: 100)
        for (index, (step, actions)) in row.steps.enumerated() {
            let taken = Self.take(step, &machine)
            #expect(taken == actions, "step \(index)")
        }
    }

    private static func take(_ step: Step, _ machine: inout LinkMachine) -> [LinkMachine.Action] {
        func time(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }
        switch step {
        case .open(let at): return machine.open(at: time(at))
        case .next(let link, let number):
            let next = machine.next()
            #expect(next?.link == link && next?.number == number)
            return []
        case .nothingToSendOn:
            let next = machine.next()
            #expect(next == nil)
            return []
        case .received(let link, let number, let at): return machine.received(link: link, message: number, at: time(at))
        case .reset(let link, let at): return machine.reset(link: link, at: time(at))
        case .tick(let at): return machine.tick(at: time(at))
        case .close:
            machine.close()
            return []
        }
    }

    /// Two ends and a carrier that loses, doubles and reorders: what is taken is in order and whole from the beginning of
    /// a link on, and after a while without faults the two are together.
    @Test(arguments: 0..<200 as Range<UInt64>) func whateverTheCarrierDoes(seed: UInt64) {
        var random = SplitMix(state: seed)
        var edge = LinkMachine(.edge, last: 1)
        var owner = LinkMachine(.owner, last: 0)
        var onTheWay: [(link: UInt64, number: UInt64)] = []
        var backwards: [(link: UInt64, number: UInt64, asksAnew: Bool)] = []
        var (expected, link): (UInt64, UInt64) = (0, 0)
        var now: UInt64 = 0
        _ = edge.open(at: now)
        for round in 0..<600 {
            now += 50_000_000
            let isCalm = round > 450
            if let message = edge.next() { onTheWay.append(message) }
            if !isCalm, random.below(4) == 0, !onTheWay.isEmpty { onTheWay.remove(at: random.below(onTheWay.count)) }
            if !isCalm, random.below(6) == 0, let last = onTheWay.last { onTheWay.append(last) }
            if !isCalm, random.below(5) == 0 { onTheWay.shuffle(using: &random) }
            while !onTheWay.isEmpty, isCalm || random.below(3) > 0 {
                let (number, message) = onTheWay.removeFirst()
                var asksAnew = false
                for action in owner.received(link: number, message: message, at: now) {
                    switch action {
                    case .begin(let begun): (link, expected) = (begun, 0)
                    case .take:
                        #expect((number, message) == (link, expected))
                        expected += 1
                    case .reset: asksAnew = true
                    case .probe, .end: Issue.record("\(action)")
                    }
                }
                if let answer = owner.next() { backwards.append((answer.link, answer.number, asksAnew)) }
            }
            if !isCalm, random.below(4) == 0, !backwards.isEmpty { backwards.remove(at: random.below(backwards.count)) }
            while !backwards.isEmpty {
                let (number, message, asksAnew) = backwards.removeFirst()
                let actions = edge.received(link: number, message: message, at: now)
                if asksAnew, actions == [.take] { _ = edge.reset(link: number, at: now) }
            }
            _ = edge.tick(at: now)
            _ = owner.tick(at: now)
        }
        #expect(edge.isOpen && owner.isOpen)
        let next = edge.next()
        #expect(next?.link == link && expected > 10, "they are together")
    }
}

/// Numbers that depend on the seed alone.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

@Suite struct SocketCreditTests {
    @Test func roomComesBackAsItIsTaken() {
        var credit = SocketCredit()
        credit.send(60 << 10)
        #expect(credit.hasRoom)
        credit.send(60 << 10)
        #expect(!credit.hasRoom)
        let isRoomAgain = credit.taken(total: 60 << 10)
        #expect(isRoomAgain && credit.hasRoom)
        let isNew = credit.taken(total: 120 << 10)
        #expect(!isNew, "there was room")
    }

    @Test("what can't be is not believed", arguments: [0, 1, UInt64.max, 1 << 40])
    func impossible(total: UInt64) {
        var credit = SocketCredit()
        credit.send(80 << 10)
        let isRoomAgain = credit.taken(total: total)
        #expect(!isRoomAgain && !credit.hasRoom)
    }
}
