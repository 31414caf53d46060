import Chat
import JSON
import EventLoop
import Postgres
import Store
import Synchronization
import Testing

/// A gateway's row among the nodes is its right to write. One at a time, in a database of their own: who is fenced and who
/// may judge is a matter of all nodes there are.
@Suite(.serialized) struct FenceTests {
    private static let database = "parley_test_fence"

    private func gateway(_ name: String) throws -> StoreFixture {
        try StoreFixture(node: "\(name)/\(UInt32.random(in: 0 ... .max))", database: Self.database)
    }

    private func fence(_ store: StoreFixture) throws {
        _ = try store.value("delete from parley.nodes where id = $1", [store.node])
    }

    private func recover(_ store: StoreFixture) async throws -> [RecoveredRun] {
        let outcome: Result<[RecoveredRun], StoreError> = await store.on { store, resume in
            store.recover(completion: resume)
        }
        return try outcome.get()
    }

    /// Lets a node have beaten for so long, the last time so long ago.
    private func set(_ store: StoreFixture, silentFor silence: String, steadyFor steady: String) throws {
        _ = try store.value(
            """
            update parley.nodes set heartbeat_at = now() - $2::interval, steady_since = now() - $3::interval where id = $1
            """, [store.node, silence, steady])
    }

    // MARK: Writes

    enum Write: String, CaseIterable { case accept, end, checkpoint, perform, begin }

    /// What all users have, as one text.
    private func everything(_ store: StoreFixture) throws -> String? {
        try store.value(
            """
            select md5(string_agg(x, '|' order by x)) from (
                select m::text as x from parley.messages m union all select r::text from parley.runs r
                union all select t::text from parley.tasks t union all select l::text from parley.task_operation_logs l
            ) a
            """)
    }

    @Test(arguments: Write.allCases) func aFencedGatewayWritesNothing(_ write: Write) async throws {
        let store = try gateway("a")
        let turn = store.newTurn()
        _ = await store.accept(turn)
        let later = store.turn(in: turn.threadID)
        _ = await store.accept(later)
        let told = Told()
        _ = await store.on { (store: PostgresChatStore, resume: @escaping (Bool) -> Void) in
            store.onFenced = { told.add($0) }
            resume(true)
        }
        try fence(store)
        let before = try everything(store)
        let user = store.user
        switch write {
        case .accept:
            #expect(await store.accept(store.turn(in: turn.threadID)) == .failure(.fenced))
        case .end:
            #expect(await store.end(store.ending(turn, [store.reply("late")])) == .failure(.fenced))
        case .perform:
            let operation = ToolOperation(
                userID: user, threadID: turn.threadID, messageID: turn.messageID,
                key: ToolCallKey(runID: turn.runID, ordinal: 1),
                name: "add_task", arguments: ["title": "late"])
            #expect(await store.perform(operation) == .failure(.fenced))
        case .begin:
            let outcome: Result<Beginning, StoreError> = await store.on { store, resume in
                store.begin(userID: user, runID: later.runID) { resume($0.result) }
            }
            #expect(outcome == .failure(.fenced))
        case .checkpoint:
            let id = store.id()
            _ = await store.on { (store: PostgresChatStore, resume: @escaping (Bool) -> Void) in
                store.onFenced = {
                    told.add($0)
                    resume(true)
                }
                store.checkpoint(
                    RunCheckpoint(
                        userID: user, threadID: turn.threadID, runID: turn.runID, messages: [(id, "late")]))
            }
        }
        #expect(try everything(store) == before)
        #expect(told.all == [store.node])
        // Nothing is taken in that name any more, also what would be stored in a moment.
        #expect(await store.accept(store.newTurn()) == .failure(.fenced))
        #expect(try everything(store) == before)
    }

    @Test func itGoesOnUnderAnotherName() async throws {
        let store = try gateway("a")
        let turn = store.newTurn()
        _ = await store.accept(turn)
        try fence(store)
        #expect(await store.accept(store.newTurn()) == .failure(.fenced))
        let next = store.node + "x"
        try StoreFixture.enlist(next, in: Self.database)
        _ = await store.on { (store: PostgresChatStore, resume: @escaping (Bool) -> Void) in
            store.rejoin(as: next)
            resume(true)
        }
        let again = store.newTurn()
        #expect(await store.accept(again).position == 1)
        #expect(try store.value("select node from parley.runs where id = $1", [again.runID.description]) == next)
        // What it had before is another's, whatever it is called now.
        #expect(try await recover(store).filter { $0.userID == store.user }.map(\.runID) == [turn.runID])
    }

