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
/// Each step is a transaction together with its row in `parley.schema_migrations`. An advisory lock keeps two at a time
/// apart: the second waits (a minute at most) and then finds nothing left to do.
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
        let connection = try prepared()
        let done = try verified(connection)
        let missing = migrations.dropFirst(done.count).prefix(count ?? .max)
        for migration in missing { try apply(migration, connection) }
        return Array(missing)
    }

    /// Takes the last `count` steps back.
    @discardableResult
    package func down(_ count: Int = 1) throws(MigrationError) -> [Migration] {
        let connection = try prepared()
        let done = try verified(connection)
        let last = migrations.prefix(done.count).suffix(max(count, 0)).reversed()
        for migration in last { try revert(migration, connection) }
        return Array(last)
    }

    /// Takes the last step back and applies it again.
    @discardableResult
    package func redo() throws(MigrationError) -> Migration? {
        let connection = try prepared()
        guard let last = migrations.prefix(try verified(connection).count).last else { return nil }
        try revert(last, connection)
        try apply(last, connection)
        return last
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

    /// Connected, alone, with the table of steps in place. The lock ends with the connection.
    private func prepared() throws(MigrationError) -> BlockingConnection {
        let connection = try connect()
        try run("cannot prepare the database") { () throws(PostgresError) in
            try connection.execute("set client_min_messages = warning; set lock_timeout = '60s'")
            try connection.execute("select pg_advisory_lock(\(Self.lockKey))")
            try connection.execute(
                """
                set lock_timeout = 0;
                create schema if not exists parley;
                create table if not exists parley.schema_migrations (
                    version int primary key check (version >= 1),
                    name text not null,
                    checksum text not null,
                    applied_at timestamptz not null default now()
                )
                """)
        }
        return connection
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

    private func apply(_ migration: Migration, _ connection: BlockingConnection) throws(MigrationError) {
        try step(migration, "applied", connection) { () throws(PostgresError) in
            try connection.execute(migration.up)
            _ = try connection.query(
                "insert into parley.schema_migrations (version, name, checksum) values ($1::int, $2, $3)",
                [String(migration.version), migration.name, migration.checksum])
        }
    }

    private func revert(_ migration: Migration, _ connection: BlockingConnection) throws(MigrationError) {
        try step(migration, "taken back", connection) { () throws(PostgresError) in
            try connection.execute(migration.down)
            _ = try connection.query(
                "delete from parley.schema_migrations where version = $1::int", [String(migration.version)])
        }
    }

    private func step(
        _ migration: Migration, _ verb: String, _ connection: BlockingConnection,
        _ body: () throws(PostgresError) -> Void
    ) throws(MigrationError) {
        try run("migration \(migration.version) (\(migration.name)) was not \(verb)") { () throws(PostgresError) in
            try connection.execute("begin")
            do throws(PostgresError) {
                try body()
                try connection.execute("commit")
            } catch {
                try? connection.execute("rollback")
                throw error
            }
        }
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
