package import Postgres

/// Why the schema cannot be brought to where it should be, in one line.
package struct MigrationError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The server cannot be reached.
        case unreachable
        /// The database holds what this program does not know.
        case newerDatabase
        /// A step was edited after it was applied.
        case changed
        /// Steps are missing.
        case pending
        /// The server refused a step; it is undone.
        case failed
    }

    package let kind: Kind
    package let description: String
}

/// Applies and takes back the numbered steps of the schema. Waits for the database: not to be used on a loop.
///
/// Each step is a transaction together with its row in `parley.schema_migrations`. An advisory lock of that transaction
/// keeps two at a time apart: the second waits (a minute at most), looks again, and finds nothing left to do. Nothing is
/// kept in the server's session, so a pooler in between does no harm.
package struct Migrator {
    package struct Status: Sendable, Equatable {
        package var version: Int
        package var name: String
        /// RFC 3339; `nil`: pending.
        package var appliedAt: String?
    }

    private struct Applied {
        var version: Int
        var name: String
        var checksum: String
        var appliedAt: String
    }

    private let settings: PostgresSettings
    private let migrations: [Migration]

    /// - Parameter settings: of a login that may create the schema; its `role` is not used.
    package init(_ settings: PostgresSettings, migrations: [Migration] = Migration.all) {
        self.settings = settings
        self.migrations = migrations
    }

    /// Applies the next `count` steps, or all.
    ///
    /// - Returns: those that were applied.
    @discardableResult
    package func up(_ count: Int? = nil) throws(MigrationError) -> [Migration] {
        let connection = try connect()
        var applied: [Migration] = []
        while applied.count < count ?? .max, let next = try step(connection, apply) {
            applied.append(next)
        }
        return applied
    }

    /// Takes the last `count` steps back.
    @discardableResult
    package func down(_ count: Int = 1) throws(MigrationError) -> [Migration] {
        let connection = try connect()
        var reverted: [Migration] = []
        while reverted.count < count, let last = try step(connection, revert) {
            reverted.append(last)
        }
        return reverted
    }

    /// Takes the last step back and applies it again, in one transaction.
    @discardableResult
    package func redo() throws(MigrationError) -> Migration? {
        try step(try connect()) { connection, done throws(MigrationError) in
            guard let last = try revert(connection, done) else { return nil }
            return try apply(connection, done - 1) ?? last
        }
    }

    /// Every step of the program with the time at which it was applied. Changes nothing.
    package func status() throws(MigrationError) -> [Status] {
        let done = try verified(try connect())
        return migrations.enumerated().map { index, migration in
            Status(
                version: migration.version, name: migration.name,
                appliedAt: index < done.count ? done[index].appliedAt : nil)
        }
    }

    /// Throws unless the database is exactly where this program expects it.
    package func check() throws(MigrationError) {
        if let missing = try status().first(where: { $0.appliedAt == nil }) {
            throw MigrationError(
                kind: .pending,
                description: "the database lacks migration \(missing.version) (\(missing.name)): run parley migrate up")
        }
    }

    // MARK: steps

    private func connect() throws(MigrationError) -> BlockingConnection {
        do throws(PostgresError) {
            return try BlockingConnection(settings)
        } catch {
            throw MigrationError(kind: .unreachable, description: "cannot reach the database: \(error)")
        }
    }

    /// One transaction that is alone among migrations, with the table of steps in place. `body` is told how many of
    /// the program's steps the database has.
    private func step(
        _ connection: BlockingConnection,
        _ body: (BlockingConnection, _ done: Int) throws(MigrationError) -> Migration?
    ) throws(MigrationError) -> Migration? {
        do throws(MigrationError) {
            try run("cannot prepare the database") { () throws(PostgresError) in
                try connection.execute("begin")
                try connection.execute("set local client_min_messages = warning; set local lock_timeout = '60s'")
                try connection.execute("select pg_advisory_xact_lock(\(Self.lockKey))")
                try connection.execute(
                    """
                    set local lock_timeout = 0;
                    create schema if not exists parley;
                    create table if not exists parley.schema_migrations (
                        version int primary key check (version >= 1),
                        name text not null,
                        checksum text not null,
                        applied_at timestamptz not null default now()
                    )
                    """)
            }
            let migration = try body(connection, try verified(connection).count)
            try run(migration.map { "migration \($0.version) (\($0.name)) was not committed" } ?? "cannot commit") {
                () throws(PostgresError) in
                try connection.execute("commit")
            }
            return migration
        } catch {
            try? connection.execute("rollback")
            throw error
        }
    }

    /// The steps that the database has, after a check that they are the first ones of the program's.
    private func verified(_ connection: BlockingConnection) throws(MigrationError) -> [Applied] {
        let rows = try run("cannot read the state of the schema") { () throws(PostgresError) in
            let known = try connection.query("select to_regclass('parley.schema_migrations') is not null")
            guard known.first?.first == "t" else { return [[String?]]() }
            return try connection.query(
                """
                select version, name, checksum,
                    to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                from parley.schema_migrations order by version
                """)
        }
        let applied = rows.compactMap { row -> Applied? in
            guard row.count == 4, let version = row[0].flatMap({ Int($0) }) else { return nil }
            return Applied(version: version, name: row[1] ?? "", checksum: row[2] ?? "", appliedAt: row[3] ?? "")
        }
        for (index, row) in applied.enumerated() {
            guard index < migrations.count, migrations[index].version == row.version else {
                throw MigrationError(
                    kind: .newerDatabase,
                    description: "the database has migration \(row.version) (\(row.name)), which this program does not "
                        + "know: it is older than the database")
            }
            guard migrations[index].checksum == row.checksum else {
                throw MigrationError(
                    kind: .changed,
                    description: "migration \(row.version) (\(row.name)) was edited after it was applied")
            }
        }
        return applied
    }

    private func apply(
        _ connection: BlockingConnection, _ done: Int
    ) throws(MigrationError) -> Migration? {
        guard let migration = migrations.dropFirst(done).first else { return nil }
        try run("migration \(migration.version) (\(migration.name)) was not applied") { () throws(PostgresError) in
            try connection.execute(migration.up)
            _ = try connection.query(
                "insert into parley.schema_migrations (version, name, checksum) values ($1::int, $2, $3)",
                [String(migration.version), migration.name, migration.checksum])
        }
        return migration
    }

    private func revert(
        _ connection: BlockingConnection, _ done: Int
    ) throws(MigrationError) -> Migration? {
        guard let migration = migrations.prefix(done).last else { return nil }
        try run("migration \(migration.version) (\(migration.name)) was not taken back") { () throws(PostgresError) in
            try connection.execute(migration.down)
            _ = try connection.query(
                "delete from parley.schema_migrations where version = $1::int", [String(migration.version)])
        }
        return migration
    }

    private func run<Result>(
        _ failure: String, _ body: () throws(PostgresError) -> Result
    ) throws(MigrationError) -> Result {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw MigrationError(
                kind: error.isConnectionLoss ? .unreachable : .failed, description: "\(failure): \(error)")
        }
    }

    /// "parley" in ASCII.
    private static let lockKey = 0x7061_726C_6579
}
