import Chat
import Postgres
import Store
import Testing

/// Whose a session is, as the database decides it.
@Suite struct OwnershipTests {
    private static func gateway(_ name: String) throws -> StoreFixture {
        try StoreFixture(node: "\(name)/\(UInt64.random(in: 0 ... .max))")
    }

    private func claim(_ store: StoreFixture, _ user: String) async -> Claim? {
        await store.on { store, done in
            store.claim(UserRecord(id: user)) { done(try? $0.get()) }
        }
    }

    private func epoch(_ claim: Claim?) throws -> Int64 {
        guard case .owned(let epoch, false)? = claim else {
            Issue.record("not owned: \(String(describing: claim))")
            return 0
        }
        return epoch
    }

    private func claimKnown(_ store: StoreFixture, _ user: String) async -> Claim? {
        await store.on { store, done in
            store.claim(known: user) { done(try? $0.get()) }
        }
    }

    private func release(_ store: StoreFixture, _ user: String, _ epoch: Int64) async {
        // The claim of somebody else follows in a batch of its own, or in the same one behind it.
        let other = store.user + " other"
        _ = await store.on { (store, done: @escaping (Bool) -> Void) in
            store.release(user, epoch: epoch)
            store.claim(UserRecord(id: other)) { _ in done(true) }
        }
    }

    private func isAnothers(_ claim: Claim?) -> Bool {
        if case .another(_, let silence)? = claim { silence < 3_600_000 } else { false }
    }

