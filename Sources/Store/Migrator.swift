package import Postgres

/// Why the schema cannot be brought to where it should be, in one line.
package struct MigrationError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The server cannot be reached, or only reads.
        case unreachable
        /// The database, or what its login may do, is not what this program needs.
        case unsuitable
        /// A gateway is alive that the step would take the ground from.
        case inUse
        /// The step takes data away, which was not asked for.
        case losesData
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
        package enum Condition: Sendable, Equatable {
            case pending, applied
            /// Its text is another one now.
            case edited
            /// This program does not have it.
            case unknown
        }

        package var version: Int
        package var name: String
        package var condition: Condition
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

    /// Applies the next `count` steps, or all, and looks after what the others need outside of the database.
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
    ///
    /// - Parameter losingData: else nothing is done where data would be lost.
    /// - Throws: also while a gateway is alive, or where data would be lost: the tables and rows are named.
    @discardableResult
    package func down(_ count: Int = 1, losingData: Bool = false) throws(MigrationError) -> [Migration] {
        let connection = try connect()
        try prepareRevert(connection, count, losingData: losingData)
        var reverted: [Migration] = []
        while reverted.count < count, let last = try step(connection, revert) {
            reverted.append(last)
        }
        return reverted
    }

    /// Takes the last step back and applies it again, in one transaction. Asks what `down` asks.
    @discardableResult
    package func redo(losingData: Bool = false) throws(MigrationError) -> Migration? {
        let connection = try connect()
        try prepareRevert(connection, 1, losingData: losingData)
        return try step(connection) { connection, done throws(MigrationError) in
            guard let last = try revert(connection, done) else { return nil }
            return try apply(connection, done - 1) ?? last
        }
    }

    /// Every step of the program and of the database, with the time at which it was applied. Changes nothing.
    package func status() throws(MigrationError) -> [Status] {
        let applied = try applied(try connect(toWrite: false))
        var steps = applied.enumerated().map { index, row in
            let known = index < migrations.count && migrations[index].version == row.version
            return Status(
                version: row.version, name: row.name,
                condition: !known ? .unknown : migrations[index].hadChecksum(row.checksum) ? .applied : .edited,
                appliedAt: row.appliedAt)
        }
        steps += migrations.dropFirst(applied.count).map {
            Status(version: $0.version, name: $0.name, condition: .pending, appliedAt: nil)
        }
        return steps
    }

    /// Throws unless the database is exactly where this program expects it.
    ///
    /// - Parameters:
    ///   - role: that the login must be able to become.
    ///   - contentLength: code points of a user's message that the database must take.
    /// - Returns: code points of a user's message that it takes.
    @discardableResult
    package func check(role: String? = nil, contentLength: Int? = nil) throws(MigrationError) -> Int {
        let connection = try connect()
        if let missing = migrations.dropFirst(try verified(connection).count).first {
            throw MigrationError(
                kind: .pending,
                description: "the database lacks migration \(missing.version) (\(missing.name)): run parley migrate up")
        }
        let bound = try self.contentLength(connection) ?? .max
        if let contentLength, bound < contentLength {
            throw MigrationError(
                kind: .unsuitable,
                description: "the database takes messages of \(bound) characters, less than MAX_CONTENT_LENGTH "
                    + "(\(contentLength)): run parley migrate up with the same setting")
        }
        guard let role else { return bound }
        let problem = try run("cannot look at the roles") { () throws(PostgresError) in
            try DatabaseRequirements.problem(with: role, connection)
        }
        if let problem { throw MigrationError(kind: .unsuitable, description: problem) }
        return bound
    }

    // MARK: what the database bounds itself

    /// `nil`: a step is missing that brings it.
    private func contentLength(_ connection: BlockingConnection) throws(MigrationError) -> Int? {
        let rows = try run("cannot ask for the bound on messages") { () throws(PostgresError) in
            guard
                try connection.query("select to_regprocedure('parley.max_content_length()') is not null")
                    .first?.first == "t"
            else { return [[String?]]() }
            return try connection.query("select parley.max_content_length()")
        }
        return rows.first?.first.flatMap { $0 }.flatMap { Int($0) }
    }

    /// Sets the bound on users' messages where it is another one. What is stored stays.
    ///
    /// - Parameter length: code points, 1 to 200 000.
    /// - Returns: whether it was another one.
    @discardableResult
    package func bound(contentLength length: Int) throws(MigrationError) -> Bool {
        let connection = try connect()
        guard let known = try contentLength(connection), known != length else { return false }
        try run("the bound on messages could not be set") { () throws(PostgresError) in
            try connection.execute(SchemaFunctions.maxContentLength(length))
        }
        return true
    }

    // MARK: steps

    private func connect(toWrite: Bool = true) throws(MigrationError) -> BlockingConnection {
        var settings = settings
        settings.needsWrites = toWrite
        let connection: BlockingConnection
        let problem: String?
        do throws(PostgresError) {
            connection = try BlockingConnection(settings)
            problem = try DatabaseRequirements.problem(connection)
        } catch {
            throw MigrationError(kind: .unreachable, description: "cannot reach the database: \(error)")
        }
        if let problem { throw MigrationError(kind: .unsuitable, description: problem) }
        return connection
    }

    /// One transaction that is alone among migrations, with the table of steps in place. `body` is told how many of
    /// the program's steps the database has.
    private func step(
        _ connection: BlockingConnection,
        _ body: (BlockingConnection, _ done: Int) throws(MigrationError) -> Migration?
    ) throws(MigrationError) -> Migration? {
        do throws(MigrationError) {
            try begin(connection)
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

    /// Whatever the database and the login have as their defaults: who has waited for the lock must see what the one
    /// before it has done, and a step takes the time that it takes.
    private func begin(_ connection: BlockingConnection) throws(MigrationError) {
        try run("cannot prepare the database") { () throws(PostgresError) in
            try connection.execute("begin isolation level read committed")
            try connection.execute(
                """
                select set_config(name, '0', true) from pg_catalog.pg_settings
                where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');
                set local client_min_messages = warning; set local lock_timeout = '60s'
                """)
        }
        try run("another migration has been under way for a minute") { () throws(PostgresError) in
            try connection.execute("select pg_advisory_xact_lock(\(Self.lockKey))")
        }
        try run("cannot prepare the database") { () throws(PostgresError) in
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
    }

    /// What the database says that it has.
    private func applied(_ connection: BlockingConnection) throws(MigrationError) -> [Applied] {
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
        return rows.compactMap { row -> Applied? in
            guard row.count == 4, let version = row[0].flatMap({ Int($0) }) else { return nil }
            return Applied(version: version, name: row[1] ?? "", checksum: row[2] ?? "", appliedAt: row[3] ?? "")
        }
    }

    /// The same after a check that they are the first ones of the program's.
    private func verified(_ connection: BlockingConnection) throws(MigrationError) -> [Applied] {
        let applied = try applied(connection)
        for (index, row) in applied.enumerated() {
            guard index < migrations.count, migrations[index].version == row.version else {
                throw Self.newerDatabase(row.version, row.name)
            }
            guard migrations[index].hadChecksum(row.checksum) else { throw Self.changed(row.version, row.name) }
        }
        return applied
    }

    private static func newerDatabase(_ version: Int, _ name: String) -> MigrationError {
        MigrationError(
            kind: .newerDatabase,
            description: "the database has migration \(version) (\(name)), which this program does not know: this "
                + "program is older than the database; use the release that has migrated it, or a newer one")
    }

    private static func changed(_ version: Int, _ name: String) -> MigrationError {
        MigrationError(
            kind: .changed,
            description: "migration \(version) (\(name)) was edited after it was applied: the schema may be another "
                + "one than this program expects; use the program that has applied it")
    }

    /// What keeps the program from the database with such steps, pending ones aside.
    package static func problem(_ steps: [Status]) -> MigrationError? {
        for step in steps {
            switch step.condition {
            case .unknown: return newerDatabase(step.version, step.name)
            case .edited: return changed(step.version, step.name)
            case .pending, .applied: break
            }
        }
        return nil
    }

    private func apply(
        _ connection: BlockingConnection, _ done: Int
    ) throws(MigrationError) -> Migration? {
        guard let migration = migrations.dropFirst(done).first else {
            try keepUp(connection)
            return nil
        }
        try run("migration \(migration.version) (\(migration.name)) was not applied") { () throws(PostgresError) in
            try connection.execute(migration.up)
            _ = try connection.query(
                "insert into parley.schema_migrations (version, name, checksum) values ($1::int, $2, $3)",
                [String(migration.version), migration.name, migration.checksum])
        }
        return migration
    }

    private func keepUp(_ connection: BlockingConnection) throws(MigrationError) {
        for migration in migrations {
            guard let upkeep = migration.upkeep else { continue }
            try run("what migration \(migration.version) (\(migration.name)) needs is not there") {
                () throws(PostgresError) in
                try connection.execute(upkeep)
            }
        }
    }

    /// Nothing is taken from under a gateway, and no data without a word.
    private func prepareRevert(
        _ connection: BlockingConnection, _ count: Int, losingData: Bool
    ) throws(MigrationError) {
        let gateway = try run("cannot look for gateways") { () throws(PostgresError) in
            try LivingGateway.find(connection)
        }
        if let gateway {
            throw MigrationError(
                kind: .inUse, description: "the gateway \(gateway) is alive: stop all gateways of this database first")
        }
        if losingData { return }
        let losses = try losses(connection, count)
        if losses.isEmpty { return }
        throw MigrationError(
            kind: .losesData,
            description: "this takes away \(losses.map(\.description).joined(separator: ", ")): say --yes to do it")
    }

    /// What the last `count` steps would take with them, tried and undone.
    private func losses(_ connection: BlockingConnection, _ count: Int) throws(MigrationError) -> [MigrationLoss] {
        let done: Int
        let before: SchemaContents
        let after: SchemaContents
        do throws(MigrationError) {
            try begin(connection)
            done = try verified(connection).count
            before = try run("cannot count the rows") { () throws(PostgresError) in try SchemaContents(connection) }
            for step in 0..<min(count, done) { _ = try revert(connection, done - step) }
            after = try run("cannot count the rows") { () throws(PostgresError) in try SchemaContents(connection) }
            try run("cannot undo the trial") { () throws(PostgresError) in try connection.execute("rollback") }
        } catch {
            try? connection.execute("rollback")
            throw error
        }
        return try run("cannot count the rows") { () throws(PostgresError) in
            try before.losses(to: after, connection)
        }
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
                kind: error.isConnectionLoss || error.isReadOnly ? .unreachable : .failed,
                description: "\(failure): \(error)")
        }
    }

    /// "parley" in ASCII.
    private static let lockKey = 0x7061_726C_6579
}
