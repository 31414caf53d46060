import Chat
import Postgres

/// What the store asks the database.
package enum Statements {
    private typealias T = PostgresType

    /// For row-level security, until the end of the transaction.
    static let setUser = Statement("user", "select set_config('app.user_id', $1, true)", T.text)

    /// Pages are read in the order of an index, from its end, and stop when they are full. The planner does not know
    /// that a conversation has one user, so it takes the two conditions together for more selective than they are and
    /// would rather fetch and sort the whole conversation. With what it must not do priced beyond `jit_above_cost`, it
    /// would also compile the plan each time.
    private static let pages = """
        set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('jit', 'off', true)
        """

    /// The same for pages and lists.
    static let setUserForPages = Statement("user_pages", "select set_config('app.user_id', $1, true), \(pages)", T.text)

    /// The same, and how far the WAL is; null where the server is a standby.
    static let setUserOnPrimary = Statement(
        "user_primary",
        """
        select set_config('app.user_id', $1, true),
            case when not pg_is_in_recovery() then (pg_current_wal_insert_lsn() - '0/0')::int8 end,
            \(pages)
        """, T.text)

    /// The same, and whether this standby has replayed the WAL up to there.
    static let setUserOnReplica = Statement(
        "user_replica",
        """
        select set_config('app.user_id', $1, true),
            pg_is_in_recovery() and coalesce((pg_last_wal_replay_lsn() - '0/0')::int8 >= $2, false),
            \(pages)
        """, T.text, T.int8)

    static let acceptTurns = Statement(
        "accept", "select * from parley.accept_turns($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        T.textArray, T.uuidArray, T.boolArray, T.textArray, T.uuidArray, T.textArray, T.textArray, T.uuidArray,
        T.boolArray, T.text, T.int4, T.text, T.bool)

    static let endRuns = Statement(
        "end", "select * from parley.end_runs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        T.textArray, T.uuidArray, T.uuidArray, T.textArray, T.jsonbArray, T.jsonbArray, T.uuidArray, T.int4Array,
        T.uuidArray, T.textArray, T.textArray, T.jsonbArray, T.textArray, T.textArray, T.text, T.text)

    static let meetUsers = Statement(
        "meet", "select * from parley.meet_users($1, $2, $3, $4, $5)", T.textArray, T.textArray, T.textArray,
        T.boolArray, T.text)

    static let claimUser = Statement("claim", "select * from parley.claim_user($1, $2)", T.text, T.text)

    static let releaseUsers = Statement(
        "release", "select parley.release_users($1, $2, $3)", T.textArray, T.int8Array, T.text)

    static let ownerOfMessage = Statement("owner_of_message", "select parley.owner_of_message($1)", T.uuid)

    static let checkpointRuns = Statement(
        "checkpoint", "select parley.checkpoint_runs($1, $2, $3, $4, $5)", T.textArray, T.uuidArray, T.textArray,
        T.text,
        T.text)

    static let enlist = Statement(
        "enlist", "select parley.enlist($1, $2, $3, $4, $5)", T.text, T.text, T.int8, T.int4, T.int8)
    static let neighbours = Statement("neighbours", "select * from parley.neighbours($1)", T.text)
    static let fenceGone = Statement("fence_gone", "select parley.fence_gone($1, $2)", T.text, T.textArray)
    static let beat = Statement("beat", "select * from parley.beat($1, $2, $3)", T.text, T.int4, T.int4)
    static let leave = Statement("leave", "select parley.leave($1)", T.text)

    static let beginRun = Statement("begin", "select parley.begin_run($1, $2, $3)", T.text, T.uuid, T.text)

    static let recoverRuns = Statement(
        "recover", "select * from parley.recover_runs($1, $2, $3, $4, $5)", T.text, T.int4, T.int4, T.int4, T.bool)

    static let performTool = Statement(
        "tool", "select * from parley.perform_tool($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        T.text, T.uuid, T.uuid, T.uuid, T.int4, T.text, T.jsonb, T.jsonb, T.int8, T.text, T.text, T.bool,
        T.text, T.jsonb)

    static let sentTurn = Statement(
        "sent",
        """
        select m.conversation_id, m.id, r.id, r.status not in ('queued', 'running'),
            r.status in ('queued', 'running') and r.node is distinct from $3
        from parley.messages m join parley.runs r on r.user_message_id = m.id
        where m.user_id = $1 and m.client_id = $2
        union all
        select m.conversation_id, m.id, r.id, true, false
        from parley.archived_messages m join parley.archived_runs r on r.user_message_id = m.id
        where m.user_id = $1 and m.client_id = $2
        """, T.text, T.text, T.text)

    /// What `Rows.conversation` reads.
    static let conversationColumns = """
        c.id, c.title, c.status, c.message_count - c.messages_deleted, c.created_at, c.updated_at, c.title_key,
        c.metadata
        """
    static let archivedConversationColumns = """
        c.id, c.title, 'archived', c.message_count - c.messages_deleted, c.created_at, c.updated_at, c.title_key,
        c.metadata
        """

    static let conversation = Statement(
        "conversation",
        """
        select \(conversationColumns) from parley.conversations c
        where c.id = $1 and c.user_id = $2 and c.status <> 'deleted'
        union all
        select \(archivedConversationColumns) from parley.archived_conversations c
        where c.id = $1 and c.user_id = $2 and c.deleted_at is null
        """, T.uuid, T.text)

    /// With fewer than that many messages: a full one takes no more.
    static let activeConversation = Statement(
        "active",
        """
        select c.id from parley.conversations c
        where c.user_id = $1 and c.status = 'active' and c.message_count < $2
        order by c.updated_at desc limit 1
        """, T.text, T.int4)

    /// What `Rows.page` reads. A user's message has its run beside it.
    static let messageColumns = """
        m.id, m.role, m.content, m.tool_calls, m.tool_call_id, m.status, m.position, m.content_key,
            r.id, r.status, r.error ->> 'code', m.run_id, m.created_at
        """

    /// One row without a message tells an empty conversation from none at all.
    private static func messages(
        _ name: String, _ condition: String, _ order: String, _ bound: UInt32 = T.int4
    ) -> Statement {
        Statement(
            name,
            """
            select \(messageColumns)
            from parley.conversations c
            left join lateral (
                select * from parley.messages m
                where m.conversation_id = c.id and m.user_id = c.user_id and \(condition)
                order by m.position \(order) limit $3
            ) m on true
            left join parley.runs r on r.user_message_id = m.id
            where c.id = $1 and c.user_id = $2 and c.status <> 'deleted'
            union all
            select \(messageColumns)
            from parley.archived_conversations c
            left join lateral (
                select * from parley.archived_messages m
                where m.conversation_id = c.id and m.user_id = c.user_id and \(condition)
                order by m.position \(order) limit $3
            ) m on true
            left join parley.archived_runs r on r.user_message_id = m.id
            where c.id = $1 and c.user_id = $2 and c.deleted_at is null
            order by 7 \(order)
            """, T.uuid, T.text, T.int4, bound)
    }

    static let messagesBefore = messages("messages_before", "m.position < $4", "desc")
    static let messagesAfter = messages("messages_after", "m.position > $4", "asc")
    static let messagesOfRun = messages("messages_of_run", "m.run_id = $4 and m.role <> 'user'", "asc", T.uuid)

    static let runOfMessage = Statement(
        "run_of_message",
        """
        select r.id, r.status, r.error ->> 'code', r.error ->> 'message' from parley.runs r
        where r.user_message_id = $3 and r.conversation_id = $2 and r.user_id = $1
        union all
        select r.id, r.status, r.error ->> 'code', r.error ->> 'message' from parley.archived_runs r
        where r.user_message_id = $3 and r.conversation_id = $2 and r.user_id = $1
        """, T.text, T.uuid, T.uuid)

    static let conversations = Statement(
        "conversations",
        """
        (select \(conversationColumns) from parley.conversations c
        where c.user_id = $1 and c.status <> 'deleted' and ($2::text is null or c.status = $2)
            and ($3::timestamptz is null or (c.updated_at, c.id) < ($3, $4))
        order by c.updated_at desc, c.id desc limit $5)
        union all
        (select \(archivedConversationColumns) from parley.archived_conversations c
        where c.user_id = $1 and c.deleted_at is null and ($2::text is null or $2 = 'archived')
            and ($3::timestamptz is null or (c.updated_at, c.id) < ($3, $4))
        order by c.updated_at desc, c.id desc limit $5)
        order by updated_at desc, id desc limit $5
        """, T.text, T.text, T.timestamptz, T.uuid, T.int4)

    static let ping = Statement("ping", "select 1")

    /// Until the end of the transaction.
    static let workAsLogin = Statement("login", "select set_config('role', 'none', true)")

    static let schemaSteps = Statement(
        "schema_steps", "select version, checksum from parley.schema_migrations order by version")
}

extension Parameters {
    mutating func append(_ id: Identifier) { append(uuid: id.high, id.low) }
    mutating func add(_ id: Identifier) { add(uuid: id.high, id.low) }
    mutating func add(_ id: Identifier?) {
        if let id { add(uuid: id.high, id.low) } else { addNull() }
    }
}

extension Rows {
    func identifier(_ row: Int, _ column: Int) throws(PostgresError) -> Identifier {
        let words = try uuid(row, column)
        return Identifier(high: words.high, low: words.low)
    }
}
