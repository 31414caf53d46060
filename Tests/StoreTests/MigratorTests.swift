import Postgres
import Store
import Testing

@Suite struct MigratorTests {
    private static let one = Migration(
        version: 1, name: "one", up: "create table parley.one (n int)", down: "drop table parley.one")
    private static let two = Migration(
        version: 2, name: "two", up: "create table parley.two (n int)", down: "drop table parley.two")

    @Test func checksums() {
        // SHA-256 of "a", NUL, "b".
        let migration = Migration(version: 1, name: "x", up: "a", down: "b")
        #expect(migration.checksum == "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138")
        #expect(migration.checksum == Migration(version: 2, name: "y", up: "a", down: "b").checksum)
        #expect(migration.checksum != Migration(version: 1, name: "x", up: "ab", down: "").checksum)
    }

    @Test func numbersHaveNoGaps() {
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
    }

    @Test func upDownStatusRedo() throws {
        let migrator = Migrator(try TestDatabase.fresh("parley_test_steps"), migrations: [Self.one, Self.two])
        #expect(try migrator.status().map(\.condition) == [.pending, .pending])
        #expect(throws: MigrationError.self) { try migrator.check() }
        #expect(try migrator.up(1).map(\.version) == [1])
        #expect(try migrator.status().map { $0.appliedAt != nil } == [true, false])
        #expect(try migrator.status().map(\.condition) == [.applied, .pending])
        #expect(try migrator.up().map(\.version) == [2])
        #expect(try migrator.up().isEmpty)
        try migrator.check()
        #expect(try migrator.redo()?.version == 2)
        #expect(try migrator.down().map(\.version) == [2])
        #expect(try migrator.down(5).map(\.version) == [1])
        #expect(try migrator.down().isEmpty)
    }

    @Test func aFailedStepIsUndone() throws {
        let settings = try TestDatabase.fresh("parley_test_failing")
        let bad = Migration(
            version: 2, name: "bad", up: "create table parley.two (n int); select 1 / 0", down: "")
        let error = #expect(throws: MigrationError.self) { try Migrator(settings, migrations: [Self.one, bad]).up() }
        #expect(error?.kind == .failed)
        #expect(error?.description == "migration 2 (bad) was not applied: division by zero (22012)")
        #expect(try Migrator(settings, migrations: [Self.one, Self.two]).up().map(\.version) == [2])
    }

    @Test func anEditedStepIsRefusedByName() throws {
        let settings = try TestDatabase.fresh("parley_test_edited")
        try Migrator(settings, migrations: [Self.one]).up()
        let edited = Migration(version: 1, name: "one", up: Self.one.up + " ", down: Self.one.down)
        let error = #expect(throws: MigrationError.self) { try Migrator(settings, migrations: [edited]).up() }
        #expect(error?.kind == .changed)
        #expect(error?.description.hasPrefix("migration 1 (one) was edited after it was applied: ") == true)
        #expect(try Migrator(settings, migrations: [edited]).status().map(\.condition) == [.edited])
    }

    @Test func aNewerDatabaseIsRefused() throws {
        let settings = try TestDatabase.fresh("parley_test_newer")
        try Migrator(settings, migrations: [Self.one, Self.two]).up()
        let error = #expect(throws: MigrationError.self) { try Migrator(settings, migrations: [Self.one]).check() }
        #expect(error?.kind == .newerDatabase)
        let steps = try Migrator(settings, migrations: [Self.one]).status()
        #expect(steps.map(\.condition) == [.applied, .unknown])
        #expect(Migrator.problem(steps)?.kind == .newerDatabase)
    }

