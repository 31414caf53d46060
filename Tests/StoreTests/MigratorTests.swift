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
        #expect(try migrator.status().map(\.appliedAt) == [nil, nil])
        #expect(throws: MigrationError.self) { try migrator.check() }
        #expect(try migrator.up(1).map(\.version) == [1])
        #expect(try migrator.status().map { $0.appliedAt != nil } == [true, false])
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
        #expect(error?.description == "migration 1 (one) was edited after it was applied")
    }

    @Test func aNewerDatabaseIsRefused() throws {
        let settings = try TestDatabase.fresh("parley_test_newer")
        try Migrator(settings, migrations: [Self.one, Self.two]).up()
        let error = #expect(throws: MigrationError.self) { try Migrator(settings, migrations: [Self.one]).check() }
        #expect(error?.kind == .newerDatabase)
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
