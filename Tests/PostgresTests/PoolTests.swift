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
