import JSON
import Chat
import Postgres
import Store
import Testing

@Suite struct IsolationTests {
    static let userTables = [
        "conversations", "messages", "runs", "tasks", "reminders", "task_operation_logs",
        "archived_conversations",
        "archived_messages", "archived_runs", "archived_operation_logs", "approvals", "feedback", "search_words",
    ]

    /// A user with a row in every table that the gateway may read.
    private func populated() async throws -> (user: String, turn: NewTurn) {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        _ = await store.perform(
            ToolOperation(
                userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                key: ToolCallKey(runID: turn.runID, ordinal: 1), name: "add_task",
                arguments: ["title": "milk", "due_at": "2030-01-01T00:00:00Z", "remind": true]))
        let owner = try TestDatabase.owner()
        let id = store.id().description
        _ = try owner.query(
            """
            insert into parley.archived_conversations (id, user_id, message_count, created_at, updated_at)
            values ($1, $2, 1, now(), now())
            """, [id, store.user])
        _ = try owner.query(
            """
            insert into parley.archived_messages
                (id, conversation_id, user_id, position, role, content, status, created_at)
            values ($1, $1, $2, 1, 'user', 'x', 'complete', now())
            """, [id, store.user])
        _ = try owner.query(
            """
            insert into parley.archived_runs (id, conversation_id, user_id, user_message_id, status, created_at)
            values ($1, $1, $2, $1, 'completed', now())
            """, [id, store.user])
        _ = try owner.query(
            """
            insert into parley.archived_operation_logs
                (operation_id, conversation_id, user_id, run_id, ordinal, operation_type, input_params, status,
                created_at)
            values ($1, $1, $2, $1, 1, 'list', '{}', 'success', now())
            """, [id, store.user])
        _ = try owner.query(
            "insert into parley.feedback (message_id, user_id, conversation_id, rating) values ($1, $2, $1, 'up')",
            [id, store.user])
        _ = try owner.query(
            "insert into parley.search_words (user_id, message_id, words) values ($2, $1, 'x')", [id, store.user])
        _ = try owner.query(
            """
            insert into parley.approvals (id, run_id, ordinal, conversation_id, user_id, expires_at)
            values ($1, $2, 9, $3, $4, now() + interval '1 day')
            """, [id, turn.runID.description, turn.threadID.description, store.user])
        return (store.user, turn)
    }

