import JSON
import Postgres
import Store

/// What the command `webhooks` does.
extension StoreMaintenance {
    /// - Parameter line: gets each event, oldest first.
    package func listWebhooks(includesPending: Bool, asJSON: Bool, _ line: (String) -> Void) throws {
        try letters { letters throws(PostgresError) in
            try letters.read(includesPending: includesPending) { row in
                line(asJSON ? Self.json(row) : Self.text(row))
            }
        }
    }

    /// - Parameter ids: which dead letters; `nil`: all.
    /// - Returns: how many there were.
    package func resendWebhooks(_ ids: [Int64]?) throws -> Int {
        try letters { letters throws(PostgresError) in try letters.resend(ids) }
    }

    package func discardWebhooks(_ ids: [Int64]?) throws -> Int {
        try letters { letters throws(PostgresError) in try letters.discard(ids) }
    }

    private func letters<Value>(_ body: (WebhookLetters) throws(PostgresError) -> Value) throws -> Value {
        try check()
        do throws(PostgresError) {
            return try body(WebhookLetters(settings))
        } catch {
            throw StartError.database("the outbox could not be used: \(error)")
        }
    }

    private static func json(_ row: WebhookLetters.Row) -> String {
        var object: JSONObject = [
            "id": .integer(Int64(row.id) ?? 0), "webhook_id": .string("msg_\(row.eventID)"),
            "endpoint": .string(row.endpoint), "type": .string(row.type), "user_id": .string(row.userID),
            "created_at": .string(row.createdAt), "attempts": .integer(Int64(row.attempts) ?? 0),
            "state": .string(row.dueAt == nil ? "dead" : "pending"),
        ]
        if let text = row.threadID { object["conversation_id"] = .string(text) }
        if let text = row.dueAt { object["due_at"] = .string(text) }
        if let text = row.error { object["error"] = .string(text) }
        return JSON.object(object).description
    }

    /// Names come from outside: nothing in them may steer a terminal.
    private static func text(_ row: WebhookLetters.Row) -> String {
        let state = row.dueAt.map { "due \($0)" } ?? "dead"
        let line = [
            row.id, row.createdAt, state, row.type, row.endpoint, row.userID, row.threadID ?? "-",
            "\(row.attempts) attempts", row.error ?? "",
        ].joined(separator: "  ")
        return String(
            line.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "?" : Character($0) })
    }
}
