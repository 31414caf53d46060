package import Postgres

/// Reads the audit trail as the schema's owner: the gateway's own role can't. Blocks; for the command line.
package struct AuditReader {
    package struct Row: Sendable {
        package var at: String
        package var actor: String
        package var action: String
        package var object: String?
        package var origin: String?
        package var allowed: Bool
        /// JSON.
        package var detail: String?
    }

    private static let page = 1_000
    private let settings: PostgresSettings

    package init(_ settings: PostgresSettings) {
        self.settings = settings
    }

    /// Hands out the entries from the oldest to the newest, one page after the other.
    ///
    /// - Parameters:
    ///   - actor: whose entries; `nil`: everybody's.
    ///   - since: seconds since 1970.
    package func read(actor: String?, since: Double, _ body: (Row) -> Void) throws(PostgresError) {
        let connection = try BlockingConnection(settings)
        var last = "0"
        while true {
            let rows = try connection.query(
                """
                select id, to_char(coalesce((detail ->> 'at')::timestamptz, occurred_at) at time zone 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), actor, action, object, origin, allowed, detail - 'at'
                from parley.audit_log
                where id > $1::bigint and occurred_at >= to_timestamp($2::float8)
                    and ($3::text is null or actor = $3::text)
                order by id limit \(Self.page)
                """, [last, "\(since)", actor])
            for row in rows {
                body(
                    Row(
                        at: row[1] ?? "", actor: row[2] ?? "", action: row[3] ?? "", object: row[4], origin: row[5],
                        allowed: row[6] == "t", detail: row[7]))
            }
            guard rows.count == Self.page, let next = rows.last?[0] else { return }
            last = next
        }
    }
}
