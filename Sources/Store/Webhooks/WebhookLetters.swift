package import Postgres

/// The outbox as the command sees it: as the schema's owner, since it is nobody else's. Blocks.
package struct WebhookLetters {
    package struct Row: Sendable {
        package var id: String
        package var eventID: String
        package var endpoint: String
        package var type: String
        package var userID: String
        package var threadID: String?
        package var createdAt: String
        package var attempts: String
        /// When it is tried next; `nil`: it is a dead letter.
        package var dueAt: String?
        package var error: String?
    }

    private static let page = 1_000
    private let settings: PostgresSettings

    package init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    /// Hands out the events, oldest first, one page after the other.
    ///
    /// - Parameter includesPending: those too that wait to be sent, beside the dead letters.
    package func read(includesPending: Bool, _ body: (Row) -> Void) throws(PostgresError) {
        let connection = try BlockingConnection(settings)
        var last = "0"
        while true {
            let rows = try connection.query(
                """
                select id, event_id, endpoint, type, user_id, conversation_id,
                    to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), attempts,
                    case when dead_at is null then
                        to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end, last_error
                from parley.outbox
                where id > $1::bigint and (dead_at is not null or $2::bool)
                order by id limit \(Self.page)
                """, [last, includesPending ? "t" : "f"])
            for row in rows {
                body(
                    Row(
                        id: row[0] ?? "", eventID: row[1] ?? "", endpoint: row[2] ?? "", type: row[3] ?? "",
                        userID: row[4] ?? "", threadID: row[5], createdAt: row[6] ?? "", attempts: row[7] ?? "",
                        dueAt: row[8], error: row[9]))
            }
            guard rows.count == Self.page, let next = rows.last?[0] else { return }
            last = next
        }
    }

    /// Dead letters wait again, with all their attempts; behind them in their topic is what came later and waits still.
    ///
    /// - Parameter ids: which; `nil`: all.
    /// - Returns: how many there were.
    package func resend(_ ids: [Int64]?) throws(PostgresError) -> Int {
        try change(
            """
            update parley.outbox
            set dead_at = null, attempts = 0, due_at = now(), claimed_by = null, claimed_until = null
            """, ids)
    }

    /// Dead letters are gone.
    package func discard(_ ids: [Int64]?) throws(PostgresError) -> Int {
        try change("delete from parley.outbox", ids)
    }

    private func change(_ action: String, _ ids: [Int64]?) throws(PostgresError) -> Int {
        let connection = try BlockingConnection(settings)
        let list = ids.map { "{\($0.map(String.init).joined(separator: ","))}" }
        let rows = try connection.query(
            """
            with changed as (
                \(action) where dead_at is not null and ($1::bigint[] is null or id = any ($1::bigint[])) returning id
            ) select count(*) from changed
            """, [list])
        return rows.first?.first?.flatMap { Int($0) } ?? 0
    }
}
