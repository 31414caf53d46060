/// What a fresh connection is told before anyone gets it: time limits, the role to work as, and what the statements
/// rely on, whatever the database and the login have as their defaults. Each statement sees what was committed before
/// it (`read committed`), and the rows of others are left out, not an error (`row_security`).
///
/// The server notices within `client_connection_check_interval` that a connection was given up in the middle of a
/// statement, and within `tcp_keepalives_…` that its host is gone: else its session would stay, and count.
///
/// Behind a pooler that gives a server session to many clients in turn (PgBouncer in transaction mode) none of this may
/// stay in the session, and no statement prepared in it will be found again. Such a pooler shows itself: the process id
/// it told at the start is not the one that the server answers with. Then everything is said anew, for the transaction
/// alone, in the same write as the transaction (`PostgresConnection.preamble`).
enum ConnectionSetup {
    /// `$3`: the server's process as the connection knows it, 0 to take the session for shared, -1 for one's own.
    private static let limits = Statement(
        "parley_limits",
        """
        select set_config('statement_timeout', $1, s.shared),
               set_config('idle_in_transaction_session_timeout', $2, s.shared), s.shared,
               current_setting('transaction_read_only')::bool,
               current_setting('transaction_isolation') <> 'read committed',
               set_config('default_transaction_isolation', 'read committed', s.shared),
               set_config('row_security', 'on', s.shared),
               set_config('tcp_keepalives_idle', '30', s.shared),
               set_config('tcp_keepalives_interval', '5', s.shared),
               set_config('tcp_keepalives_count', '3', s.shared),
               case when version() like '%linux%'
                   then set_config('client_connection_check_interval', '2s', s.shared) end
        from (select $3 <> -1 and pg_backend_pid() <> $3) as s (shared)
        """, PostgresType.text, PostgresType.text, PostgresType.int4)

    private static let role = Statement(
        "parley_role",
        """
        select set_config('role', rolname, $2 <> -1 and pg_backend_pid() <> $2) from pg_catalog.pg_roles
        where rolname = $1 and pg_catalog.pg_has_role(
            oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'member' end)
        """, PostgresType.text, PostgresType.int4)

    private static let preamble = Statement(
        "parley_preamble",
        """
        select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true),
               set_config('row_security', 'on', true)
        """, PostgresType.text, PostgresType.text)

    private static let preambleWithRole = Statement(
        "parley_preamble_role",
        """
        select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true),
               set_config('row_security', 'on', true), set_config('role', $3, true)
        """, PostgresType.text, PostgresType.text, PostgresType.text)

    /// Where a pooler's sessions have another level, each transaction must begin with it: after that it can't be said.
    private static let isolation = Statement("parley_isolation", "set transaction isolation level read committed")

    /// One round trip; `completion` hears `nil` when the connection may be used.
    static func run(
        _ connection: PostgresConnection, _ settings: PostgresSettings,
        completion: @escaping (PostgresError?) -> Void
    ) {
        if let problem = connection.encoding.flatMap({ PostgresSettings.problem(withEncoding: $0) }) {
            return completion(PostgresError(kind: .connection, message: problem))
        }
        let process: Int32
        switch settings.sharesSession {
        case nil: process = connection.serverProcess
        case true: process = 0
        case false: process = -1
        }
        var parameters = Parameters()
        parameters.append(text: String(settings.statementTimeout))
        parameters.append(text: String(settings.idleInTransactionTimeout))
        parameters.append(int4: process)
        connection.send(limits, parameters)
        if let role = settings.role {
            parameters.removeAll()
            parameters.append(text: role)
            parameters.append(int4: process)
            connection.send(Self.role, parameters)
        }
        connection.commit { outcome in
            switch outcome {
            case .failure(let error): completion(error)
            case .success(let answers):
                if let role = settings.role, answers.last?.count != 1 {
                    let message = "the database has no role \(role) that this login may become: migrate it first"
                    completion(PostgresError(kind: .connection, sqlState: "42704", message: message))
                    return
                }
                if settings.needsWrites, (try? answers.first?.bool(0, 3)) == true {
                    completion(PostgresError(kind: .connection, sqlState: "25006", message: "the database only reads"))
                    return
                }
                if (try? answers.first?.bool(0, 2)) == true {
                    let hasOtherLevel = (try? answers.first?.bool(0, 4)) == true
                    connection.sharesSession(
                        begin: (hasOtherLevel ? [(isolation, Parameters())] : []) + [preamble(settings)])
                } else {
                    connection.hasOwnSession(prepares: settings.preparesStatements)
                }
                completion(nil)
            }
        }
    }

    private static func preamble(_ settings: PostgresSettings) -> (Statement, Parameters) {
        var parameters = Parameters()
        parameters.append(text: String(settings.statementTimeout))
        parameters.append(text: String(settings.idleInTransactionTimeout))
        guard let role = settings.role else { return (preamble, parameters) }
        parameters.append(text: role)
        return (preambleWithRole, parameters)
    }
}
