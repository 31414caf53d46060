extension SchemaFunctions {
    static let suspendRun = """
        -- Stores what a run has said and done, and what it asks a person before it goes on (Protocol.md section 10): calls
        -- of tools, or questions of an upstream. Outcome as of end_runs. Offered again it changes nothing.
        create function parley.suspend_run(
            p_node text, p_user text, p_conversation uuid, p_run uuid, p_usage jsonb, p_message uuid[], p_role text[],
            p_content text[], p_calls jsonb[], p_call text[], p_message_status text[], p_key text, p_expires int,
            p_approvals jsonb
        ) returns table (outcome int, expires_at timestamptz)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_outcome int;
        begin
            perform parley.hold_fence(p_node);
            if exists (select from parley.approvals a where a.run_id = p_run and a.user_id = p_user) then
                return query select 0, min(a.expires_at) from parley.approvals a where a.run_id = p_run;
                return;
            end if;
            select e.outcome into v_outcome
            from parley.end_runs(
                array[p_user], array[p_conversation], array[p_run], array['suspended'], array[p_usage],
                array[null::jsonb], array[null::uuid], array_fill(1, array[cardinality(p_message)]), p_message, p_role,
                p_content, p_calls, p_call, p_message_status, p_key, p_node) e;
            if v_outcome <> 0 then
                return query select v_outcome, null::timestamptz;
                return;
            end if;
            update parley.runs r set finished_at = null where r.id = p_run and r.status = 'suspended';
            if not found then
                return query select 1, null::timestamptz;
                return;
            end if;
            insert into parley.approvals
                (id, run_id, ordinal, conversation_id, user_id, tool, call_id, parameters, interrupt, content_key,
                expires_at)
            select (x ->> 'id')::uuid, p_run, (x ->> 'ordinal')::int, p_conversation, p_user, x ->> 'tool',
                x ->> 'call', x -> 'parameters', x -> 'interrupt', p_key, now() + p_expires * interval '1 s'
            from jsonb_array_elements(p_approvals) x;
            return query select 0, min(a.expires_at) from parley.approvals a where a.run_id = p_run;
        end
        $$;
        """
}
