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
    static let livingNodes = Statement("living_nodes", "select * from parley.living_nodes()")
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
        from parley.messages m join parley.runs r on r.id = m.run_id
        where m.user_id = $1 and m.client_id = $2
        union all
        select r.conversation_id, r.user_message_id, r.id, r.status not in ('queued', 'running'),
            r.status in ('queued', 'running') and r.node is distinct from $3
        from parley.runs r where r.user_id = $1 and r.client_id = $2
        union all
        select m.conversation_id, m.id, r.id, true, false
        from parley.archived_messages m join parley.archived_runs r on r.id = m.run_id
        where m.user_id = $1 and m.client_id = $2
        union all
        select r.conversation_id, r.user_message_id, r.id, true, false
        from parley.archived_runs r where r.user_id = $1 and r.client_id = $2
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

    /// What `Rows.page` reads. A user's message has its newest run beside it.
    static let messageColumns = """
        m.id, m.role, m.content, m.tool_calls, m.tool_call_id, m.status, m.position, m.content_key,
            r.id, r.status, r.error ->> 'code', m.run_id, m.created_at, c.is_linear
        """

    /// The last message of a run: of what it has said, or its question.
    private static func last(of run: String, _ kind: String) -> String {
        """
        (select coalesce(
            (select x.id from parley.\(kind)messages x
            where x.conversation_id = $1 and x.position between q.first_position and q.last_position
            order by x.position desc limit 1), q.user_message_id)
        from parley.\(kind)runs q where q.id = \(run))
        """
    }

    /// By position. One row without a message tells an empty conversation from none at all, and one whose messages are
    /// shown in another order ($5: they are wanted all the same) from one that is linear.
    private static func messages(
        _ name: String, _ condition: String, _ order: String, _ bound: UInt32 = T.int4
    ) -> Statement {
        let parts = ["", "archived_"].map { kind in
            """
            select \(messageColumns),
                case when not c.is_linear and m.role = 'user' then \(last(of: "m.parent_run_id", kind))::text end,
                null::text
            from parley.\(kind)conversations c
            left join lateral (
                select * from parley.\(kind)messages m
                where (c.is_linear or $5) and m.conversation_id = c.id and m.user_id = c.user_id and \(condition)
                order by m.position \(order) limit $3
            ) m on true
            left join lateral (
                select r.id, r.status, r.error from parley.\(kind)runs r where r.user_message_id = m.id
                order by r.created_at desc, r.id desc limit 1
            ) r on true
            where c.id = $1 and c.user_id = $2 and \(kind == "" ? "c.status <> 'deleted'" : "c.deleted_at is null")
            """
        }
        return Statement(
            name, parts.joined(separator: "\nunion all\n") + "\norder by 7 \(order)", T.uuid, T.text, T.int4, bound,
            T.bool)
    }

    static let messagesBefore = messages("messages_before", "m.position < $4", "desc")
    static let messagesAfter = messages("messages_after", "m.position > $4", "asc")
    static let messagesOfRun = messages("messages_of_run", "m.run_id = $4 and m.role <> 'user'", "asc", T.uuid)

    /// The path up from a run ($4; null: the head; $6: from the one that it follows), turn by turn, until there are
    /// enough messages; of the first turn only those before a position ($5). Or the path from the head up to a run, and of
    /// that the messages behind a position, the oldest first.
    private static func path(_ kind: String, isForward: Bool = false) -> String {
        let start =
            isForward
            ? "c.head_run_id"
            : "case when $6 then s.parent_run_id when $4::uuid is null then c.head_run_id else s.id end"
        let goesOn = isForward ? "p.id <> $4 and ($6 or true)" : "p.before < $3"
        let wanted =
            isForward
            ? "exists (select from path e where e.id = $4) and (p.id <> $4 or m.position > $5)"
            : "(p.depth > 0 or m.position < $5)"
        let order = isForward ? "p.depth desc, m.position" : "p.depth, m.position desc"
        let columns =
            "id, user_message_id, parent_run_id, first_position, last_position, is_branch, resumed_run_id"
        let run = columns.split(separator: ", ").map { "r.\($0)" }.joined(separator: ", ")
        return """
            (with recursive path (\(columns), told, status, error, depth, before) as (
                select \(run), r.id, r.status, r.error, 0, 0
                from parley.\(kind)conversations c
                left join parley.\(kind)runs s on s.id = $4 and s.conversation_id = c.id
                join parley.\(kind)runs r
                    on r.id = \(start)
                where c.id = $1 and c.user_id = $2 and r.user_id = $2
                union all
                -- A question is told of the run that went on with the answers to what was asked.
                select \(run), case when p.resumed_run_id = r.id then p.told else r.id end,
                    case when p.resumed_run_id = r.id then p.status else r.status end,
                    case when p.resumed_run_id = r.id then p.error else r.error end, p.depth + 1,
                    p.before + case when p.depth = 0 then 0 else 1 + coalesce(p.last_position - p.first_position + 1, 0) end
                -- One after the other by its key, also where the table is so small that reading all of it seems cheaper.
                from path p cross join lateral (
                    select * from parley.\(kind)runs x where x.id = p.parent_run_id and x.user_id = $2 offset 0) r
                where \(goesOn)
            )
            select m.id, m.role, m.content, m.tool_calls, m.tool_call_id, m.status, m.position, m.content_key,
                case when m.role = 'user' then p.told end, case when m.role = 'user' then p.status end,
                case when m.role = 'user' then p.error ->> 'code' end, p.id, m.created_at, false,
                case when m.role = 'user' then \(last(of: "p.parent_run_id", kind))::text end,
                case when not p.is_branch then null
                    when m.role = 'user' then (
                        select string_agg(s.question::text, ',' order by s.at, s.question)
                        from (
                            select o.user_message_id as question, min(o.created_at) as at from parley.\(kind)runs o
                            where o.conversation_id = $1 and o.is_branch
                                and o.parent_run_id is not distinct from p.parent_run_id
                            group by o.user_message_id
                        ) s)
                    when m.position = p.first_position then (
                        select string_agg(x.id::text, ',' order by o.created_at, o.id)
                        from parley.\(kind)runs o join parley.\(kind)messages x
                            on x.conversation_id = $1 and x.position = o.first_position
                        where o.user_message_id = p.user_message_id and o.resumed_run_id is null)
                end, p.depth
            from path p
            cross join lateral (
                select * from parley.\(kind)messages m where m.id = p.user_message_id and p.resumed_run_id is null
                union all
                select * from parley.\(kind)messages m
                where m.conversation_id = $1 and m.position between p.first_position and p.last_position
                    and m.run_id = p.id
            ) m
            where m.user_id = $2 and \(wanted)
            order by \(order) limit $3)
            """
    }

    static let path = Statement(
        "path", "\(path(""))\nunion all\n\(path("archived_"))\norder by 17, 7 desc", T.uuid, T.text, T.int4, T.uuid,
        T.int4,
        T.bool)

    static let pathAfter = Statement(
        "path_after",
        "\(path("", isForward: true))\nunion all\n\(path("archived_", isForward: true))\norder by 17 desc, 7", T.uuid,
        T.text,
        T.int4, T.uuid, T.int4, T.bool)

    /// A message's place, and its run.
    static let messageAnchor = Statement(
        "message_anchor",
        """
        select m.position, m.run_id from parley.messages m where m.id = $3 and m.conversation_id = $2 and m.user_id = $1
        union all
        select m.position, m.run_id from parley.archived_messages m
        where m.id = $3 and m.conversation_id = $2 and m.user_id = $1
        limit 1
        """, T.text, T.uuid, T.uuid)

    static let messageThread = Statement(
        "message_thread",
        """
        select m.conversation_id from parley.messages m where m.id = $2 and m.user_id = $1
        union all
        select m.conversation_id from parley.archived_messages m where m.id = $2 and m.user_id = $1
        limit 1
        """, T.text, T.uuid)

    /// The newest run of a message.
    static let runOfMessage = Statement(
        "run_of_message",
        """
        (select r.id, r.status, r.error ->> 'code', r.error ->> 'message' from parley.runs r
        where r.user_message_id = $3 and r.conversation_id = $2 and r.user_id = $1
        order by r.created_at desc, r.id desc limit 1)
        union all
        (select r.id, r.status, r.error ->> 'code', r.error ->> 'message' from parley.archived_runs r
        where r.user_message_id = $3 and r.conversation_id = $2 and r.user_id = $1
        order by r.created_at desc, r.id desc limit 1)
        """, T.text, T.uuid, T.uuid)

    static let branchTurn = Statement(
        "branch", "select * from parley.branch_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", T.text, T.uuid,
        T.text, T.uuid, T.uuid, T.text, T.text, T.text, T.uuid, T.bool, T.text, T.int4)

    static let selectHead = Statement(
        "select_head", "select parley.select_head($1, $2, $3, $4)", T.text, T.uuid, T.uuid, T.text)

    /// All runs of a conversation in the order in which they were asked for, and which of them was said by a message ($3).
    static let runTree = Statement(
        "run_tree",
        ["", "archived_"].map { kind in
            """
            select r.id, r.user_message_id, r.parent_run_id, r.id = a.run_id or r.user_message_id = $3, r.created_at
            from parley.\(kind)messages a
            cross join lateral (
                select m.run_id as id from parley.\(kind)messages m
                where m.conversation_id = a.conversation_id and m.user_id = $1
                union
                select o.id from parley.\(kind)messages m join parley.\(kind)runs o on o.user_message_id = m.id
                where m.conversation_id = a.conversation_id and m.role = 'user' and m.user_id = $1
            ) i
            join parley.\(kind)runs r on r.id = i.id
            where a.id = $3 and a.conversation_id = $2 and a.user_id = $1 and r.user_id = $1
            """
        }.joined(separator: "\nunion all\n") + "\norder by 5, 1", T.text, T.uuid, T.uuid)

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

    /// The steps, and whether what a turn does is allowed: to the gateway's role, and to the owner, as whom functions work.
    static let schemaSteps = Statement(
        "schema_steps",
        """
        select version, checksum,
            has_schema_privilege('parley_gateway', 'parley', 'usage')
            and (select bool_and(
                    has_table_privilege('parley_gateway', c.oid, 'select')
                    and has_table_privilege(c.relowner, c.oid, 'select')
                    and has_table_privilege(c.relowner, c.oid, 'insert')
                    and has_table_privilege(c.relowner, c.oid, 'update'))
                from pg_class c where c.relnamespace = 'parley'::regnamespace
                    and c.relname in ('users', 'conversations', 'messages', 'runs', 'tasks'))
            and (select bool_and(has_function_privilege('parley_gateway', p.oid, 'execute'))
                from pg_proc p where p.pronamespace = 'parley'::regnamespace
                    and p.proname in ('accept_turns', 'begin_run', 'end_runs', 'checkpoint_runs', 'perform_tool',
                        'claim_user', 'meet_users', 'beat', 'enlist', 'recover_runs'))
        from parley.schema_migrations order by version
        """)
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