    @Test func oneAtATime() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        let user = first.user
        let begun = try epoch(await claim(first, user))
        #expect(isAnothers(await claim(second, user)))
        #expect(isAnothers(await claimKnown(second, user)))
        // Asked again it is a new epoch, so that a release of the one before comes too late.
        #expect(await claim(first, user) == .owned(epoch: begun + 1, isTaken: false))
        await release(first, user, begun)
        #expect(isAnothers(await claim(second, user)))
        await release(second, user, begun + 1)
        #expect(isAnothers(await claim(second, user)), "another's is not given away")
        await release(first, user, begun + 1)
        #expect(await claim(second, user) == .owned(epoch: begun + 2, isTaken: false))
        #expect(isAnothers(await claim(first, user)))
    }

    @Test func whoComesBackFindsTheNextEpoch() async throws {
        let first = try Self.gateway("first")
        let begun = try epoch(await claim(first, first.user))
        await release(first, first.user, begun)
        #expect(await claimKnown(first, first.user) == .owned(epoch: begun + 1, isTaken: false))
    }

    @Test func whoWasDeletedMeanwhileIsSomebodyElse() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        let user = first.user
        let begun = try epoch(await claim(first, user))
        await release(first, user, begun)
        #expect(await claimKnown(second, user) == .owned(epoch: begun + 1, isTaken: false))
        _ = try TestDatabase.owner().query("delete from parley.users where id = $1", [user])
        let anew = try epoch(await claim(second, user))
        #expect(anew > begun + 1)
        await release(second, user, anew)
        // One more than another's that was given back would be: nobody would know that it had been away.
        #expect(try epoch(await claim(first, user)) == anew + 1 && anew > begun)
    }

    @Test func whatAGatewayLeavesIsTaken() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        let begun = try epoch(await claim(first, first.user))
        _ = try TestDatabase.owner().query("select parley.leave($1)", [first.node])
        #expect(await claim(second, first.user) == .owned(epoch: begun + 1, isTaken: true))
        #expect(await claim(first, first.user) == nil, "who is fenced claims nothing")
    }

    @Test func aUserIsNotMadeByAClaim() async throws {
        let store = try Self.gateway("first")
        let stranger = store.user + " stranger"
        #expect(await claimKnown(store, stranger) == .nobody)
        #expect(try TestDatabase.owner().query("select id from parley.users where id = $1", [stranger]).isEmpty)
    }

    @Test func theTurnsOfWhomAnotherHasAreRefused() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        _ = await claim(first, first.user)
        let turn = first.newTurn()
        // Beside those of others, which are stored.
        let own = second.newTurn()
        let answers = await second.accept([turn, own])
        #expect(answers.first == .failure(.fenced))
        #expect(answers.last?.position == 1)
        #expect(await first.accept(turn).position == 1)
    }

    @Test func whoHasRunsKeepsTheSession() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        let user = first.user
        let begun = try epoch(await claim(first, user))
        let turn = first.newTurn()
        #expect(await first.accept(turn).position == 1)
        await release(first, user, begun)
        #expect(isAnothers(await claim(second, user)), "given away with a run under way")
        _ = await first.end(first.ending(turn, [first.reply("done")]))
        await release(first, user, begun)
        #expect(await claim(second, user) == .owned(epoch: begun + 1, isTaken: false))
    }

    @Test func theOwnerHearsOfAWish() async throws {
        let (first, second) = (try Self.gateway("first"), try Self.gateway("second"))
        let user = first.user + #" "quoted" é"#
        let begun = try epoch(await claim(first, user))
        _ = await claim(second, user)
        let connection = try TestDatabase.owner()
        let heard = try connection.query("select wished from parley.beat($1, 3500, 3000)", [first.node])
        #expect(heard.first?.first??.contains(", \(begun)]]") == true)
        #expect(try connection.query("select wished from parley.beat($1, 3500, 3000)", [first.node]) == [[nil]])
    }

    // MARK: the gateways of one machine

    private func enlist(_ boot: String, _ pid: Int, namespace: Int = 1) throws -> String {
        let node = "here/\(UInt64.random(in: 0 ... .max))"
        _ = try TestDatabase.owner().query(
            "select parley.enlist($1, $2, $3, $4, 7)", [node, boot, "\(namespace)", "\(pid)"])
        return node
    }

    @Test func whoseProcessIsGoneIsFencedByItsNeighbours() throws {
        let boot = "boot \(UInt64.random(in: 0 ... .max))"
        let judge = try enlist(boot, 1)
        let (gone, alive) = (try enlist(boot, 2), try enlist(boot, 3))
        let others = [
            try enlist(boot, 2, namespace: 2), try enlist(boot + "'", 2),
            try StoreFixture(node: "there/\(UInt64.random(in: 0 ... .max))").node,
        ]
        let connection = try TestDatabase.owner()
        let neighbours = try connection.query(
            "select id, pid, process_started from parley.neighbours($1) order by pid", [judge])
        #expect(neighbours == [[gone, "2", "7"], [alive, "3", "7"]])

        // Those that it can't see are not its own to judge.
        let all = "{" + ([gone] + others).map { "\"\($0)\"" }.joined(separator: ",") + "}"
        #expect(try connection.query("select parley.fence_gone($1, $2)", [judge, all]) == [["0"]])
        let left = try connection.query(
            "select count(*) from parley.nodes where id = any ($1)",
            ["{" + ([alive] + others).joined(separator: ",") + "}"])
        #expect(left == [["4"]])
        #expect(try connection.query("select 1 from parley.nodes where id = $1", [gone]).isEmpty)
    }

    @Test func whatItWasStoringEndsFirst() throws {
        let boot = "boot \(UInt64.random(in: 0 ... .max))"
        let (judge, gone) = (try enlist(boot, 1), try enlist(boot, 2))
        let writing = try TestDatabase.owner()
        _ = try writing.query("begin")
        _ = try writing.query("select parley.hold_fence($1)", [gone])
        let connection = try TestDatabase.owner()
        let fence = "select parley.fence_gone($1, array[$2])"
        #expect(try connection.query(fence, [judge, gone]) == [["1"]])
        // The transaction was ended with its connection: nobody is there to hear of it.
        #expect(throws: (any Error).self) { try writing.query("commit") }
        while try connection.query(fence, [judge, gone]) != [["0"]] {}
        #expect(try connection.query("select 1 from parley.nodes where id = $1", [gone]).isEmpty)
    }
}