    /// A released step is mended where it fails to apply: who has it from before goes on, and can go back.
    @Test func aMendedStepIsTheOneItWas() throws {
        let settings = try TestDatabase.fresh("parley_test_mended")
        try Migrator(settings, migrations: [Self.one]).up()
        let mended = Migration(
            version: 1, name: "one", up: "/* mended */ " + Self.one.up, down: Self.one.down,
            formerChecksums: [Self.one.checksum])
        let migrator = Migrator(settings, migrations: [mended, Self.two])
        #expect(try migrator.up().map(\.version) == [2])
        try migrator.check()
        #expect(try migrator.status().map(\.condition) == [.applied, .applied])
        #expect(try migrator.down(2).map(\.version) == [2, 1])
    }

    @Test func whatWouldBeLostIsNamedAndStays() throws {
        let settings = try TestDatabase.fresh("parley_test_losses")
        let three = Migration(
            version: 3, name: "three", up: "alter table parley.one add word text, add other int",
            down: "delete from parley.two where n = 2; alter table parley.one drop word, drop other")
        let migrator = Migrator(settings, migrations: [Self.one, Self.two, three])
        try migrator.up()
        let owner = try BlockingConnection(settings)
        try owner.execute(
            "insert into parley.one values (1, 'word'), (2, null); insert into parley.two values (1), (2), (3)")
        let stays = "select (select count(*) from parley.one), (select count(*) from parley.two)"
        let stories: [(Int, Bool, String)] = [
            (1, false, "one.word (1 value), two (1 row)"), (2, false, "one.word (1 value), two (3 rows)"),
            (9, false, "one (2 rows), two (3 rows)"), (1, true, "one.word (1 value), two (1 row)"),
        ]
        for (count, isRedo, losses) in stories {
            let error = #expect(throws: MigrationError.self) {
                if isRedo { _ = try migrator.redo() } else { _ = try migrator.down(count) }
            }
            #expect(error?.kind == .losesData)
            #expect(error?.description == "this takes away \(losses): say --yes to do it")
            #expect(try owner.query(stays) == [["2", "3"]])
        }
        #expect(try migrator.redo(losingData: true)?.version == 3)
        #expect(try owner.query(stays) == [["2", "2"]])
        // What is empty is not asked about.
        try owner.execute("delete from parley.two")
        #expect(try migrator.down(2).map(\.version) == [3, 2])
        #expect(try migrator.down(losingData: true).map(\.version) == [1])
    }

    @Test func nothingIsTakenFromUnderAGateway() throws {
        let settings = try TestDatabase.fresh("parley_test_alive")
        let nodes = Migration(
            version: 1, name: "nodes",
            up: "create table parley.nodes (id text, heartbeat_at timestamptz)", down: "drop table parley.nodes")
        let migrator = Migrator(settings, migrations: [nodes])
        try migrator.up()
        // Beats whenever it is looked at.
        try BlockingConnection(settings).execute(
            """
            alter table parley.nodes rename to beats;
            insert into parley.beats values ('here:1/x', null);
            create view parley.nodes as select id, clock_timestamp() as heartbeat_at from parley.beats
            """)
        for isRedo in [false, true] {
            let error = #expect(throws: MigrationError.self) {
                if isRedo {
                    _ = try migrator.redo(losingData: true)
                } else {
                    _ = try migrator.down(losingData: true)
                }
            }
            #expect(error?.kind == .inUse)
            #expect(error?.description.contains("here:1/x") == true)
        }
        // One that was stopped a moment ago beats no more: that is waited for.
        try BlockingConnection(settings).execute(
            """
            drop view parley.nodes;
            alter table parley.beats rename to nodes;
            update parley.nodes set heartbeat_at = clock_timestamp() - interval '4.5 s'
            """)
        #expect(try migrator.down().map(\.version) == [1])
    }

    @Test(arguments: [("SQL_ASCII", "SQL_ASCII"), ("LATIN1", "LATIN1"), ("UTF8", nil as String?)])
    func theEncodingMustHoldAnyCharacter(_ encoding: String, _ named: String?) throws {
        let name = "parley_test_encoding_\(encoding.lowercased())"
        var settings = try TestDatabase.fresh(name)
        let connection = try BlockingConnection(PostgresSettings(url: try TestDatabase.url()))
        try connection.execute("drop database \(name)")
        try connection.execute(
            "create database \(name) encoding '\(encoding)' template template0 lc_collate 'C' lc_ctype 'C'")
        settings.database = name
        let migrator = Migrator(settings, migrations: [Self.one])
        guard let named else {
            #expect(try migrator.up().count == 1)
            return
        }
        for attempt in 0..<3 {
            let error = #expect(throws: MigrationError.self) {
                switch attempt {
                case 0: _ = try migrator.up()
                case 1: _ = try migrator.status()
                default: try migrator.check()
                }
            }
            #expect(error?.kind == .unsuitable)
            #expect(error?.description.hasPrefix("the database's encoding is \(named), UTF8 is needed") == true)
        }
    }

    /// Whatever a database has as its defaults: each of four waits for the other and sees what it has done.
    @Test func defaultsOfTheDatabaseDoNoHarm() async throws {
        let settings = try TestDatabase.fresh("parley_test_defaults")
        try BlockingConnection(settings).execute(
            """
            alter database parley_test_defaults set default_transaction_isolation = 'serializable';
            alter database parley_test_defaults set statement_timeout = '20ms';
            alter database parley_test_defaults set row_security = off
            """)
        let slow = Migration(
            version: 1, name: "slow", up: "create table parley.one (n int); select pg_sleep(0.1)",
            down: "drop table parley.one")
        let applied = await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (try? Migrator(settings, migrations: [slow, Self.two]).up().map(\.version)) ?? [-1]
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(applied.flatMap { $0 }.sorted() == [1, 2])
    }

    @Test func anUnreachableServerIsOneLine() throws {
        let error = #expect(throws: MigrationError.self) {
            try Migrator(PostgresSettings(url: "postgresql:///x?host=/nonexistent")).status()
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.description.contains("\n") == false)
    }

    @Test func twoAtOnce() async throws {
        let settings = try TestDatabase.fresh("parley_test_twice")
        let applied = await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask { (try? Migrator(settings).up().map(\.version)) ?? [-1] }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // Each step is a transaction of its own: who makes it is open, that it is made once is not.
        #expect(applied.flatMap { $0 }.sorted() == Migration.all.map(\.version))
    }

    /// Everything that makes up the schema, as the catalogue tells it.
    private func schema(_ settings: PostgresSettings) throws -> [[String?]] {
        try BlockingConnection(settings).query(
            """
            select 'column', table_name::text, column_name::text,
                data_type || coalesce(column_default, '') || is_nullable
            from information_schema.columns where table_schema = 'parley'
            union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'parley'
            union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
                from pg_constraint where connamespace = 'parley'::regnamespace
            union all select 'function', proname, proacl::text, pg_get_functiondef(oid)
                from pg_proc where pronamespace = 'parley'::regnamespace
            union all select 'policy', tablename, policyname, qual from pg_policies where schemaname = 'parley'
            union all select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
                from pg_trigger t join pg_class c on c.oid = tgrelid
                where c.relnamespace = 'parley'::regnamespace and not tgisinternal
            union all select 'rights', relname, relacl::text, relrowsecurity::text
                from pg_class where relnamespace = 'parley'::regnamespace and relkind = 'r'
            union all select 'schema', nspname, nspacl::text, '' from pg_namespace where nspname = 'parley'
            order by 1, 2, 3, 4
            """)
    }

    @Test func downToZeroAndUpAgainIsTheSameSchema() throws {
        let settings = try TestDatabase.fresh("parley_test_round")
        let migrator = Migrator(settings)
        try migrator.up()
        let before = try schema(settings)
        #expect(before.count > 100)
        try migrator.down(Migration.all.count)
        let left = try BlockingConnection(settings).query(
            "select relname from pg_class where relnamespace = 'parley'::regnamespace and relkind = 'r'")
        #expect(left == [["schema_migrations"]])
        try migrator.up()
        #expect(try schema(settings) == before)
    }
}
