import Dispatch
import EventLoop
import Foundation
import Postgres
import Testing

/// Where the tests' PostgreSQL is. A missing variable fails the test: skipping would look like success.
func testDatabaseURL() throws -> String {
    try #require(
        ProcessInfo.processInfo.environment["PARLEY_TEST_DATABASE_URL"],
        "PARLEY_TEST_DATABASE_URL names no database")
}

/// A loop with a pool of its own, for one test.
final class PoolFixture: Sendable {
    let loop: EventLoop
    private let bound: LoopBound<PostgresPool>

    init(role: String? = nil, configure: (inout PostgresSettings, inout PoolSettings) -> Void = { _, _ in }) throws {
        loop = try EventLoop(label: "postgres tests")
        var settings = PostgresSettings(url: try testDatabaseURL(), role: role)
        var limits = PoolSettings()
        limits.minimum = 1
        limits.maximum = 2
        limits.overflow = 0
        configure(&settings, &limits)
        let pool = PostgresPool(settings, limits, on: loop)
        bound = LoopBound(pool, on: loop)
        loop.start()
        let bound = bound
        loop.execute { bound.value.start() }
    }

    deinit { loop.stop() }

    /// Runs on the loop; `resume` gives the outcome.
    func on<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresPool, @escaping (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let bound = bound
            loop.execute { body(bound.value) { continuation.resume(returning: $0) } }
        }
    }

    /// One transaction; each answer's first value as text.
    func run(_ statements: [Statement]) async -> Result<[String], PostgresError> {
        await on { pool, resume in
            pool.transaction({ connection in
                for statement in statements { connection.send(statement, Parameters()) }
            }) { outcome in
                resume(
                    outcome.map { answers in
                        answers.map { $0.count > 0 ? ((try? $0.text(0, 0)) ?? "?") : "" }
                    })
            }
        }
    }
}

@Suite struct ConnectionTests {
    @Test func answersComeInOrder() async throws {
        let pool = try PoolFixture()
        let outcome = await pool.run([
            Statement("a", "select 'a'::text"), Statement("b", "select 'b'::text"),
            Statement("none", "select ''::text limit 0"),
        ])
        #expect(outcome == .success(["a", "b", ""]))
    }

