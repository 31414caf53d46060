import JSON
import Chat
package import Postgres
import Strings

/// Brings every stored text under the key that seals now, or to plain text where none does. Waits for the database:
/// not to be used on a loop. Needs the login that owns the schema, since messages are append-only for everybody else.
///
/// Batches are transactions of their own, each row is changed only if it is still what was read: it may be ended at any
/// time and run again, beside gateways that serve. What gateways write meanwhile has the new key, if they have it.
package struct Reencryption {
    private static let batchRows = 200
    private static let batchBytes = 1 << 20
    private static let attempts = 5
    /// A conversation may move between archive and live tables behind the back of a pass.
    private static let rounds = 5

    private enum Table: String, CaseIterable {
        case conversations, messages
        case archivedConversations = "archived_conversations"
        case archivedMessages = "archived_messages"
        case feedback, approvals

        var isOfMessages: Bool { self == .messages || self == .archivedMessages }
        var id: String { self == .feedback ? "message_id" : "id" }
        var thread: String { self == .conversations || self == .archivedConversations ? "id" : "conversation_id" }
        var key: String { self == .approvals ? "content_key" : "\(text)_key" }
        /// What is sealed beside the text: calls of a message, or what a person is shown of an approval.
        var beside: String {
            switch self {
            case .messages, .archivedMessages: "tool_calls::text"
            case .approvals: "interrupt::text"
            default: "null"
            }
        }
        var text: String {
            switch self {
            case .messages, .archivedMessages: "content"
            case .conversations, .archivedConversations: "title"
            case .feedback: "comment"
            case .approvals: "parameters"
            }
        }
        var kind: ContentCipher.Kind {
            switch self {
            case .messages, .archivedMessages: .content
            case .conversations, .archivedConversations: .title
            case .feedback: .comment
            case .approvals: .toolCalls
            }
        }
        /// What puts a batch back, `parley.reseal` or for the newest tables the statement itself.
        var change: String {
            let batch = "jsonb_array_elements($2::jsonb) with ordinality as e (x, n)"
            if self == .approvals {
                return """
                    with changed as (
                        update parley.approvals a
                        set parameters = x -> 'text', interrupt = x -> 'calls', content_key = $3 from \(batch)
                        where $1::text is not null and a.id = (x ->> 'id')::uuid
                            and a.content_key is not distinct from x ->> 'key' and a.parameters = x -> 'old'
                        returning 1
                    )
                    select count(*) from changed
                    """
            }
            guard self == .feedback else {
                return """
                    select parley.reseal($1, array_agg((x ->> 'id')::uuid order by n),
                        array_agg(x ->> 'key' order by n), array_agg(x ->> 'old' order by n),
                        array_agg(x ->> 'text' order by n), array_agg(nullif(x -> 'calls', 'null') order by n), $3)
                    from \(batch)
                    """
            }
            return """
                with changed as (
                    update parley.feedback f set comment = x ->> 'text', comment_key = $3 from \(batch)
                    where $1::text is not null and f.message_id = (x ->> 'id')::uuid
                        and f.comment_key is not distinct from x ->> 'key' and f.comment = x ->> 'old'
                    returning 1
                )
                select count(*) from changed
                """
        }
    }

    private let settings: PostgresSettings
    private let contents: ContentCipher

    package init(_ settings: PostgresSettings, _ contents: ContentCipher) {
        self.settings = settings
        self.contents = contents
    }

    package struct Report: Sendable, Equatable {
        package var texts = 0
        /// Keys that no text is sealed with any longer: they may go from `CONTENT_KEYS`.
        package var retired: [String] = []
        /// Keys that texts are still sealed with: a gateway writes with them.
        package var inUse: [String] = []
    }

    /// All tables, until nothing is left that has another key.
    package func run() throws(PostgresError) -> Report {
        let connection = try BlockingConnection(settings)
        // Each batch waits no longer than that for a writer.
        try connection.execute("set lock_timeout = '10s'")
        var report = Report()
        for _ in 0..<Self.rounds {
            for table in Table.allCases { try pass(table, connection, &report) }
            var isComplete = true
            for table in Table.allCases where isComplete { isComplete = try !remains(table, connection) }
            if isComplete { break }
        }
        for row in try connection.query("select id from parley.content_keys order by id") {
            guard let name = row.first ?? nil, !name.isExactly(contents.sealingKey) else { continue }
            if try retire(name, connection) { report.retired.append(name) } else { report.inUse.append(name) }
        }
        return report
    }

    private func remains(_ table: Table, _ connection: BlockingConnection) throws(PostgresError) -> Bool {
        let rows = try connection.query(
            """
            select exists (
                select from parley.\(table.rawValue)
                where \(table.key) is distinct from $1 and \(table.text) is not null)
            """, [contents.sealingKey])
        return rows.first?.first == "t"
    }

    private func pass(
        _ table: Table, _ connection: BlockingConnection, _ report: inout Report
    ) throws(PostgresError) {
        var last: String? = "00000000-0000-0000-0000-000000000000"
        while let after = last {
            let rows = try connection.query(
                """
                select id, thread, text, key, calls from (
                    select p.*, sum(octet_length(p.text)) over (order by p.id) - octet_length(p.text) as before
                    from (
                        select \(table.id) as id, \(table.thread) as thread, \(table.text)::text as text,
                            \(table.key) as key, \(table.beside) as calls
                        from parley.\(table.rawValue)
                        where \(table.id) > $1::uuid and \(table.key) is distinct from $2 and \(table.text) is not null
                        order by \(table.id) limit \(Self.batchRows)
                    ) p
                ) b where b.before < \(Self.batchBytes) order by id
                """, [after, contents.sealingKey])
            last = rows.last?.first ?? nil
            if rows.isEmpty { return }
            var batch: [JSON] = []
            for row in rows { batch.append(try resealed(row, table)) }
            report.texts += try store(batch, table, connection)
        }
    }

    /// A batch that a writer or a deletion was in the way of goes again.
    ///
    /// - Returns: the rows that were still what was read.
    private func store(
        _ batch: [JSON], _ table: Table, _ connection: BlockingConnection
    ) throws(PostgresError) -> Int {
        var attempt = 1
        while true {
            do throws(PostgresError) {
                let changed = try connection.query(
                    table.change, [table.rawValue, JSON.array(batch).description, contents.sealingKey])
                return changed.first?.first.flatMap { $0.flatMap { Int($0) } } ?? 0
            } catch {
                let isPassing = error.sqlState.hasPrefix("40") || error.sqlState == "55P03"
                guard isPassing, attempt < Self.attempts else { throw error }
                attempt += 1
            }
        }
    }

    private func resealed(_ row: [String?], _ table: Table) throws(PostgresError) -> JSON {
        guard row.count == 5, let id = row[0].flatMap({ Identifier($0) }), let text = row[2],
            let thread = row[1].flatMap({ Identifier($0) })
        else { throw PostgresError(kind: .usage, message: "a row could not be read") }
        if table == .approvals {
            var object: JSONObject = ["id": .string(id.description), "key": row[3].map { .string($0) } ?? .null]
            object["old"] = (try? JSON(parsing: text)) ?? .null
            object["text"] = try resealed(value: text, key: row[3], thread: thread, id: id)
            if let stored = row[4] {
                object["calls"] = try resealed(value: stored, key: row[3], thread: thread, id: id)
            }
            return .object(object)
        }
        let plain = try contents.open(text, key: row[3], table.kind, thread: thread, id: id)
        var object: JSONObject = [
            "id": .string(id.description), "key": row[3].map { .string($0) } ?? .null,
            "text": .string(try contents.seal(plain, table.kind, thread: thread, id: id)),
        ]
        if !table.isOfMessages { object["old"] = .string(text) }
        if let stored = row[4] {
            var calls = stored
            if row[3] != nil, let sealed = StoredJSON.toolCalls(parsing: stored).first {
                calls = try contents.open(sealed.arguments, key: row[3], .toolCalls, thread: thread, id: id)
            }
            if contents.sealingKey != nil {
                let sealed = try contents.seal(calls, .toolCalls, thread: thread, id: id)
                calls = StoredJSON.toolCalls([StoredJSON.sealedCalls(sealed)])
            }
            object["calls"] = (try? JSON(parsing: calls)) ?? .null
        }
        return .object(object)
    }

    /// A value as it is, or under a key the text of it as a string.
    private func resealed(
        value: String, key: String?, thread: Identifier, id: Identifier
    ) throws(PostgresError) -> JSON {
        var text = value
        if key != nil, case .string(let sealed)? = try? JSON(parsing: value) {
            text = try contents.open(sealed, key: key, .toolCalls, thread: thread, id: id)
        }
        if contents.sealingKey != nil {
            return .string(try contents.seal(text, .toolCalls, thread: thread, id: id))
        }
        return (try? JSON(parsing: text)) ?? .null
    }

    /// From the moment the name is gone no gateway can write with the key; what one wrote just before is looked for.
    private func retire(_ name: String, _ connection: BlockingConnection) throws(PostgresError) -> Bool {
        if try isUsed(name, connection) { return false }
        let gone = try connection.query(
            "select parley.drop_key($1)", [name])
        if try isUsed(name, connection) {
            _ = try connection.query(
                "insert into parley.content_keys (id, canary) values ($1, $2) on conflict do nothing",
                [name, gone.first?.first ?? nil])
            return false
        }
        return true
    }

    private func isUsed(_ name: String, _ connection: BlockingConnection) throws(PostgresError) -> Bool {
        let rows = try connection.query(
            """
            select exists (select from parley.messages where content_key = $1)
                or exists (select from parley.archived_messages where content_key = $1)
                or exists (select from parley.conversations where title_key = $1)
                or exists (select from parley.archived_conversations where title_key = $1)
                or exists (select from parley.feedback where comment_key = $1)
                or exists (select from parley.runs where checkpoint_key = $1)
                or exists (select from parley.approvals where content_key = $1)
            """, [name])
        return rows.first?.first == "t"
    }
}
