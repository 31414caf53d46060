import Postgres

/// What a database and the login of `DATABASE_URL` must be. What is wrong is one line that says what to do about it.
enum DatabaseRequirements {
    /// Functions with a body of SQL, and compression by column, came with it.
    static let oldestVersion = 140_000

    /// Asked on each connection of a command before anything else.
    static func problem(_ connection: BlockingConnection) throws(PostgresError) -> String? {
        let rows = try connection.query(
            "select current_setting('server_version_num'), current_setting('server_version'), "
                + "current_setting('server_encoding')")
        guard let row = rows.first, row.count == 3 else { return nil }
        if let version = row[0].flatMap({ Int($0) }), version < oldestVersion {
            return "PostgreSQL \(row[1] ?? "") is too old: \(oldestVersion / 10_000) or newer is needed"
        }
        return row[2].flatMap { PostgresSettings.problem(withEncoding: $0) }
    }

    /// Since PostgreSQL 16 a member of a role need not be one who may become it.
    static func problem(with role: String, _ connection: BlockingConnection) throws(PostgresError) -> String? {
        let rows = try connection.query(
            """
            select pg_catalog.pg_has_role(
                    oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'member' end),
                quote_ident(rolname), quote_ident(current_user)
            from pg_catalog.pg_roles where rolname = $1
            """, [role])
        guard let row = rows.first, row.count == 3 else {
            return "the database server has no role \(role): run parley migrate up"
        }
        if row[0] == "t" { return nil }
        let (role, login) = (row[1] ?? role, row[2] ?? "")
        return "the login \(login) may not become the role \(role): run parley migrate up, or let an administrator "
            + "run: grant \(role) to \(login);"
    }
}

/// A gateway that works with the database.
enum LivingGateway {
    /// One that has beaten within this many seconds may be alive. Seen to beat again, it is.
    private static let freshSeconds = 5

    /// Waits until a gateway is seen to beat, or all are known to be gone, which takes a few seconds where one has just
    /// been stopped.
    ///
    /// - Returns: the name of one that is alive.
    static func find(_ connection: BlockingConnection) throws(PostgresError) -> String? {
        guard try connection.query("select to_regclass('parley.nodes') is not null").first?.first == "t" else {
            return nil
        }
        var first: [String: String] = [:]
        while true {
            let rows = try connection.query(
                """
                select id, heartbeat_at::text from parley.nodes
                where heartbeat_at > clock_timestamp() - \(freshSeconds) * interval '1 s' order by id
                """)
            if rows.isEmpty { return nil }
            for row in rows {
                guard row.count == 2, let id = row[0], let beat = row[1] else { continue }
                if let known = first[id], known != beat { return id }
                if first[id] == nil { first[id] = beat }
            }
            // The server's pause: where it goes away, so does this one.
            _ = try connection.query("select pg_catalog.pg_sleep(0.2)")
        }
    }
}
