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
