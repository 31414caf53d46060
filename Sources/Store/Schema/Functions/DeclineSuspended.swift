extension SchemaFunctions {
    static let declineSuspended = """
        -- What is open in these conversations, which the caller has locked, is declined, or has expired; the stored
        -- results of the calls say so. Returns the runs that waited, which are cancelled. Of the gateway `p_node` endpoints
        -- are told (null: none).
        create function parley.decline_suspended(p_conversation uuid[], p_as text, p_by text, p_node text)
        returns uuid[]
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        declare
            v_run parley.runs;
            v_runs uuid[] := '{}';
            v_place int;
            v_stored int;
            v_messages uuid[];
            v_told uuid[] := '{}';
            v_endpoints text[];
        begin
            for v_run in
                select * from parley.runs r
                where r.conversation_id = any (p_conversation) and r.status = 'suspended' order by r.conversation_id
            loop
                select c.message_count into v_place from parley.conversations c where c.id = v_run.conversation_id;
                with stored as (
                    insert into parley.messages
                        (id, conversation_id, user_id, position, role, content, tool_call_id, run_id)
                    select gen_random_uuid(), v_run.conversation_id, v_run.user_id,
                        (v_place + row_number() over (order by a.ordinal))::int, 'tool',
                        jsonb_build_object('error', jsonb_build_object(
                            'code', 'declined', 'message', case when p_as = 'expired'
                                then 'Nobody answered in time. Nothing was done.'
                                else 'The person did not agree to this. Nothing was done.' end))::text,
                        a.call_id, v_run.id
                    from parley.approvals a
                    where a.run_id = v_run.id and a.status = 'open' and a.call_id is not null
                    returning id
                )
                select coalesce(array_agg(s.id), '{}') into v_messages from stored s;
                v_stored := cardinality(v_messages);
                v_told := v_told || v_messages;
                update parley.conversations c
                set message_count = c.message_count + v_stored, updated_at = greatest(now(), c.updated_at)
                where c.id = v_run.conversation_id;
                insert into parley.audit_log (actor, action, object, allowed, detail)
                select v_run.user_id, 'approval', 'conversation/' || v_run.conversation_id, true,
                    jsonb_build_object('interrupt', a.id, 'run', v_run.id, 'tool', a.tool, 'status', p_as)
                from parley.approvals a where a.run_id = v_run.id and a.status = 'open';
                update parley.approvals a
                set status = p_as, decided_at = now(), decided_by = p_by,
                    parameters = case when a.content_key is null then a.parameters end,
                    interrupt = case when a.content_key is null then a.interrupt end, content_key = null
                where a.run_id = v_run.id and a.status = 'open';
                update parley.runs r
                set status = 'cancelled', finished_at = now(),
                    first_position = coalesce(r.first_position, case when v_stored > 0 then v_place + 1 end),
                    last_position = case when v_stored > 0 then v_place + v_stored else r.last_position end
                where r.id = v_run.id;
                v_runs := v_runs || v_run.id;
            end loop;
            if p_node is not null and cardinality(v_runs) > 0 then
                select n.webhooks into v_endpoints from parley.nodes n where n.id = p_node;
                if v_endpoints is not null then
                    perform parley.note_events(v_endpoints, v_told, v_runs);
                end if;
            end if;
            return v_runs;
        end
        $$;
        """
}
