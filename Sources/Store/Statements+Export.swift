import Postgres

/// Pages of an export, live and archived rows alike. Column 0 is the line.
extension Statements {
    private typealias T = PostgresType

    /// RFC 3339, UTC.
    private static func utc(_ column: String) -> String {
        #"to_char(\#(column) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#
    }

    static let exportUser = Statement(
        "export_user",
        """
        select jsonb_build_object('type', 'user', 'id', u.id, 'email', u.email, 'name', u.name,
            'created_at', \(utc("u.created_at")), 'last_seen_at', \(utc("u.last_seen_at")))
        from parley.users u where u.id = $1
        """, T.text)

    private static func conversations(_ table: String, _ columns: String, _ condition: String) -> String {
        """
        (select \(columns), c.head_run_id
        from parley.\(table) c
        where c.user_id = $1 and \(condition) and ($2::uuid is null or c.id > $2)
        order by c.id limit $3)
        """
    }

    /// What `Rows.conversation` reads, and the run that the shown path ends in.
    static let exportConversations = Statement(
        "export_conversations",
        """
        \(conversations("conversations", conversationColumns, "c.status <> 'deleted'"))
        union all
        \(conversations("archived_conversations", archivedConversationColumns, "c.deleted_at is null"))
        order by 1 limit $3
        """, T.text, T.uuid, T.int4)

    /// As many as are together not longer than 256 KiB, at least one. `octet_length` knows the length of a compressed
    /// text without opening it.
    private static func messageLines(_ table: String, _ runs: String, _ conversations: String) -> String {
        """
        select \(messageColumns), m.client_id, m.parent_run_id
        from (
            select p.*, sum(octet_length(p.content) + coalesce(pg_column_size(p.tool_calls), 0))
                over (order by p.position) - octet_length(p.content) as before
            from (
                select * from parley.\(table) m
                where m.user_id = $1 and m.conversation_id = $2 and m.position > $3
                order by m.position limit 200
            ) p
        ) m
        join parley.\(conversations) c on c.id = m.conversation_id
        left join lateral (
            select * from parley.\(runs) r where r.user_message_id = m.id order by r.created_at desc, r.id desc limit 1
        ) r on true
        where m.before < 262144
        """
    }

    /// What `Rows.message` reads, the sender's own id, and the run that a question follows.
    static let exportMessages = Statement(
        "export_messages",
        """
        \(messageLines("messages", "runs", "conversations"))
        union all
        \(messageLines("archived_messages", "archived_runs", "archived_conversations"))
        order by 7
        """, T.text, T.uuid, T.int4)

    /// By the position of the message that they answer; numbered through, since several may answer one.
    private static func runLines(_ table: String, _ messages: String) -> String {
        """
        select jsonb_build_object('type', 'run', 'id', r.id, 'conversation_id', r.conversation_id,
            'user_message_id', r.user_message_id, 'parent_run_id', r.parent_run_id,
            'resumed_run_id', r.resumed_run_id, 'client_id', r.client_id, 'status', r.status,
            'usage', r.usage, 'error', r.error,
            'created_at', \(utc("r.created_at")), 'started_at', \(utc("r.started_at")), 'finished_at', \(utc("r.finished_at"))), r.id, r.n::int
        from (
            select r.*, row_number() over (order by m.position, r.created_at, r.id) as n
            from parley.\(table) r join parley.\(messages) m on m.id = r.user_message_id
            where m.user_id = $1 and m.conversation_id = $2 and r.user_id = $1
        ) r
        where r.n > $3 and r.n <= $3 + 200
        """
    }

    static let exportRuns = Statement(
        "export_runs",
        """
        \(runLines("runs", "messages"))
        union all
        \(runLines("archived_runs", "archived_messages"))
        order by 3
        """, T.text, T.uuid, T.int4)

    /// At most 256 a run and about 1 000 runs a conversation; numbered through, since they have no key that counts.
    private static func operations(_ table: String) -> String {
        """
        select \(operationColumns), o.n::int
        from (
            select l.*, row_number() over (order by date_trunc('milliseconds', l.created_at), l.operation_id) as n
            from parley.\(table) l where l.user_id = $1 and l.conversation_id = $2
        ) o
        where o.n > $3 and o.n <= $3 + 50
        """
    }

    /// What `Rows.operation` reads, and the number.
    static let exportOperations = Statement(
        "export_operations",
        """
        \(operations("task_operation_logs"))
        union all
        \(operations("archived_operation_logs"))
        order by 11
        """, T.text, T.uuid, T.int4)

    /// What was asked of the person and what the person said to it; numbered through as operations are. What is sealed of
    /// it is opened by `UserExport`.
    static let exportApprovals = Statement(
        "export_approvals",
        """
        select jsonb_build_object('type', 'approval', 'id', a.id, 'conversation_id', a.conversation_id,
                'run_id', a.run_id, 'ordinal', a.ordinal, 'tool', a.tool, 'call_id', a.call_id, 'status', a.status,
                'decided_at', \(utc("a.decided_at")), 'decided_by', a.decided_by, 'reason', a.reason,
                'correction', a.correction, 'payload', a.payload, 'created_at', \(utc("a.created_at")),
                'expires_at', \(utc("a.expires_at"))),
            a.id, a.n::int, a.parameters, a.interrupt, a.content_key
        from (
            select o.*, row_number() over (order by o.run_id, o.ordinal) as n
            from parley.approvals o where o.user_id = $1 and o.conversation_id = $2
        ) a
        where a.n > $3 and a.n <= $3 + 50
        order by 3
        """, T.text, T.uuid, T.int4)

    /// By message; numbered through as operations are.
    static let exportFeedback = Statement(
        "export_feedback",
        """
        select jsonb_build_object('type', 'feedback', 'message_id', f.message_id, 'conversation_id', f.conversation_id,
                'user_id', f.user_id, 'rating', f.rating, 'created_at', \(utc("f.created_at")),
                'updated_at', \(utc("f.updated_at"))),
            f.message_id, f.n::int, f.comment, f.comment_key, f.conversation_id
        from (
            select o.*, row_number() over (order by o.message_id) as n
            from parley.feedback o where o.user_id = $1 and o.conversation_id = $2
        ) f
        where f.n > $3 and f.n <= $3 + 50
        order by 3
        """, T.text, T.uuid, T.int4)

    /// What `Rows.task` reads.
    static let exportTasks = Statement(
        "export_tasks",
        """
        select \(taskColumns) from parley.tasks t
        where t.user_id = $1 and t.id > $2 and t.deleted_at is null order by t.id limit $3
        """, T.text, T.int8, T.int4)
}
