extension SchemaFunctions {
    static let toArchive = """
        -- The caller has locked the conversations for update, and seen that none has an unfinished run.
        create function parley.to_archive(p_conversation uuid[], p_now timestamptz) returns void
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            insert into parley.archived_conversations
                (id, user_id, title, title_key, metadata, message_count, messages_deleted, created_at, updated_at,
                archived_at, head_run_id, is_linear, task_links)
            select c.id, c.user_id, c.title, c.title_key, c.metadata, c.message_count, c.messages_deleted,
                c.created_at, c.updated_at, p_now, c.head_run_id, c.is_linear, (
                    select jsonb_object_agg(t.id, m.id)
                    from parley.messages m join parley.tasks t on t.last_interaction_id = m.id
                    where m.conversation_id = c.id)
            from parley.conversations c where c.id = any (p_conversation);

            insert into parley.archived_messages
                (id, conversation_id, user_id, position, role, content, content_key, tool_calls, tool_call_id, run_id,
                status, client_id, created_at, parent_run_id)
            select m.id, m.conversation_id, m.user_id, m.position, m.role, m.content, m.content_key, m.tool_calls,
                m.tool_call_id, m.run_id, m.status, m.client_id, m.created_at, m.parent_run_id
            from parley.messages m where m.conversation_id = any (p_conversation);

            insert into parley.archived_runs
                (id, conversation_id, user_id, user_message_id, status, node, usage, error, created_at, started_at,
                finished_at, parent_run_id, first_position, last_position, is_branch, client_id, resumed_run_id)
            select r.id, r.conversation_id, r.user_id, r.user_message_id, r.status, r.node, r.usage, r.error,
                r.created_at, r.started_at, r.finished_at, r.parent_run_id, r.first_position, r.last_position,
                r.is_branch, r.client_id, r.resumed_run_id
            from parley.runs r
            where r.id in (
                select m.run_id from parley.messages m where m.conversation_id = any (p_conversation)
                union
                select o.id from parley.messages m join parley.runs o on o.user_message_id = m.id
                where m.conversation_id = any (p_conversation));

            insert into parley.archived_operation_logs
                (operation_id, conversation_id, user_id, user_message_id, run_id, ordinal, operation_type,
                input_params, result, status, created_at, finished_at)
            select l.operation_id, l.conversation_id, l.user_id, l.user_message_id, l.run_id, l.ordinal,
                l.operation_type, l.input_params, l.result, l.status, l.created_at, l.finished_at
            from parley.task_operation_logs l where l.conversation_id = any (p_conversation);

            -- Those that no message has asked for go with none.
            delete from parley.runs r using parley.messages m
            where m.conversation_id = any (p_conversation) and r.id = m.run_id and r.user_message_id is null;
            delete from parley.conversations c where c.id = any (p_conversation);
        end
        $$;
        """
}
