extension SchemaFunctions {
    static let fromArchive = """
        -- Conversation n of the array belongs to user n; others, and deleted ones, stay. Of two that bring back the
        -- same one the second waits for the first and then finds nothing to do.
        create function parley.from_archive(p_user text[], p_conversation uuid[], p_status text) returns uuid[]
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        declare
            v_ids uuid[];
        begin
            select array_agg(l.id) into v_ids
            from (
                select a.id from parley.archived_conversations a
                where a.id = any (p_conversation) and a.deleted_at is null
                    and (a.id, a.user_id) in (
                        select i.conversation, i.owner from unnest(p_user, p_conversation) i (owner, conversation))
                order by a.id for update
            ) l;
            if v_ids is null then
                return '{}';
            end if;

            insert into parley.conversations
                (id, user_id, title, title_key, status, metadata, message_count, messages_deleted, created_at,
                updated_at, head_run_id, is_linear)
            select a.id, a.user_id, a.title, a.title_key, p_status, a.metadata, a.message_count, a.messages_deleted,
                a.created_at, a.updated_at, a.head_run_id, a.is_linear
            from parley.archived_conversations a where a.id = any (v_ids);

            -- They may be longer than a new one may be by now.
            perform set_config('parley.keeps_length', 'on', true);
            insert into parley.messages
                (id, conversation_id, user_id, position, role, content, content_key, tool_calls, tool_call_id, run_id,
                status, client_id, created_at, parent_run_id)
            select m.id, m.conversation_id, m.user_id, m.position, m.role, m.content, m.content_key, m.tool_calls,
                m.tool_call_id, m.run_id, m.status, m.client_id, m.created_at, m.parent_run_id
            from parley.archived_messages m where m.conversation_id = any (v_ids)
            order by m.conversation_id, m.position;
            perform set_config('parley.keeps_length', 'off', true);

            insert into parley.runs
                (id, conversation_id, user_id, user_message_id, status, node, usage, error, created_at, started_at,
                finished_at, parent_run_id, first_position, last_position, is_branch, client_id, resumed_run_id)
            select r.id, r.conversation_id, r.user_id, r.user_message_id, r.status, r.node, r.usage, r.error,
                r.created_at, r.started_at, r.finished_at, r.parent_run_id, r.first_position, r.last_position,
                r.is_branch, r.client_id, r.resumed_run_id
            from parley.archived_runs r where r.conversation_id = any (v_ids);

            insert into parley.task_operation_logs
                (operation_id, conversation_id, user_id, user_message_id, run_id, ordinal, operation_type,
                input_params, result, status, created_at, finished_at)
            select l.operation_id, l.conversation_id, l.user_id, l.user_message_id, l.run_id, l.ordinal,
                l.operation_type, l.input_params, l.result, l.status, l.created_at, l.finished_at
            from parley.archived_operation_logs l where l.conversation_id = any (v_ids);

            -- A task that another conversation has touched since is that one's.
            update parley.tasks t set last_interaction_id = i.message
            from (
                select x.key::bigint as task, x.value::uuid as message, a.user_id as owner
                from parley.archived_conversations a, jsonb_each_text(a.task_links) x
                where a.id = any (v_ids)
            ) i
            where t.id = i.task and t.user_id = i.owner and t.last_interaction_id is null
                and exists (select from parley.messages m where m.id = i.message);

            delete from parley.archived_conversations a where a.id = any (v_ids);
            return v_ids;
        end
        $$;
        """
}
