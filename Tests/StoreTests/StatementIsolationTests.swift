import JSON
import Chat
import Foundation
import Postgres
import Store
import Testing

/// Every statement that the store sends, as somebody else. New ones cannot be forgotten: the sources are searched.
@Suite struct StatementIsolationTests {
    /// Who a statement works for is its first parameter, which only the gateway fills: these run as the schema's owner
    /// or are everybody's, and are tried with the stranger's own name only.
    private static let namesItsUser: Set<String> = [
        "accept", "end", "meet", "checkpoint", "begin", "create_conversation", "change_conversation",
        "delete_conversation",
        "delete_user", "fire_reminder", "branch", "select_head", "suspend", "resume", "decline",
    ]
    /// These work on rows of everybody: what a dead process left and what has grown old, for which the gateway's own
    /// process calls them and no request, and the message that an administrator deletes.
    private static let servesAll: Set<String> = [
        "recover", "retain", "retention_due", "retain_audit", "users_to_delete", "delete_message",
        "purge_tasks", "claim_reminders", "expire",
        // The outbox, which names what others are told of and holds nothing of it.
        "tell_endpoints", "claim_webhooks", "settle_webhook", "webhook_figures", "purge_webhooks",
        // Whose session a user's is, which says nothing of the user's things; and whose a message is, before an
        // administrator deletes it.
        "claim", "release", "owner_of_message",
    ]

    /// The parameter in which a statement names the gateway that sends it: one that may write.
    private static let gatewayPlaces = [
        "meet": 4, "accept": 9, "end": 15, "checkpoint": 4, "begin": 2, "tool": 12, "claim_reminders": 0,
        "fire_reminder": 0, "fence_gone": 0, "branch": 10, "select_head": 3,
        "suspend": 0, "resume": 0, "decline": 0, "expire": 0,
    ]

