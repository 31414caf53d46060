/// What a fresh connection is told before anyone gets it: time limits, and the role to work as.
enum ConnectionSetup {
    private static let limits = Statement(
        "parley_limits",
        """
        select set_config('statement_timeout', $1, false),
               set_config('idle_in_transaction_session_timeout', $2, false)
        """, PostgresType.text, PostgresType.text)

    private static let role = Statement(
        "parley_role",
        """
        select set_config('role', rolname, false) from pg_catalog.pg_roles
        where rolname = $1 and pg_catalog.pg_has_role(rolname, 'member')
        """, PostgresType.text)

    /// One round trip; `completion` hears `nil` when the connection may be used.
    static func run(
        _ connection: PostgresConnection, _ settings: PostgresSettings,
        completion: @escaping (PostgresError?) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: String(settings.statementTimeout))
        parameters.append(text: String(settings.idleInTransactionTimeout))
        connection.send(limits, parameters)
        if let role = settings.role {
            parameters.removeAll()
            parameters.append(text: role)
            connection.send(Self.role, parameters)
        }
        connection.commit { outcome in
            switch outcome {
            case .failure(let error): completion(error)
            case .success(let answers):
                if let role = settings.role, answers.last?.count != 1 {
                    let message = "the database has no role \(role) that this login may use: migrate it first"
                    completion(PostgresError(kind: .connection, sqlState: "42704", message: message))
                } else {
                    completion(nil)
                }
            }
        }
    }
}
