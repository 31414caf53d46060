import Postgres

/// Conversations made, changed and deleted, and what retention and administration need.
extension Statements {
    private typealias T = PostgresType
    private static let columns = "title, title_key, status, message_count, created_at, updated_at"

    static let createConversation = Statement(
        "create_conversation", "select \(columns) from parley.create_conversation($1, $2, $3, $4, $5, $6)",
        T.text, T.uuid, T.text, T.text, T.jsonb, T.bool)

    static let changeConversation = Statement(
        "change_conversation",
        "select \(columns), outcome, has_new_status from parley.change_conversation($1, $2, $3, $4, $5, $6, $7, $8)",
        T.text, T.uuid, T.bool, T.text, T.text, T.jsonb, T.bool, T.bool)

    static let deleteConversation = Statement(
        "delete_conversation",
        """
        select title, title_key, 'deleted', message_count, created_at, updated_at
        from parley.delete_conversation($1, $2)
        """, T.text, T.uuid)

    static let metadata = Statement(
        "metadata",
        """
        select c.metadata from parley.conversations c where c.id = $1 and c.user_id = $2 and c.status <> 'deleted'
        union all
        select c.metadata from parley.archived_conversations c
        where c.id = $1 and c.user_id = $2 and c.deleted_at is null
        """, T.uuid, T.text)

    static let deleteMessage = Statement("delete_message", "select * from parley.delete_message($1)", T.uuid)

    static let deleteUser = Statement("delete_user", "select parley.delete_user($1, $2)", T.text, T.int4)

    // MARK: retention

    static let retain = Statement(
        "retain",
        """
        select id, title, status, message_count, created_at, updated_at, title_key, user_id
        from parley.retain($1, $2, $3, $4, $5)
        """, T.text, T.timestamptz, T.timestamptz, T.int4, T.int4)

    static let retentionDue = Statement("retention_due", "select parley.retention_due($1, $2)", T.text, T.timestamptz)

    static let retainAudit = Statement("retain_audit", "select parley.retain_audit($1, $2)", T.timestamptz, T.int4)

    static let purgeTasks = Statement(
        "purge_tasks", "select parley.purge_tasks($1, $2, $3)", T.timestamptz, T.int4, T.bool)

    static let usersToDelete = Statement(
        "users_to_delete", "select * from parley.users_to_delete($1, $2)", T.timestamptz, T.int4)
}
