import Chat
import Postgres
import Store
import Testing

/// Which way a batch goes, and that what hung on foreign keys still goes with its message.
@Suite struct ShortWayTests {
    /// Calls one after the other in a transaction in which the long ways do not exist; the last one's rows.
    private func withoutTheLongWay(_ calls: [String]) throws -> [[String?]] {
        let owner = try TestDatabase.owner()
        _ = try owner.query("begin")
        defer { _ = try? owner.query("rollback") }
        _ = try owner.query("insert into parley.users (id) values ('short way') on conflict do nothing")
        _ = try owner.query("select parley.enlist('n/1')")
        _ = try owner.query("alter function parley.accept_turns_any rename to away_accept")
        _ = try owner.query("alter function parley.end_runs_any rename to away_end")
        return try calls.map { try owner.query($0) }.last ?? []
    }

    private static let accept = """
        select outcome, "position", message_count from parley.accept_turns(
            '{short way,short way}',
            '{018f0000-0000-7000-8000-00000000000a,018f0000-0000-7000-8000-00000000000b}', '{true,true}', '{one,two}',
            '{018f0000-0000-7000-8000-0000000000a1,018f0000-0000-7000-8000-0000000000b1}',
            '{short-1,short-2}', '{hello,hello}',
            '{018f0000-0000-7000-8000-0000000000a2,018f0000-0000-7000-8000-0000000000b2}', '{true,true}', 'n/1', 1000)
        order by ordinal
        """

    private static let end = """
        select outcome from parley.end_runs(
            '{short way}', '{018f0000-0000-7000-8000-00000000000a}', '{018f0000-0000-7000-8000-0000000000a2}',
            '{completed}', '{null}', '{null}', '{null}', '{1,1}',
            '{018f0000-0000-7000-8000-0000000000a3,018f0000-0000-7000-8000-0000000000a4}', '{assistant,assistant}',
            '{a,b}', '{null,null}', '{null,null}', '{complete,complete}')
        """

    @Test func turnsLikeMostGoTheShortWay() throws {
        #expect(try withoutTheLongWay([Self.accept]) == [["0", "1", "1"], ["0", "1", "1"]])
        #expect(try withoutTheLongWay([Self.accept, Self.end]) == [["0"]])
    }

    @Test(arguments: [
        accept.replacing("short-2", with: "short-1"),
        accept.replacing("00000000000b,", with: "00000000000a,").replacing("00000000000b}", with: "00000000000a}"),
        accept.replacing("0000000000b1", with: "0000000000a1"),
        accept.replacing("'n/1', 1000", with: "'n/1', 0"),
        accept.replacing("'n/1', 1000", with: "'n/1', 1000, null, true"),
        accept.replacing("{true,true}', '{one", with: "{true,false}', '{one"),
        // Nothing was accepted before.
        end,
    ])
    func othersDoNot(_ call: String) throws {
        let error = #expect(throws: (any Error).self) { try withoutTheLongWay([call]) }
        #expect("\(error as Any)".contains("does not exist"))
    }

    @Test(arguments: [
        "delete from parley.users where id = $1", "delete from parley.conversations where user_id = $1",
    ])
    func runsGoWithTheirMessages(_ deletion: String) async throws {
        let store = try StoreFixture()
        for _ in 0..<3 { _ = await store.accept(store.newTurn()) }
        let owner = try TestDatabase.owner()
        let count = "select count(*) from parley.runs where user_id = $1"
        #expect(try owner.query(count, [store.user]) == [["3"]])
        _ = try owner.query(deletion, [store.user])
        #expect(try owner.query(count, [store.user]) == [["0"]])
    }
}
