/// Why a statement, a transaction or a connection failed.
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The server refused a statement; the transaction is rolled back and the connection usable.
        case server
        /// The connection could not be made or is lost; it is closed.
        case connection
        /// The pool has none to give: it waits no longer, its queue is full, or the database is known to be away.
        case pool
        /// The server's answer is not what the statement promises, or the caller broke the order of calls.
        case usage
    }

    package var kind: Kind
    /// Five characters (PostgreSQL documentation, appendix A); empty where the server did not speak.
    package var sqlState: String
    /// One line, without the statement's parameters.
    package var message: String
    /// The violated constraint.
    package var constraint: String?
    /// The transaction was sent to its end but no answer came: it may have been committed.
    package var isOutcomeUnknown: Bool

    package init(
        kind: Kind, sqlState: String = "", message: String, constraint: String? = nil, isOutcomeUnknown: Bool = false
    ) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
        self.isOutcomeUnknown = isOutcomeUnknown
    }

    package var isConnectionLoss: Bool { kind == .connection }

    /// The session, or its server, only reads.
    package var isReadOnly: Bool { sqlState == "25006" }

    /// The server answered, and that its session is of no more use: it only reads, is going down, or does not know what
    /// was prepared in it, as after a change of the schema or behind a pooler that was not seen. Another session may do.
    package var endsSession: Bool {
        guard kind == .server else { return false }
        switch sqlState {
        case "25006", "0A000", "26000", "42P05": return true
        default: return sqlState.hasPrefix("57P") || sqlState.hasPrefix("08")
        }
    }

    /// The same, told by libpq where it has looked for a server that takes writes.
    var tellsReadOnly: Bool { isReadOnly || message.contains("session is read-only") }

    /// What says that the server lacks the means to write: disk, memory, I/O.
    var isLackOfMeans: Bool { kind == .server && (sqlState.hasPrefix("53") || sqlState.hasPrefix("58")) }

    package var description: String {
        var text = message
        if !sqlState.isEmpty { text += " (\(sqlState))" }
        if let constraint { text += " [\(constraint)]" }
        return text
    }

    static func usage(_ message: String) -> PostgresError {
        PostgresError(kind: .usage, message: message)
    }
}
