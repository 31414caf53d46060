import Chat
import Store
import Testing

@Suite struct BatchMachineTests {
    enum Event: Sendable {
        /// The user is the conversation's number in tens: 11 and 12 are conversations of one user.
        case turn(String, in: UInt64, bytes: Int = 1)
        case ending(String, in: UInt64, bytes: Int = 1)
        case full(String)
        case wait(UInt64)
        case next([String])
        /// The outcomes of the `batch`th of those under way.
        case succeeded(again: [Int] = [], batch: Int = 0)
        case refused(String?)
        case lost(inDoubt: Bool, batch: Int = 0)
        /// Something of that user goes along with the newest batch.
        case claim(UInt64)
        case expire([String], unknown: [String])
        case deadline(UInt64?)
        case waiting(rows: Int, bytes: Int)
    }

    struct Story: Sendable, CustomStringConvertible {
        var description: String
        var events: [Event]
    }

    static let settings: StoreSettings = {
        var settings = StoreSettings(node: "test/1")
        settings.batchRows = 4
        settings.batchBytes = 100
        settings.flightRows = 2
        settings.queueRows = 8
        settings.queueBytes = 200
        settings.waitLimit = 5_000
        settings.doubtLimit = 5_000
        return settings
    }()

    static let stories: [Story] = [
        Story(
            description: "a lone row goes at once; what comes meanwhile goes together",
            events: [
                .turn("a", in: 1), .next(["a"]), .turn("b", in: 2), .turn("c", in: 3), .next([]), .succeeded(),
                .next(["b", "c"]), .succeeded(), .next([]), .waiting(rows: 0, bytes: 0),
            ]),
        Story(
            description: "many that come meanwhile go beside it, few do not",
            events: [
                .turn("a", in: 10), .next(["a"]), .turn("b", in: 20), .next([]), .turn("c", in: 30),
                .next(["b", "c"]), .turn("d", in: 40), .turn("e", in: 50), .next([]),
                .succeeded(batch: 1), .next(["d", "e"]), .succeeded(), .succeeded(), .waiting(rows: 0, bytes: 0),
            ]),
        Story(
            description: "rows of a user who is under way wait, in order",
            events: [
                .turn("a", in: 11), .next(["a"]), .turn("b", in: 12), .turn("c", in: 20), .ending("d", in: 11),
                .turn("e", in: 12), .next(["c"]), .waiting(rows: 3, bytes: 3), .succeeded(), .next(["b", "d", "e"]),
            ]),
        Story(
            description: "what goes along with a batch holds its user back too",
            events: [
                .turn("a", in: 10), .next(["a"]), .claim(20), .turn("b", in: 20), .turn("c", in: 21), .next([]),
                .succeeded(), .next(["b", "c"]),
            ]),
        Story(
            description: "a batch that is repeated waits for its users, and everything behind it",
            events: [
                .turn("a", in: 10), .turn("b", in: 20), .next(["a", "b"]), .lost(inDoubt: false),
                .turn("c", in: 30), .next(["a", "b"]), .refused(nil), .turn("d", in: 40), .next(["a"]),
                .next(["b"]), .succeeded(), .succeeded(), .next(["c", "d"]),
            ]),
        Story(
            description: "no more rows than allowed",
            events: [
                .turn("a", in: 1), .turn("b", in: 1), .turn("c", in: 1), .turn("d", in: 1), .turn("e", in: 1),
                .next(["a", "b", "c", "d"]), .succeeded(), .next(["e"]),
            ]),
        Story(
            description: "no more bytes than allowed, but always one row",
            events: [
                .turn("a", in: 1, bytes: 60), .turn("b", in: 2, bytes: 41), .ending("big", in: 3, bytes: 99),
                .next(["a"]), .succeeded(), .next(["b"]), .succeeded(), .next(["big"]), .succeeded(),
                .turn("huge", in: 1, bytes: 150), .turn("c", in: 1), .next(["huge"]), .succeeded(), .next(["c"]),
            ]),
        Story(
            description: "a full queue takes nothing",
            events: [
                .turn("a", in: 1, bytes: 150), .full("too many bytes"), .waiting(rows: 1, bytes: 150),
                .next(["a"]), .waiting(rows: 0, bytes: 0), .turn("b", in: 1, bytes: 150),
            ]),
        Story(
            description: "an ending behind a turn of its conversation waits for the next batch",
            events: [
                .turn("a", in: 1), .ending("b", in: 2), .ending("c", in: 1), .turn("d", in: 3),
                .next(["a", "b"]), .succeeded(), .next(["c", "d"]),
            ]),
        Story(
            description: "a turn behind an ending of its conversation goes with it",
            events: [.ending("a", in: 1), .turn("b", in: 1), .next(["a", "b"])]),
        Story(
            description: "two endings of a conversation go one after the other",
            events: [.ending("a", in: 1), .ending("b", in: 1), .next(["a"]), .succeeded(), .next(["b"])]),
        Story(
            description: "a refused batch is halved until the bad row is alone, in order",
            events: [
                .turn("a", in: 1), .turn("b", in: 2), .turn("bad", in: 3), .turn("d", in: 4), .turn("e", in: 5),
                .next(["a", "b", "bad", "d"]), .refused(nil), .next(["a", "b"]), .succeeded(),
                .next(["bad", "d"]), .refused(nil), .next(["bad"]), .refused("bad"), .next(["d"]), .succeeded(),
                .next(["e"]), .succeeded(), .waiting(rows: 0, bytes: 0),
            ]),
        Story(
            description: "rows that were not taken go first next time",
            events: [
                .turn("a", in: 1), .turn("twin", in: 2), .turn("c", in: 3), .next(["a", "twin", "c"]),
                .turn("d", in: 4), .succeeded(again: [1]), .next(["twin"]), .succeeded(), .next(["d"]),
            ]),
        Story(
            description: "a lost batch is repeated whole, and in doubt after its own time",
            events: [
                .turn("a", in: 1), .turn("b", in: 2), .next(["a", "b"]), .turn("c", in: 3), .wait(1_000),
                .lost(inDoubt: true), .next(["a", "b"]), .wait(3_000), .lost(inDoubt: true),
                .wait(1_000), .expire(["c"], unknown: []), .deadline(6_000),
                .wait(1_000), .expire([], unknown: ["a", "b"]), .deadline(nil), .waiting(rows: 0, bytes: 0),
            ]),
        Story(
            description: "one that never left is unavailable",
            events: [
                .turn("a", in: 1), .deadline(5_000), .next(["a"]), .lost(inDoubt: false), .wait(4_999),
                .expire([], unknown: []), .wait(1), .expire(["a"], unknown: []),
            ]),
        Story(
            description: "what is in flight does not expire",
            events: [.turn("a", in: 1), .next(["a"]), .wait(9_000), .expire([], unknown: []), .succeeded()]),
    ]

