import EventLoop
import Postgres
import Testing

/// The pool with a real server.
@Suite struct PoolTests {
    private static let long = Statement("long", "select pg_sleep(0.5)::text")
    private static let nap = Statement("nap", "select pg_sleep(0.05)::text")

    private func figures(_ pool: PoolFixture) async -> PoolFigures {
        await pool.on { pool, resume in resume(pool.figures) }
    }

    @Test(.timeLimit(.minutes(1))) func aSpikeOpensMoreAndTheyGoWhenIdle() async throws {
        let pool = try PoolFixture { _, limits in
            limits.minimum = 1
            limits.maximum = 2
            limits.overflow = 2
            limits.overflowIdle = 50_000_000
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<12 { group.addTask { _ = await pool.run([Self.nap]) } }
        }
        var now = await figures(pool)
        #expect(now.opened == 4)
        while now.idle > 2 {
            let _: Bool = await pool.on { pool, resume in _ = pool.loop.schedule(after: 5_000_000) { resume(true) } }
            now = await figures(pool)
        }
        #expect(now.idle == 2)
        #expect(now.inUse == 0 && now.waiting == 0)
        #expect(await pool.run([Statement("one", "select '1'::text")]) == .success(["1"]))
    }

    @Test func whoCameFirstIsServedFirst() async throws {
        let pool = try PoolFixture { _, limits in limits.maximum = 1 }
        let order: [Int] = await pool.on { pool, resume in
            final class Order { var numbers: [Int] = [] }
            let order = Order()
            for number in 0..<20 {
                pool.transaction({ $0.send(Statement("n\(number)", "select ''::text"), Parameters()) }) { _ in
                    order.numbers.append(number)
                    if order.numbers.count == 20 { resume(order.numbers) }
                }
            }
        }
        #expect(order == Array(0..<20))
    }

