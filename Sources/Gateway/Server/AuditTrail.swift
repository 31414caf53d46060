import JSON
import Postgres
import Store

/// The audit trail as the command shows it: read as the schema's owner, from the oldest entry to the newest.
package struct AuditTrail {
    private let reader: AuditReader

    package init(databaseURL: String) {
        reader = AuditReader(PostgresSettings(url: databaseURL))
    }

    /// - Parameters:
    ///   - actor: whose entries; `nil`: everybody's.
    ///   - since: seconds since 1970.
    ///   - asJSON: one object a line, else columns for people.
    ///   - line: gets each entry.
    package func read(actor: String?, since: Double, asJSON: Bool, _ line: (String) -> Void) throws(SchemaError) {
        do throws(PostgresError) {
            try reader.read(actor: actor, since: since) { row in line(asJSON ? Self.json(row) : Self.text(row)) }
        } catch {
            // Undefined table, function or schema: what nobody has made yet, or another version has made otherwise.
            let isMissing = ["42P01", "42883", "3F000"].contains(error.sqlState)
            throw SchemaError(
                kind: error.kind == .connection ? .unavailable : .unusable,
                description: isMissing
                    ? "the database has no audit trail: run parley migrate up" : error.description)
        }
    }

    private static func json(_ row: AuditReader.Row) -> String {
        var object: JSONObject = [
            "at": .string(row.at), "actor": .string(row.actor), "action": .string(row.action),
            "allowed": .bool(row.allowed),
        ]
        if let text = row.object { object["object"] = .string(text) }
        if let text = row.origin { object["origin"] = .string(text) }
        if let text = row.detail, let detail = try? JSON(parsing: text) { object["detail"] = detail }
        return JSON.object(object).description
    }

    /// Names come from outside: nothing in them may steer a terminal.
    private static func text(_ row: AuditReader.Row) -> String {
        let parts = [row.at, row.allowed ? "allowed" : "refused", row.action, row.actor, row.object ?? "-"]
        let line = (parts + [row.origin ?? "-", row.detail ?? ""]).joined(separator: "  ")
        return String(
            line.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "?" : Character($0) })
    }
}