    @Test(arguments: stories)
    func story(_ story: Story) {
        var machine = BatchMachine<String>(Self.settings)
        var now: UInt64 = 0
        var flights: [Int] = []
        for (step, event) in story.events.enumerated() {
            let comment: Comment = "step \(step)"
            switch event {
            case .turn(let row, let conversation, let bytes):
                let id = Identifier(high: 0, low: conversation)
                let isTaken = machine.append(row, .turn, id, user: Int(conversation / 10), bytes: bytes, at: now)
                #expect(isTaken, comment)
            case .ending(let row, let conversation, let bytes):
                let id = Identifier(high: 0, low: conversation)
                let isTaken = machine.append(row, .ending, id, user: Int(conversation / 10), bytes: bytes, at: now)
                #expect(isTaken, comment)
            case .full(let row):
                let isTaken = machine.append(
                    row, .turn, Identifier(high: 0, low: 0), user: 0, bytes: 60, at: now)
                #expect(!isTaken, comment)
            case .wait(let time): now += time
            case .next(let rows):
                let batch = machine.next()
                if let batch { flights.append(batch.number) }
                #expect(batch?.entries.map(\.row) ?? [] == rows, comment)
            case .succeeded(let again, let batch): machine.succeeded(flights.remove(at: batch), again: again)
            case .refused(let row):
                let blamed = machine.refused(flights.removeFirst())?.row
                #expect(blamed == row, comment)
            case .lost(let inDoubt, let batch): machine.lost(flights.remove(at: batch), inDoubt: inDoubt, at: now)
            case .claim(let conversation): machine.claim([Int(conversation / 10)], for: flights.last ?? 0)
            case .expire(let unavailable, let unknown):
                let expired = machine.expire(at: now)
                #expect(expired.filter { $0.inDoubtSince == nil }.map(\.row) == unavailable, comment)
                #expect(expired.filter { $0.inDoubtSince != nil }.map(\.row) == unknown, comment)
            case .deadline(let time): #expect(machine.deadline == time, comment)
            case .waiting(let rows, let bytes):
                #expect(machine.waitingRows == rows, comment)
                #expect(machine.waitingBytes == bytes, comment)
            }
        }
    }
}
