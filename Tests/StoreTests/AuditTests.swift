import JSON
import Logging
import Postgres
import Store
import Testing

@Suite("The audit trail: what waits, and how floods are gathered")
struct AuditMachineTests {
    private func refusal(_ origin: String, _ reason: String = "signature", at: Int64) -> AuditEntry {
        AuditEntry(
            .refused, by: "(unknown)", from: origin, allowed: false, detail: ["reason": .string(reason)], at: at)
    }

    @Test("the first refusal at once, the others as a number when the window ends")
    func gathering() {
        var machine = AuditMachine()
        for at in 0..<1_000 { machine.record(refusal("192.0.2.1", at: Int64(at))) }
        machine.record(refusal("192.0.2.2", at: 5))
        machine.record(refusal("192.0.2.1", "expired", at: 6))
        #expect(machine.next(at: 10).count == 3)
        #expect(machine.hasWork)
        machine.tick(at: 59_999_999)
        #expect(machine.next(at: 59_999_999).isEmpty)
        machine.tick(at: 60_000_100)
        let entries = machine.next(at: 60_000_100)
        #expect(entries.count == 1)
        #expect(entries.first?.detail["repeated"] == 999)
        #expect(entries.first?.origin == "192.0.2.1")
        #expect(!machine.hasWork)
        machine.record(refusal("192.0.2.1", at: 70_000_000))
        #expect(machine.next(at: 70_000_000).count == 1)
    }

    @Test("actors whose ids only look alike are two")
    func equivalent() {
        var machine = AuditMachine()
        for actor in ["K", "\u{212A}", "K"] {
            machine.record(AuditEntry(.refused, by: actor, from: nil, allowed: false, at: 1))
        }
        #expect(machine.next(at: 1).map { Array($0.actor.utf8).count } == [1, 3])
    }

    @Test("a flood from everywhere is bounded in memory and in rows")
    func flood() {
        var machine = AuditMachine()
        for index in 0..<100_000 { machine.record(refusal("2001:db8::\(index)", at: 1)) }
        #expect(machine.waiting == 1_025)
        machine.tick(at: 100_000_000)
        #expect(machine.waiting == 1_026)
        #expect(machine.dropped == 0)
    }

    @Test("sign-ins, exports and deletions are never gathered; what finds the queue full is counted and told")
    func full() {
        var settings = AuditMachine.Settings()
        settings.queue = 10
        settings.batch = 4
        var machine = AuditMachine(settings)
        for index in 0..<15 { machine.record(AuditEntry(.signIn, by: "u\(index)", from: nil, at: 0)) }
        #expect(machine.waiting == 10)
        #expect(machine.dropped == 5)
        let first = machine.next(at: 1)
        #expect(first.map(\.actor) == ["u0", "u1", "u2", "u3"])
        machine.giveBack(first)
        #expect(machine.next(at: 1).map(\.actor) == ["u0", "u1", "u2", "u3"])
        var rest: [AuditEntry] = []
        while case let batch = machine.next(at: 2), !batch.isEmpty { rest += batch }
        #expect(rest.map(\.action) == Array(repeating: .signIn, count: 6) + [.dropped])
        #expect(rest.last?.detail["count"] == 5)
        #expect(!machine.hasWork)
    }

    @Test("names are cut and cleaned")
    func names() {
        var machine = AuditMachine()
        machine.record(
            AuditEntry(.exported, by: "a\0b" + String(repeating: "x", count: 1_000), from: "o\0", at: 0))
        let entry = machine.next(at: 0).first
        #expect(entry?.actor.count == 512)
        #expect(entry?.actor.contains("\0") == false)
        #expect(entry?.origin?.contains("\0") == false)
    }
}

@Suite("The audit trail in the database")
struct AuditTrailTests {
    @Test("the gateway's role may add to it and do nothing else")
    func rights() throws {
        let gateway = try TestDatabase.gateway(as: "somebody")
        _ = try gateway.query(
            "insert into parley.audit_log (actor, action, allowed) values ('somebody', 'sign_in', true)")
        for statement in [
            "select * from parley.audit_log", "update parley.audit_log set actor = 'x'", "delete from parley.audit_log",
            "truncate parley.audit_log",
            "insert into parley.audit_log (id, actor, action, allowed) overriding system value values (1, 'a', 'b', true)",
            "insert into parley.audit_log (actor, action, allowed) values ('a', 'b', true) returning id",
        ] {
            let error = #expect(throws: PostgresError.self) { try gateway.query(statement) }
            #expect(error?.sqlState == "42501", "\(statement)")
        }
    }

    @Test("what is recorded is read back in order, of one user or all, from a time on")
    func writing() async throws {
        let store = try StoreFixture()
        let user = store.user
        let closed: Bool = await store.on { chatStore, done in
            let audit = AuditWriter(
                pool: chatStore.pool, logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
            audit.record(.signIn, by: user, from: "192.0.2.1")
            audit.record(.exported, by: user, on: "user/x", from: nil, detail: ["rows": 3])
            for _ in 0..<5 {
                audit.record(.refused, by: user, from: "192.0.2.1", allowed: false, detail: ["reason": "expired"])
            }
            audit.close { done(true) }
        }
        #expect(closed)
        var rows: [AuditReader.Row] = []
        try AuditReader(try TestDatabase.migrated()).read(actor: user, since: 0) { rows.append($0) }
        #expect(rows.map(\.action) == ["sign_in", "exported", "refused", "refused"])
        #expect(rows.map(\.allowed) == [true, true, false, false])
        #expect(rows.map(\.origin) == ["192.0.2.1", nil, "192.0.2.1", "192.0.2.1"])
        #expect(rows[1].detail == #"{"rows": 3}"#)
        #expect(try JSON(parsing: rows[3].detail ?? "")["repeated"] == 4)
        rows = []
        try AuditReader(try TestDatabase.migrated()).read(actor: user, since: 4_000_000_000) { rows.append($0) }
        #expect(rows.isEmpty)
    }
}