    /// Names in `Statement("name", …)` in the sources of the store.
    private func namesInSources() throws -> Set<String> {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Store").standardizedFileURL
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        var names: Set<String> = []
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(?:Statement|messages)\(\s*"([a-z_]+)",/) { names.insert(String(match.1)) }
        }
        return names
    }

    @Test func everyStatementIsInTheList() throws {
        let listed = Statements.all.map(\.name)
        #expect(Set(listed).count == listed.count)
        let found = try namesInSources()
        #expect(found.count > 10)
        #expect(found.subtracting(listed).isEmpty, "add them to Statements.all")
    }

    /// What belongs to one user, with a word in every text that the answers are searched for.
    private struct Victim {
        let word = "victim\(UInt64.random(in: 0 ... .max))"
        let store: StoreFixture
        let turn: NewTurn
        let task: String

        init() async throws {
            store = try StoreFixture()
            var turn = store.newTurn("my \(word)", client: "client-\(word)")
            turn.title = "title \(word)"
            self.turn = turn
            _ = await store.accept(turn)
            _ = await store.perform(
                ToolOperation(
                    userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                    key: ToolCallKey(runID: turn.runID, ordinal: 1), name: "add_task",
                    arguments: ["title": .string("task \(word)")]))
            task = try store.value("select id from parley.tasks where user_id = $1", [store.user]) ?? ""
        }

        /// Everything stored of the user, as text.
        func rows() throws -> [[String?]] {
            let owner = try TestDatabase.owner()
            let tables = try owner.query(
                """
                select c.relname from pg_class c
                where c.relnamespace = 'parley'::regnamespace and c.relkind = 'r' and exists (
                    select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id')
                order by 1
                """)
            var rows: [[String?]] = []
            for table in tables.compactMap(\.[0]) {
                rows += try owner.query(
                    "select t::text from parley.\(table) t where user_id = $1 order by 1", [store.user])
            }
            return rows
        }
    }

    /// Values for each parameter of a statement: a few rounds, so that each id of the victim's meets each place.
    private func arguments(
        _ statement: Statement, _ victim: Victim, naming users: [String], round: Int
    ) -> [String?] {
        let ids = [victim.turn.threadID, victim.turn.messageID, victim.turn.runID].map(\.description)
        var texts = users + ["client-\(victim.word)", "active"]
        var seenText = false
        func value(_ type: UInt32, _ place: Int) -> String? {
            switch type {
            case PostgresType.text, PostgresType.varchar, PostgresType.textArray:
                if Self.gatewayPlaces[statement.name] == place { return "test/1" }
                // What a tool does: to read another's task is what would be told.
                if statement.name == "tool", place == 5 { return "get" }
                // The first text names the user wherever one is named.
                let text = seenText ? texts[(round + place) % texts.count] : users[round % users.count]
                seenText = true
                return type == PostgresType.textArray ? "{\"\(text)\"}" : text
            case PostgresType.uuid:
                // A page begins after it.
                if statement.name == "export_conversations" { return Identifier(high: 0, low: 0).description }
                if ["messages_of_run", "path", "path_after"].contains(statement.name), place == 3 { return ids[2] }
                if statement.name == "run_tree", place == 2 { return ids[1] }
                return ids[(round / 2 + place) % 3]
            case PostgresType.uuidArray: return "{\(ids[(round / 2 + place) % 3])}"
            case PostgresType.int4:
                // The last one is a limit, or a position: of a page before it in one round, after it in the next.
                guard place == statement.parameterTypes.lastIndex(of: type) else { return "50" }
                return round.isMultiple(of: 2) ? "2147483647" : "0"
            case PostgresType.int8: return statement.name == "export_tasks" ? "0" : victim.task
            // A list of tasks: of both kinds, or of the one.
            // A path: of the run that is named, or of the one that it follows.
            case PostgresType.bool:
                if statement.name.hasPrefix("tasks") { return round.isMultiple(of: 2) ? nil : "true" }
                return statement.name.hasPrefix("path") && round.isMultiple(of: 2) ? "false" : "true"
            case PostgresType.boolArray: return "{false}"
            case PostgresType.int4Array: return "{1}"
            // A tool's second one is its failure: there is none.
            case PostgresType.jsonb: return statement.name == "tool" && place == 7 ? nil : "{}"
            case PostgresType.jsonbArray: return "{null}"
            // Where a page begins, or which state is expected: both may be left open.
            case PostgresType.timestamptz: return round.isMultiple(of: 3) ? nil : "2100-01-01"
            default: return nil
            }
        }
        texts.rotate(by: round)
        return statement.parameterTypes.enumerated().map { value($1, $0) }
    }

    /// One after the other: each has two loops, and a process has only 255 threads for them.
    @Test(.serialized, arguments: Statements.all.map(\.name))
    func doesNothingToAnother(_ name: String) async throws {
        let statement = try #require(Statements.all.first { $0.name == name })
        if Self.servesAll.contains(name) { return }
        let victim = try await Victim()
        let stranger = try StoreFixture()
        // Makes the stranger known.
        _ = await stranger.accept(stranger.newTurn())
        let before = try victim.rows()
        #expect(before.count >= 5)
        let users = Self.namesItsUser.contains(name) ? [stranger.user] : [victim.store.user, stranger.user]
        for role in [stranger.user, nil] {
            for round in 0..<12 {
                let connection = try TestDatabase.gateway(as: role)
                try connection.execute("begin")
                var answer: [[String?]] = []
                do {
                    answer = try connection.query(
                        statement.sql, arguments(statement, victim, naming: users, round: round))
                    try connection.execute("commit")
                } catch {
                    // A refusal is as good as an empty answer, if it is one: nothing must be wrong with the statement.
                    #expect(
                        ["42501", "23503", "23505", "23514", "23502", "22P02", "P0001"].contains(error.sqlState),
                        "\(error)")
                }
                // What it was asked with may come back.
                let told = answer.joined().compactMap { $0 }.filter {
                    $0.contains(victim.word) && !$0.hasPrefix("client-")
                }
                #expect(told.isEmpty, "\(name), round \(round)")
            }
        }
        #expect(try victim.rows() == before)
    }
}

extension StatementIsolationTests {
    /// That the arguments above hit what they aim at.
    @Test(arguments: [
        "conversation", "active", "messages_before", "messages_after", "conversations", "sent", "run_of_message",
        "path",
        "message_anchor", "run_tree",
        "tool", "operations",
        "tasks", "tasks_due", "task", "task_delete", "export_conversations", "export_messages", "export_runs",
        "export_operations",
        "export_tasks",
    ])
    func theSameFindsOnesOwn(_ name: String) async throws {
        let statement = try #require(Statements.all.first { $0.name == name })
        let victim = try await Victim()
        var found: [String] = []
        for round in 0..<12 {
            let connection = try TestDatabase.gateway(as: victim.store.user)
            let values = arguments(statement, victim, naming: [victim.store.user], round: round)
            let answer = (try? connection.query(statement.sql, values)) ?? []
            found += answer.joined().compactMap { $0 }
                .filter { text in
                    [victim.word, victim.turn.threadID.description, victim.turn.runID.description]
                        .contains { text.contains($0) }
                }
        }
        #expect(!found.isEmpty)
    }
}

extension Array {
    fileprivate mutating func rotate(by places: Int) {
        guard !isEmpty else { return }
        let middle = places % count
        self = Array(self[middle...] + self[..<middle])
    }
}