    /// Between two names nothing is asked that could be refused for want of a row: that would be taken for a fence, and
    /// there would be no way back, since the name that it is about is known a moment later.
    @Test func betweenTwoNamesNothingIsAsked() async throws {
        let store = try gateway("a")
        let told = Told()
        _ = await store.on { (store: PostgresChatStore, resume: @escaping (Bool) -> Void) in
            store.onFenced = { told.add($0) }
            store.fence()
            resume(true)
        }
        try fence(store)
        let early: Result<[RecoveredRun], StoreError> = await store.on { store, resume in
            store.recover(completion: resume)
        }
        #expect(early == .failure(.fenced))
        #expect(told.all == [])
        let next = store.node + "y"
        try StoreFixture.enlist(next, in: Self.database)
        _ = await store.on { (store: PostgresChatStore, resume: @escaping (Bool) -> Void) in
            store.rejoin(as: next)
            resume(true)
        }
        #expect(await store.accept(store.newTurn()).position == 1)
    }

    /// Its row is there, but the run has been taken over: an end beside the other's would be a second one.
    @Test func aRunThatAnotherHasIsLeftAlone() async throws {
        let (first, second) = (try gateway("a"), try gateway("b"))
        let ended = first.newTurn()
        let open = first.newTurn()
        _ = await first.accept([ended, open])
        for turn in [ended, open] {
            _ = try first.value(
                "update parley.runs set node = $1 where id = $2", [second.node, turn.runID.description])
        }
        _ = await second.end(second.ending(ended, [second.reply("theirs")]))
        for turn in [ended, open] {
            #expect(await first.end(first.ending(turn, [first.reply("ours")])) == .failure(.fenced))
        }
        #expect(await first.history(ended.threadID)?.messages.map(\.content) == ["hello", "theirs"])
        #expect(await first.history(open.threadID)?.messages.map(\.content) == ["hello"])
        #expect(
            try first.value("select status from parley.runs where id = $1", [open.runID.description]) == "running")
    }

    // MARK: Turns of two gateways

    @Test func aTurnBehindAnothersRunWaits() async throws {
        let (first, second) = (try gateway("a"), try gateway("b"))
        let running = first.newTurn()
        _ = await first.accept(running)
        let behind = second.turn(in: running.threadID, startsNow: true, user: first.user)
        guard case .success(.accepted(_, _, let isRunning)) = await second.accept(behind) else {
            Issue.record("not accepted")
            return
        }
        #expect(!isRunning)
        let begin = { (expected: Beginning) async in
            let outcome: Result<Beginning, StoreError> = await second.on { store, resume in
                store.begin(userID: first.user, runID: behind.runID) { resume($0.result) }
            }
            #expect(outcome == .success(expected))
        }
        await begin(.waits(behind: running.runID))
        _ = await first.end(first.ending(running, [first.reply("done")]))
        await begin(.begun)
        await begin(.begun)
        _ = await second.end(second.ending(behind, [second.reply("done too")]))
        await begin(.gone)
        let statuses = try second.value(
            "select string_agg(status, ',' order by created_at) from parley.runs where conversation_id = $1",
            [running.threadID.description])
        #expect(statuses == "completed,completed")
    }

    // MARK: Who judges whom

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var silence: String
        var judgeSilence = "0 s"
        var steady: String
        var isTaken: Bool
        var testDescription: String { name }
    }

    @Test(arguments: [
        Case(name: "it beats", silence: "1 s", steady: "1 hour", isTaken: false),
        Case(name: "a beat or two are missing", silence: "3 s", steady: "1 hour", isTaken: false),
        Case(name: "silent", silence: "5 s", steady: "1 hour", isTaken: true),
        Case(name: "the judge has just come", silence: "1 hour", steady: "1 s", isTaken: false),
        Case(name: "after an outage", silence: "20 s", steady: "2 s", isTaken: false),
        Case(name: "all had time to beat", silence: "24 s", steady: "4 s", isTaken: true),
        Case(
            name: "the judge is silent itself", silence: "1 hour", judgeSilence: "3 s", steady: "1 hour", isTaken: false
        ),
    ])
    func onlyWhoHasBeatenJudges(_ row: Case) async throws {
        let (other, judge) = (try gateway("other"), try gateway("judge"))
        _ = try judge.value("delete from parley.nodes where id not in ($1, $2)", [other.node, judge.node])
        let turn = other.newTurn()
        _ = await other.accept(turn)
        try set(other, silentFor: row.silence, steadyFor: "1 hour")
        try set(judge, silentFor: row.judgeSilence, steadyFor: row.steady)
        let recovered = try await recover(judge).filter { $0.userID == other.user }
        #expect(recovered.map(\.fate) == (row.isTaken ? [.running] : []))
        #expect(
            try judge.value("select count(*) from parley.nodes where id = $1", [other.node])
                == (row.isTaken ? "0" : "1"))
        let outcome = await other.end(other.ending(turn, [other.reply("mine")]))
        #expect((outcome == .failure(.fenced)) == row.isTaken)
    }

    @Test(arguments: [
        (since: "1 s", steady: true), (since: "1900 ms", steady: true), (since: "2100 ms", steady: false),
        (since: "1 hour", steady: false),
    ])
    func aGapBeginsTheTimeAnew(since: String, steady: Bool) throws {
        let store = try gateway("a")
        try set(store, silentFor: since, steadyFor: "1 day")
        #expect(try store.value("select is_member from parley.beat($1)", [store.node]) == "t")
        let sql = "select steady_since < now() - interval '1 hour' from parley.nodes where id = $1"
        #expect(try store.value(sql, [store.node]) == (steady ? "t" : "f"))
    }

    @Test func aFencedGatewayHearsItFromItsBeat() throws {
        let store = try gateway("a")
        try fence(store)
        #expect(try store.value("select is_member from parley.beat($1)", [store.node]) == "f")
        // It does not come back by it.
        #expect(try store.value("select count(*) from parley.nodes where id = $1", [store.node]) == "0")
    }

    /// The same host and port: it is another process, and it lives.
    @Test func aPredecessorThatDrainsIsLeftAlone() async throws {
        let (old, new) = (try gateway("host:8080"), try gateway("host:8080"))
        let turn = old.newTurn()
        _ = await old.accept(turn)
        try set(new, silentFor: "0 s", steadyFor: "1 hour")
        #expect(try await recover(new).filter { $0.userID == old.user }.isEmpty)
        let outcome = await old.end(old.ending(turn, [old.reply("mine")]))
        #expect((try? outcome.get()) != nil)
        #expect(await old.history(turn.threadID)?.messages.count == 2)
    }

    // MARK: Transactions under way

    /// What a gateway was storing when it was fenced is stored before, never after.
    @Test func theFenceWaitsForWhatIsBeingStored() async throws {
        let (other, judge) = (try gateway("other"), try gateway("judge"))
        let turn = other.newTurn()
        _ = await other.accept(turn)
        let writing = try TestDatabase.owner(Self.database)
        try writing.execute("begin")
        _ = try writing.query("select parley.hold_fence($1)", [other.node])
        try set(other, silentFor: "1 hour", steadyFor: "1 hour")
        try set(judge, silentFor: "0 s", steadyFor: "1 hour")
        #expect(try await recover(judge).filter { $0.userID == other.user }.isEmpty)
        #expect(try judge.value("select count(*) from parley.nodes where id = $1", [other.node]) == "1")
        try writing.execute("commit")
        #expect(try await recover(judge).filter { $0.userID == other.user }.map(\.runID) == [turn.runID])
        #expect(throws: (any Error).self) { try writing.query("select parley.hold_fence($1)", [other.node]) }
    }

    /// One that stands still in the middle of a transaction does not hold its runs for ever.
    @Test func aTransactionThatStandsStillIsEnded() async throws {
        let (other, judge) = (try gateway("other"), try gateway("judge"))
        let turn = other.newTurn()
        _ = await other.accept(turn)
        let writing = try TestDatabase.owner(Self.database)
        try writing.execute("begin")
        _ = try writing.query("select parley.hold_fence($1)", [other.node])
        try set(other, silentFor: "1 hour", steadyFor: "1 hour")
        try set(judge, silentFor: "0 s", steadyFor: "1 hour")
        // Its transaction is older than the shortest silence that counts: of no length here.
        _ = try judge.value("select parley.fence($1, 0)", [other.node])
        while try judge.value("select parley.fence($1, 0)", [other.node]) != "t" { await Task.yield() }
        #expect(throws: (any Error).self) { try writing.execute("commit") }
        #expect(try await recover(judge).filter { $0.userID == other.user }.map(\.runID) == [turn.runID])
    }
}

/// Names that were told, on whatever loop.
final class Told: Sendable {
    private let names = Mutex<[String]>([])
    func add(_ name: String) { names.withLock { $0.append(name) } }
    var all: [String] { names.withLock { $0 } }
}
