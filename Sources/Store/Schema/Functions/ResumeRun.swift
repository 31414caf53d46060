extension SchemaFunctions {
    static let resumeRun = """
        -- Commits the answers to all that a suspended run asks, with the effects of what is approved, and the run that goes
        -- on. `outcome`: 0 so it is, also where it was before; 1 they were answered before, and that is the run that
        -- followed, if one did; 2 what is open is not what was answered.
        create function parley.resume_run(
            p_node text, p_user text, p_conversation uuid, p_suspended uuid, p_run uuid, p_by text, p_decisions jsonb
        ) returns table (outcome int, run_id uuid, results jsonb)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_run parley.runs;
            v_follower uuid;
            v_decision jsonb;
            v_call jsonb;
            v_approval parley.approvals;
            v_done record;
            v_results jsonb := '{}';
            v_endpoints text[];
        begin
            perform parley.hold_fence(p_node);
            perform from parley.conversations c
            where c.id = p_conversation and (c.user_id = p_user and c.status <> 'deleted') is true for no key update;
            if not found then
                return query select 2, null::uuid, null::jsonb;
                return;
            end if;
            select * into v_run from parley.runs r
            where r.id = p_suspended and r.user_id = p_user and r.conversation_id = p_conversation;
            if v_run.id is null then
                return query select 2, null::uuid, null::jsonb;
                return;
            end if;
            if v_run.status <> 'suspended' then
                select r.id into v_follower from parley.runs r where r.resumed_run_id = p_suspended;
                if v_follower is distinct from p_run then
                    return query select 1, v_follower, null::jsonb;
                    return;
                end if;
                select coalesce(jsonb_object_agg(a.id, l.result), '{}') into v_results
                from parley.approvals a
                join parley.task_operation_logs l on l.run_id = a.run_id and l.ordinal = a.ordinal
                where a.run_id = p_suspended;
                return query select 0, p_run, v_results;
                return;
            end if;
            if (select count(*) from parley.approvals a where a.run_id = p_suspended and a.status = 'open')
                <> jsonb_array_length(p_decisions)
                or exists (
                    select from jsonb_array_elements(p_decisions) x
                    where not exists (
                        select from parley.approvals a
                        where a.id = (x ->> 'id')::uuid and a.run_id = p_suspended and a.status = 'open'))
            then
                return query select 2, null::uuid, null::jsonb;
                return;
            end if;

            update parley.runs r set status = 'completed', finished_at = now() where r.id = p_suspended;
            insert into parley.runs
                (id, conversation_id, user_id, user_message_id, status, node, heartbeat_at, started_at, resumed_run_id,
                parent_run_id)
            values (p_run, p_conversation, p_user, v_run.user_message_id, 'running', p_node, now(), now(),
                p_suspended, p_suspended);
            update parley.conversations c
            set updated_at = greatest(now(), c.updated_at),
                head_run_id = case when c.head_run_id = p_suspended then p_run else c.head_run_id end
            where c.id = p_conversation;
            for v_decision in select x from jsonb_array_elements(p_decisions) x loop
                update parley.approvals a
                set status = v_decision ->> 'status', decided_at = now(), decided_by = p_by,
                    reason = v_decision ->> 'reason', correction = v_decision -> 'correction',
                    payload = v_decision -> 'payload'
                where a.id = (v_decision ->> 'id')::uuid and a.run_id = p_suspended and a.status = 'open'
                returning * into v_approval;
                insert into parley.audit_log (actor, action, object, allowed, detail)
                values (p_user, 'approval', 'conversation/' || p_conversation, true, jsonb_strip_nulls(jsonb_build_object(
                    'interrupt', v_approval.id, 'run', p_suspended, 'tool', v_approval.tool,
                    'status', v_approval.status, 'by', p_by, 'reason', v_approval.reason,
                    'parameters', nullif(v_approval.correction, 'null'))));
                v_call := nullif(v_decision -> 'call', 'null');
                if v_call is not null then
                    select * into v_done from parley.perform_tool(
                        p_user, p_conversation, v_run.user_message_id, p_suspended, v_approval.ordinal,
                        v_call ->> 'type', v_call -> 'parameters', nullif(v_call -> 'failure', 'null'),
                        (v_call ->> 'task')::bigint, v_call ->> 'title', v_call ->> 'description',
                        (v_call ->> 'completed')::bool, p_node, nullif(v_call -> 'more', 'null'));
                    v_results := v_results || jsonb_build_object(v_approval.id::text, v_done.result);
                end if;
            end loop;
            select n.webhooks into v_endpoints from parley.nodes n where n.id = p_node;
            if v_endpoints is not null then
                perform parley.note_events(v_endpoints, '{}', array[p_suspended]);
            end if;
            return query select 0, p_run, v_results;
        end
        $$;
        """
}