    @Test func everyTableWithAUserHasAPolicy() throws {
        let rows = try TestDatabase.owner().query(
            """
            select c.relname, c.relrowsecurity, exists (select from pg_policy p where p.polrelid = c.oid)
            from pg_class c
            where c.relnamespace = 'parley'::regnamespace and c.relkind = 'r' and exists (
                select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id')
            """)
        // The gateway's role reads and writes the outbox by functions alone.
        #expect(Set(rows.compactMap { $0[0] }) == Set(Self.userTables + ["outbox"]))
        for row in rows { #expect(row[1] == "t" && row[2] == "t", "\(row[0] ?? "")") }
    }

    @Test func theRoleOwnsNothingAndBypassesNothing() throws {
        let owner = try TestDatabase.owner()
        let role = try owner.query(
            "select rolsuper, rolbypassrls, rolcanlogin, rolcreaterole from pg_roles where rolname = 'parley_gateway'")
        #expect(role == [["f", "f", "f", "f"]])
        let owned = try owner.query(
            """
            select relname from pg_class
            where relowner = 'parley_gateway'::regrole and relnamespace = 'parley'::regnamespace
            """)
        #expect(owned.isEmpty)
        // Functions that run with the owner's rights must not look names up where a caller can put his own.
        let open = try owner.query(
            """
            select proname from pg_proc where pronamespace = 'parley'::regnamespace and prosecdef
                and not coalesce(array_to_string(proconfig, ',') like '%search_path=pg_catalog, pg_temp%', false)
            """)
        #expect(open.isEmpty)
        let everybody = try owner.query(
            """
            select proname from pg_proc where pronamespace = 'parley'::regnamespace
                and prorettype <> 'trigger'::regtype and has_function_privilege('public', oid, 'execute')
            """)
        #expect(everybody.isEmpty)
    }

    @Test func othersRowsAreNotThere() async throws {
        let (user, _) = try await populated()
        let (stranger, _) = try await populated()
        for table in Self.userTables {
            let own = try TestDatabase.gateway(as: user).query("select distinct user_id from parley.\(table)")
            #expect(own == [[user]], "\(table)")
            let other = try TestDatabase.gateway(as: stranger)
                .query("select count(*) from parley.\(table) where user_id = $1", [user])
            #expect(other == [["0"]], "\(table)")
            for nobody in [nil, ""] {
                let none = try TestDatabase.gateway(as: nobody).query("select count(*) from parley.\(table)")
                #expect(none == [["0"]], "\(table)")
            }
        }
        #expect(try TestDatabase.gateway(as: user).query("select id from parley.users") == [[user]])
        #expect(try TestDatabase.gateway(as: nil).query("select id from parley.users").isEmpty)
    }

    @Test(arguments: [
        "update parley.messages set content = 'x'",
        "delete from parley.messages",
        "truncate parley.messages",
        """
        insert into parley.messages (id, conversation_id, user_id, position, role, content)
        select id, id, user_id, 9, 'user', 'x' from parley.conversations
        """,
        "update parley.runs set status = 'completed'",
        "delete from parley.runs",
        "update parley.conversations set user_id = 'x'",
        "update parley.conversations set message_count = 0",
        "delete from parley.conversations",
        "delete from parley.task_operation_logs",
        "select * from parley.audit_log",
        "delete from parley.audit_log",
        "select * from parley.schema_migrations",
        "update parley.users set name = 'x'",
        "create table parley.mine (n int)",
        "alter table parley.messages disable row level security",
        "drop table parley.messages",
    ])
    func theRoleMayNot(_ sql: String) async throws {
        let (user, _) = try await populated()
        let connection = try TestDatabase.gateway(as: user)
        let error = #expect(throws: PostgresError.self) { try connection.execute(sql) }
        #expect(error?.sqlState == "42501")
    }

    @Test(arguments: ["tasks", "conversations"])
    func aRowCannotBeGivenToAnother(_ table: String) async throws {
        let (user, _) = try await populated()
        let connection = try TestDatabase.gateway(as: user)
        let sql =
            table == "tasks"
            ? "insert into parley.tasks (user_id, title) values ('somebody else', 'x')"
            : "insert into parley.conversations (id, user_id) values (gen_random_uuid(), 'somebody else')"
        let error = #expect(throws: PostgresError.self) { try connection.execute(sql) }
        #expect(error?.sqlState == "42501")
    }

    @Test(arguments: [
        "update parley.messages set content = 'x' where user_id = $1",
        "delete from parley.messages where user_id = $1",
    ])
    func notEvenTheOwnerChangesMessages(_ sql: String) async throws {
        let (user, _) = try await populated()
        let owner = try TestDatabase.owner()
        let error = #expect(throws: PostgresError.self) { _ = try owner.query(sql, [user]) }
        #expect(error?.message == "messages are append-only")
    }

    @Test func theDatabaseRefusesAMessageInAnothersConversation() async throws {
        let (_, turn) = try await populated()
        let (stranger, _) = try await populated()
        let owner = try TestDatabase.owner()
        let error = #expect(throws: PostgresError.self) {
            _ = try owner.query(
                """
                insert into parley.messages (id, conversation_id, user_id, position, role, content)
                values (gen_random_uuid(), $1, $2, 99, 'user', 'x')
                """, [turn.threadID.description, stranger])
        }
        #expect(error?.sqlState == "23503")
    }

    @Test func deletingAUserCascades() async throws {
        let (user, _) = try await populated()
        let owner = try TestDatabase.owner()
        _ = try owner.query("delete from parley.users where id = $1", [user])
        for table in Self.userTables {
            #expect(try owner.query("select count(*) from parley.\(table) where user_id = $1", [user]) == [["0"]])
        }
    }

    @Test func tasksOutliveConversations() async throws {
        let (user, turn) = try await populated()
        let owner = try TestDatabase.owner()
        _ = try owner.query("delete from parley.conversations where id = $1", [turn.threadID.description])
        let tasks = try owner.query(
            "select title, last_interaction_id from parley.tasks where user_id = $1", [user])
        #expect(tasks == [["milk", nil]])
    }
}