    @Test func waitingIsBoundedInNumberAndTime() async throws {
        let pool = try PoolFixture { _, limits in
            limits.maximum = 1
            limits.waiting = 2
            limits.waitLimit = 20_000_000
        }
        // Connecting may take longer than one may wait here.
        let warm = Statement("warm", "select ''::text")
        while await pool.run([warm]) != .success([""]) { await Task.yield() }
        let before = await figures(pool)
        let outcomes: [String] = await pool.on { pool, resume in
            final class Outcomes { var texts: [String] = [] }
            let outcomes = Outcomes()
            for _ in 0..<4 {
                pool.transaction({ $0.send(Self.long, Parameters()) }) {
                    outcome in
                    switch outcome {
                    case .success: outcomes.texts.append("served")
                    case .failure(let error): outcomes.texts.append(error.message)
                    }
                    if outcomes.texts.count == 4 { resume(outcomes.texts) }
                }
            }
        }
        #expect(
            outcomes == [
                "too many requests are waiting for a connection", "no connection became free in time",
                "no connection became free in time", "served",
            ])
        let now = await figures(pool)
        #expect(now.timedOut - before.timedOut == 2)
        #expect(now.refused - before.refused == 1)
    }

    @Test func anotherHostIsTriedAndTheRightKindOfServer() async throws {
        let pool = try PoolFixture { settings, _ in
            let separator = settings.url.contains("?") ? "&" : "?"
            settings.url = settings.url.replacing("host=", with: "host=/nonexistent,")
            settings.url += "\(separator)target_session_attrs=read-write"
        }
        #expect(await pool.run([Statement("one", "select '1'::text")]) == .success(["1"]))
    }

    @Test func noStandbyIsNoServerToWriteTo() async throws {
        let pool = try PoolFixture { settings, _ in settings.url += "&target_session_attrs=standby" }
        guard case .failure(let error) = await pool.run([Statement("one", "select '1'::text")]) else {
            Issue.record("a primary was taken for a standby")
            return
        }
        #expect(error.message.contains("standby"))
    }

    /// Whatever the reason, such a session is given to nobody again. The transaction is rolled back, so its outcome is
    /// known.
    @Test(arguments: ["25006", "57P01", "57P02", "57P03", "57P05", "08006", "26000", "42P05", "0A000"])
    func aSessionOfNoMoreUseLeavesThePool(_ state: String) async throws {
        let pool = try PoolFixture { _, limits in limits.maximum = 1 }
        let process = Statement("process", "select pg_backend_pid()::text")
        let before = try await pool.run([process]).get()
        let raise = Statement("raise", "do $$ begin raise exception using errcode = '\(state)'; end $$")
        let outcome = await pool.run([raise])
        guard case .failure(let error) = outcome else {
            Issue.record("it was taken")
            return
        }
        #expect(error.sqlState == state && error.kind == .server && !error.isOutcomeUnknown)
        var after = await pool.run([process])
        // One that lived so short is not replaced at once.
        while (try? after.get()) == nil {
            let _: Bool = await pool.on { pool, resume in _ = pool.loop.schedule(after: 5_000_000) { resume(true) } }
            after = await pool.run([process])
        }
        #expect(try after.get() != before)
        #expect(await figures(pool).lost == 1)
    }

    /// What the row's own fault is, or the moment's, costs no connection.
    @Test(arguments: ["23505", "40001", "40P01", "55P03", "57014", "53100", "P0001"])
    func anyOtherErrorLeavesTheSessionInUse(_ state: String) async throws {
        let pool = try PoolFixture { _, limits in limits.maximum = 1 }
        let process = Statement("process", "select pg_backend_pid()::text")
        let before = try await pool.run([process]).get()
        _ = await pool.run([Statement("raise", "do $$ begin raise exception using errcode = '\(state)'; end $$")])
        #expect(try await pool.run([process]).get() == before)
    }

    private func problem(_ pool: PoolFixture) async -> PoolProblem? {
        await pool.on { pool, resume in resume(pool.problem()) }
    }

    private func wait(_ pool: PoolFixture, for wanted: PoolProblem?) async {
        // What the time limit of a test ends is the task.
        while !Task.isCancelled, await problem(pool) != wanted {
            let _: Bool = await pool.on { pool, resume in _ = pool.loop.schedule(after: 5_000_000) { resume(true) } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsWrongIsKnownWithoutAsking() async throws {
        let pool = try PoolFixture { settings, limits in
            settings.needsWrites = true
            settings.silenceLimit = 100_000_000
            limits.minimum = 2
        }
        let one = Statement("one", "select '1'::text")
        while await pool.run([one]) != .success(["1"]) { await Task.yield() }
        #expect(await problem(pool) == nil)
        // A disk that is full: until a write has passed again.
        let full = Statement("full", "do $$ begin raise exception using errcode = '53100'; end $$")
        // Again, where a connection was lost with what it knew: the bound on silence is short here.
        while !Task.isCancelled, await problem(pool) != .lacksMeans {
            _ = await pool.run([full])
            let _: Bool = await pool.on { pool, resume in _ = pool.loop.schedule(after: 5_000_000) { resume(true) } }
        }
        await wait(pool, for: nil)
        #expect(await problem(pool) == nil)
    }

    /// That all connections are at work is no reason to be taken for lost, which every gateway would be at once.
    @Test(.timeLimit(.minutes(1))) func aBusyPoolIsNotSilent() async throws {
        let pool = try PoolFixture { settings, limits in
            settings.needsWrites = true
            limits.minimum = 2
        }
        let warm = Statement("warm", "select ''::text")
        while await pool.run([warm]) != .success([""]) { await Task.yield() }
        let slow = Statement("slow", "select pg_sleep(4.5)::text")
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<2 { group.addTask { await pool.run([slow]) == .success([""]) } }
            group.addTask {
                for _ in 0..<400 {
                    if await self.problem(pool) != nil { return false }
                    let _: Bool = await pool.on { pool, resume in
                        _ = pool.loop.schedule(after: 10_000_000) { resume(true) }
                    }
                }
                return true
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == [true, true, true])
        #expect(await figures(pool).lost == 0)
    }

    @Test(.timeLimit(.minutes(1))) func oneThatOnlyReadsIsNotTaken() async throws {
        for attributes in ["any", "read-write"] {
            let pool = try PoolFixture { settings, _ in
                settings.needsWrites = true
                settings.url +=
                    "&options=-c%20default_transaction_read_only%3Don&target_session_attrs=\(attributes)"
            }
            await wait(pool, for: .readOnly)
            guard case .failure(let error) = await pool.run([Statement("one", "select '1'::text")]) else {
                Issue.record("it was taken")
                return
            }
            #expect(error.kind == .pool && error.message.contains("read"))
        }
    }

    /// Reads of a standby do not mind.
    @Test func whoOnlyReadsTakesIt() async throws {
        let pool = try PoolFixture { settings, _ in
            settings.url += "&options=-c%20default_transaction_read_only%3Don"
        }
        #expect(await pool.run([Statement("one", "select '1'::text")]) == .success(["1"]))
    }

    /// Whatever the database has as its defaults, behind a pooler too.
    @Test(arguments: [nil, false, true] as [Bool?])
    func theLevelIsOurs(_ isShared: Bool?) async throws {
        let pool = try PoolFixture { settings, _ in
            settings.url +=
                "&options=-c%20default_transaction_isolation%3Dserializable%20-c%20row_security%3Doff"
            settings.sharesSession = isShared
        }
        let level = Statement("level", "select current_setting('transaction_isolation')")
        let rows = Statement("rows", "select current_setting('row_security')")
        #expect(await pool.run([level, rows]) == .success(["read committed", "on"]))
        #expect(await pool.run([level, level]) == .success(["read committed", "read committed"]))
    }

    /// As behind a pooler that lends sessions by the transaction: everything holds, and nothing stays.
    @Test func aSharedSessionKeepsNothing() async throws {
        let pool = try PoolFixture { settings, limits in
            settings.sharesSession = true
            settings.statementTimeout = 1_234
            limits.maximum = 1
        }
        let limit = Statement("limit", "select current_setting('statement_timeout')")
        #expect(await pool.run([limit, limit]) == .success(["1234ms", "1234ms"]))
        // By a transaction that says nothing beforehand it can't be seen here: each is told. What was prepared can.
        let count = Statement("count", "select count(*)::text from pg_prepared_statements")
        #expect(await pool.run([limit, count]) == .success(["1234ms", "0"]))
    }
}
