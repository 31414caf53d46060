import EventLoop
import Logging
import Postgres
import Store
import Testing

/// The rules of the membership, as a table of what comes in and what follows.
struct MembershipMachineTests {
    enum Step: Sendable {
        case tick(MembershipMachine.Action?)
        case enlisted(UInt64, [MembershipMachine.Action])
        case beaten(UInt64, isMember: Bool, seesStale: Bool, [MembershipMachine.Action])
        case failed
        case fenced([MembershipMachine.Action])
        case rejoin
        case leave
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [Step]
        var state: MembershipMachine.State
    }

    static let rows: [Row] = [
        Row(
            testDescription: "a lease counts from when the sign of life was sent",
            steps: [
                .tick(.enlist), .enlisted(100, [.begin, .extend(until: 1_100)]), .tick(.beat),
                .beaten(200, isMember: true, seesStale: false, [.extend(until: 1_200)]),
            ], state: .member),
        Row(
            testDescription: "one question at a time",
            steps: [
                .tick(.enlist), .tick(nil), .failed, .tick(.enlist), .enlisted(1, [.begin, .extend(until: 1_001)]),
            ],
            state: .member),
        Row(
            testDescription: "a beat that fails ends nothing",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .tick(.beat), .failed, .tick(.beat),
            ],
            state: .member),
        Row(
            testDescription: "silent others are told of",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .tick(.beat),
                .beaten(5, isMember: true, seesStale: true, [.extend(until: 1_005), .recover]),
            ], state: .member),
        Row(
            testDescription: "fenced, by its beat",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .tick(.beat),
                .beaten(5, isMember: false, seesStale: false, [.letGo]), .tick(nil),
            ], state: .fenced),
        Row(
            testDescription: "fenced, by a write, once; the beat under way does not undo it",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .tick(.beat), .fenced([.letGo]),
                .fenced([]),
                .beaten(5, isMember: true, seesStale: false, []),
            ], state: .fenced),
        Row(
            testDescription: "it comes back as another",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .fenced([.letGo]), .rejoin,
                .tick(.enlist),
                .enlisted(9, [.begin, .extend(until: 1_009)]), .tick(.beat),
            ], state: .member),
        Row(
            testDescription: "who stops says nothing more",
            steps: [
                .tick(.enlist), .enlisted(0, [.begin, .extend(until: 1_000)]), .tick(.beat), .leave,
                .beaten(5, isMember: true, seesStale: true, []), .tick(nil), .fenced([]),
            ], state: .left),
    ]

    @Test(arguments: rows) func follows(_ row: Row) {
        var machine = MembershipMachine(lease: 1_000)
        for step in row.steps {
            switch step {
            case .tick(let action): #expect(machine.tick() == action)
            case .enlisted(let sent, let actions): #expect(machine.enlisted(sentAt: sent) == actions)
            case .beaten(let sent, let isMember, let seesStale, let actions):
                #expect(machine.beaten(sentAt: sent, isMember: isMember, seesStale: seesStale) == actions)
            case .failed: machine.failed()
            case .fenced(let actions): #expect(machine.fenced() == actions)
            case .rejoin: machine.rejoin()
            case .leave: machine.leave()
            }
        }
        #expect(machine.state == row.state)
    }
}

/// The driver, with a database.
@Suite(.serialized) struct MembershipTests {
    private static let database = "parley_test_membership"

    private func value(_ sql: String) throws -> String? {
        try TestDatabase.owner(Self.database).query(sql).first?.first ?? nil
    }

    @Test(.timeLimit(.minutes(1))) func enlistsBeatsIsFencedComesBackAndLeaves() async throws {
        var connection = try TestDatabase.migrated(Self.database)
        connection.role = "parley_gateway"
        let loop = try EventLoop(label: "membership tests")
        loop.start()
        defer { loop.stop() }
        var settings = StoreSettings(node: "here/1")
        settings.heartbeat = 5_000_000
        let (given, database) = (settings, connection)
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        let bound: LoopBound<Membership> = await withCheckedContinuation { continuation in
            loop.execute {
                continuation.resume(
                    returning: LoopBound(Membership(given, database, on: loop, logger: logger), on: loop))
            }
        }
        let named = Told()
        let joined: Bool = await withCheckedContinuation { continuation in
            loop.execute {
                bound.value.onFenced = { rejoin in rejoin("here/2") }
                bound.value.onMember = { node in
                    let rows = try? self.value("select count(*) from parley.nodes where id = '\(node)'")
                    named.add("\(node) \(rows.flatMap { $0 } ?? "?")")
                }
                bound.value.join { continuation.resume(returning: $0) }
            }
        }
        #expect(joined)
        let first = try value("select heartbeat_at from parley.nodes where id = 'here/1'")
        #expect(first != nil)
        while try value("select heartbeat_at from parley.nodes where id = 'here/1'") == first { await Task.yield() }
        _ = try value("delete from parley.nodes where id = 'here/1' returning id")
        while try value("select count(*) from parley.nodes where id = 'here/2'") == "0" { await Task.yield() }
        #expect(try value("select count(*) from parley.nodes where id = 'here/1'") == "0")
        while named.all.count < 2 { await Task.yield() }
        // Each name is heard of when its row is there, and not before.
        #expect(named.all == ["here/1 1", "here/2 1"])
        await withCheckedContinuation { continuation in
            loop.execute { bound.value.leave { continuation.resume() } }
        }
        #expect(try value("select count(*) from parley.nodes") == "0")
    }
}