    @Test func everyTypeThereAndBack() async throws {
        let pool = try PoolFixture()
        let text = "quote ' and \\ and 好 and 👩‍👩‍👧"
        let outcome: Bool = await pool.on { pool, resume in
            var parameters = Parameters()
            parameters.append(text: text)
            parameters.append(uuid: 0x0123_4567_89AB_7DEF, 0x8123_4567_89AB_CDEF)
            parameters.append(int4: -5)
            parameters.append(int8: .max)
            parameters.append(bool: true)
            parameters.append(jsonb: #"{"a": [1, null]}"#)
            parameters.append(timestamptz: 1_700_000_000_123_456)
            parameters.appendNull()
            let statement = Statement(
                "types",
                "select $1, $2, $3, $4, $5, $6, $7, $8, extract(epoch from $7)::text",
                PostgresType.text, PostgresType.uuid, PostgresType.int4, PostgresType.int8, PostgresType.bool,
                PostgresType.jsonb, PostgresType.timestamptz, PostgresType.text)
            pool.transaction({ $0.send(statement, parameters) }) { outcome in
                guard let rows = try? outcome.get().first else { return resume(false) }
                let uuid = try? rows.uuid(0, 1)
                resume(
                    (try? rows.text(0, 0)) == text
                        && uuid?.high == 0x0123_4567_89AB_7DEF && uuid?.low == 0x8123_4567_89AB_CDEF
                        && (try? rows.int4(0, 2)) == -5 && (try? rows.int8(0, 3)) == .max
                        && (try? rows.bool(0, 4)) == true && (try? rows.jsonb(0, 5)) == #"{"a": [1, null]}"#
                        && (try? rows.timestamp(0, 6)) == 1_700_000_000_123_456
                        && (try? rows.isNull(0, 7)) == true && (try? rows.optionalText(0, 7)) == .some(nil)
                        && (try? rows.text(0, 8)) == "1700000000.123456"
                        // Reading what is not there, or as what it is not, throws.
                        && (try? rows.int4(0, 0)) == nil && (try? rows.text(0, 2)) == nil
                        && (try? rows.text(0, 7)) == nil && (try? rows.text(1, 0)) == nil
                        && (try? rows.text(0, 9)) == nil && (try? rows.text(-1, 0)) == nil)
            }
        }
        #expect(outcome)
    }

    @Test func arraysArrive() async throws {
        let pool = try PoolFixture()
        let answer: String? = await pool.on { pool, resume in
            var parameters = Parameters()
            parameters.beginArray(of: PostgresType.text)
            parameters.add(text: "a,b")
            parameters.add(text: nil as String?)
            parameters.add(text: "")
            parameters.endArray()
            parameters.beginArray(of: PostgresType.int4)
            parameters.endArray()
            parameters.beginArray(of: PostgresType.bool)
            parameters.add(bool: true)
            parameters.add(bool: false)
            parameters.endArray()
            parameters.beginArray(of: PostgresType.jsonb)
            parameters.add(jsonb: "{}")
            parameters.add(jsonb: nil)
            parameters.endArray()
            parameters.beginArray(of: PostgresType.uuid)
            parameters.add(uuid: 1, 2)
            parameters.endArray()
            let statement = Statement(
                "arrays", "select concat_ws('|', $1::text, $2::text, $3::text, $4::text, $5::text)",
                PostgresType.textArray, PostgresType.int4Array, PostgresType.boolArray, PostgresType.jsonbArray,
                PostgresType.uuidArray)
            pool.transaction({ $0.send(statement, parameters) }) { resume(try? $0.get().first?.text(0, 0)) }
        }
        #expect(answer == #"{"a,b",NULL,""}|{}|{t,f}|{"{}",NULL}|{00000000-0000-0001-0000-000000000002}"#)
    }

    @Test func anErrorUndoesTheTransactionAndLeavesTheConnectionUsable() async throws {
        let pool = try PoolFixture { _, limits in limits.maximum = 2 }
        let table = "undo_\(UInt32.random(in: 0 ... .max))"
        _ = await pool.run([Statement("c", "create table \(table) (n int check (n > 0))")])
        let failed = await pool.run([
            Statement("i1", "insert into \(table) values (1)"), Statement("i2", "insert into \(table) values (-1)"),
            Statement("i3", "insert into \(table) values (2)"),
        ])
        guard case .failure(let error) = failed else {
            Issue.record("the transaction succeeded")
            return
        }
        #expect(error.kind == .server)
        #expect(error.sqlState == "23514")
        #expect(error.constraint == "\(table)_n_check")
        #expect(!error.isOutcomeUnknown)
        #expect(await pool.run([Statement("n", "select count(*)::text from \(table)")]) == .success(["0"]))
        _ = await pool.run([Statement("d", "drop table \(table)")])
    }

    @Test func aSettingLocalToTheTransactionEndsWithIt() async throws {
        let pool = try PoolFixture()
        let set = Statement("set", "select set_config('app.user_id', 'ann', true)")
        let get = Statement("get", "select coalesce(current_setting('app.user_id', true), '')")
        #expect(await pool.run([set, get]) == .success(["ann", "ann"]))
        #expect(await pool.run([get]) == .success([""]))
    }

    @Test func limitsAreSet() async throws {
        let pool = try PoolFixture()
        let outcome = await pool.run([
            Statement("1", "select current_setting('statement_timeout')"),
            Statement("2", "select current_setting('idle_in_transaction_session_timeout')"),
            Statement("3", "select current_setting('application_name')"),
            Statement("4", "select current_setting('client_encoding')"),
        ])
        #expect(outcome == .success(["10s", "15s", "parley", "UTF8"]))
    }

    @Test func aSlowStatementIsCancelled() async throws {
        let pool = try PoolFixture { settings, _ in settings.statementTimeout = 20 }
        let outcome = await pool.run([Statement("slow", "select pg_sleep(30)::text")])
        guard case .failure(let error) = outcome else {
            Issue.record("it was not cancelled")
            return
        }
        #expect(error.sqlState == "57014")
    }

    @Test func aServerThatStopsAnsweringIsLeft() async throws {
        let pool = try PoolFixture { settings, _ in settings.silenceLimit = 50_000_000 }
        let outcome = await pool.run([Statement("silent", "select pg_sleep(8)::text")])
        guard case .failure(let error) = outcome else {
            Issue.record("it was waited for")
            return
        }
        #expect(error.isConnectionLoss)
        #expect(error.isOutcomeUnknown)
        #expect(error.message == "the server has stopped answering")
    }

    @Test func unpreparedStatementsWorkToo() async throws {
        let pool = try PoolFixture { settings, _ in settings.preparesStatements = false }
        let statement = Statement("same", "select 'x'::text")
        #expect(await pool.run([statement, statement]) == .success(["x", "x"]))
    }

    @Test func aMissingRoleIsRefused() async throws {
        let pool = try PoolFixture(role: "parley_no_such_role")
        let outcome = await pool.run([Statement("one", "select '1'::text")])
        guard case .failure(let error) = outcome else {
            Issue.record("it was given")
            return
        }
        #expect(error.kind == .pool)
        #expect(error.message.contains("parley_no_such_role"))
    }

    @Test func anUnreachableServerIsToldInOneLine() async throws {
        let pool = try PoolFixture { settings, _ in
            settings = PostgresSettings(url: "postgresql:///x?host=/nonexistent")
        }
        let outcome = await pool.run([Statement("one", "select '1'::text")])
        guard case .failure(let error) = outcome else {
            Issue.record("it was given")
            return
        }
        #expect(error.message.contains("/nonexistent"))
        #expect(!error.message.contains("\n"))
    }

    @Test func aKilledBackendIsALossWithUnknownOutcomeAndIsReplaced() async throws {
        let pool = try PoolFixture { _, limits in limits.maximum = 1 }
        let outcome = await pool.run([
            Statement("kill", "select pg_terminate_backend(pg_backend_pid())::text"),
            Statement("after", "select pg_sleep(5)::text"),
        ])
        guard case .failure(let error) = outcome else {
            Issue.record("it survived")
            return
        }
        #expect(error.isConnectionLoss)
        #expect(error.isOutcomeUnknown)
        #expect(error.sqlState == "57P01")
        // The next may come while the pool pauses after so short a life.
        var again = await pool.run([Statement("one", "select '1'::text")])
        for _ in 0..<200 {
            if case .success = again { break }
            let _: Bool = await pool.on { pool, resume in
                _ = pool.loop.schedule(after: 10_000_000) { resume(true) }
            }
            again = await pool.run([Statement("one", "select '1'::text")])
        }
        #expect(again == .success(["1"]))
        let figures: PoolFigures = await pool.on { pool, resume in resume(pool.figures) }
        #expect(figures.lost == 1)
    }

    @Test func wrongParameterCountFailsAndCommitsNothing() async throws {
        let pool = try PoolFixture()
        let outcome: Result<Int, PostgresError> = await pool.on { pool, resume in
            pool.transaction({ $0.send(Statement("p", "select $1", PostgresType.text), Parameters()) }) {
                resume($0.map(\.count))
            }
        }
        guard case .failure(let error) = outcome else {
            Issue.record("it was sent")
            return
        }
        #expect(error.kind == .usage)
        #expect(await pool.run([Statement("one", "select '1'::text")]) == .success(["1"]))
    }

    @Test func aLargeParameterPassesWithoutBlocking() async throws {
        let pool = try PoolFixture()
        let size = 4 << 20
        let length: String? = await pool.on { pool, resume in
            var parameters = Parameters()
            parameters.append(text: String(repeating: "x", count: size))
            let statement = Statement("echo", "select $1, length($1)::text", PostgresType.text)
            pool.transaction({ $0.send(statement, parameters) }) { resume(try? $0.get().first?.text(0, 1)) }
        }
        #expect(length == String(size))
    }

    @Test func closingWaitsForWhatIsUnderWay() async throws {
        let pool = try PoolFixture()
        let order: [String] = await pool.on { pool, resume in
            final class Order { var events: [String] = [] }
            let order = Order()
            pool.transaction({ $0.send(Statement("slow", "select pg_sleep(0.05)::text"), Parameters()) }) { outcome in
                switch outcome {
                case .success: order.events.append("answered")
                case .failure(let error): order.events.append("\(error)")
                }
            }
            pool.transaction({ $0.send(Statement("other", "select ''::text"), Parameters()) }) { _ in
                pool.close(within: 5_000_000_000) {
                    order.events.append("closed")
                    resume(order.events)
                }
            }
        }
        #expect(order == ["answered", "closed"])
    }
}
