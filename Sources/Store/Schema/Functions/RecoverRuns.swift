extension SchemaFunctions {
    static let recoverRuns = """
        create function parley.recover_runs(
            p_node text, p_stale int, p_steady int, p_limit int, p_again bool default false
        )
        returns table (
            user_id text, conversation_id uuid, run_id uuid, message_id uuid, content text, "position" int,
            is_running bool, closed bool, content_key text, owner_epoch bigint
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_node text;
            v_conversations uuid[];
            v_run record;
            v_texts jsonb;
            v_text jsonb;
            v_place int;
            v_first int;
            v_runs bool;
            v_closes bool;
            v_epoch bigint;
            v_told_messages uuid[] := '{}';
            v_told_runs uuid[] := '{}';
            v_told uuid;
            v_endpoints text[];
            v_millisecond constant interval := '1 ms';
        begin
            perform parley.hold_fence(p_node);
            if exists (
                select from parley.nodes n
                where n.id = p_node and n.steady_since <= now() - p_steady * v_millisecond
                    and n.heartbeat_at >= now() - interval '2 s')
            then
                for v_node in
                    select n.id from parley.nodes n where n.heartbeat_at < now() - p_stale * v_millisecond order by n.id
                loop
                    perform parley.fence(v_node, p_stale);
                end loop;
            end if;

            -- What an earlier call has given this gateway whose answer got lost: it knows which of these it has.
            if p_again then
                return query
                select r.user_id, r.conversation_id, r.id, r.user_message_id, m.content, m.position, r.status = 'running',
                    false, m.content_key, u.owner_epoch
                from parley.runs r join parley.messages m on m.id = r.user_message_id
                    join parley.users u on u.id = r.user_id
                where r.status in ('queued', 'running') and r.node = p_node
                order by r.conversation_id, (r.status = 'queued'), m.position;
            end if;

            select array_agg(d.conversation_id) into v_conversations
            from (
                select distinct r.conversation_id from parley.runs r
                where r.status in ('queued', 'running')
                    -- In one statement: who has enlisted meanwhile is seen with what it has accepted since.
                    and not exists (select from parley.nodes n where n.id = r.node)
                    -- Those of users that another living gateway has are that one's.
                    and not exists (
                        select from parley.users u join parley.nodes n on n.id = u.owner_node
                        where u.id = r.user_id and u.owner_node <> p_node and not u.owner_is_idle)
                order by r.conversation_id limit p_limit
            ) d;
            if v_conversations is null then
                return;
            end if;
            -- All writers lock users first.
            perform from parley.users u
            where u.id in (select c.user_id from parley.conversations c where c.id = any (v_conversations))
            order by u.id for no key update;
            perform from parley.conversations c where c.id = any (v_conversations) order by c.id for no key update;

            for v_run in
                select r.*, m.content as asked, m.content_key as asked_key, m.position as place,
                    c.status as conversation_status,
                    exists (select from parley.task_operation_logs l where l.run_id = r.id) as has_effects
                from parley.runs r
                join parley.messages m on m.id = r.user_message_id
                join parley.conversations c on c.id = r.conversation_id
                where r.conversation_id = any (v_conversations) and r.status in ('queued', 'running')
                    -- Once more, now that they are locked: another gateway may have been here.
                    and not exists (select from parley.nodes n where n.id = r.node)
                    and not exists (
                        select from parley.users u join parley.nodes n on n.id = u.owner_node
                        where u.id = r.user_id and u.owner_node <> p_node and not u.owner_is_idle)
                order by r.conversation_id, (r.status = 'queued'), m.position
            loop
                begin
                    v_texts := coalesce(v_run.checkpoint, '[]')::jsonb;
                    v_texts := coalesce(
                        (select jsonb_agg(x order by k) from jsonb_array_elements(v_texts) with ordinality as e (x, k)
                        where x ->> 'content' <> ''
                            and x ->> 'id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), '[]');
                exception when data_exception then
                    v_texts := '[]';
                end;
                v_closes := v_run.has_effects or jsonb_array_length(v_texts) > 0
                    or v_run.conversation_status = 'deleted';
                if v_closes then
                    v_first := null;
                    v_place := null;
                    -- What it began with: the results of what a person had decided.
                    for v_text in
                        select jsonb_build_object('call', a.call_id, 'content', coalesce(l.result, jsonb_build_object(
                            'error', jsonb_build_object('code', 'declined', 'message', 'Nothing was done.')))::text)
                        from parley.approvals a
                        left join parley.task_operation_logs l on l.run_id = a.run_id and l.ordinal = a.ordinal
                        where a.run_id = v_run.resumed_run_id and a.tool is not null and a.call_id is not null
                            and v_run.conversation_status <> 'deleted'
                        order by a.ordinal
                    loop
                        update parley.conversations c set message_count = c.message_count + 1
                        where c.id = v_run.conversation_id returning c.message_count into v_place;
                        insert into parley.messages
                            (id, conversation_id, user_id, position, role, content, tool_call_id, run_id)
                        values (gen_random_uuid(), v_run.conversation_id, v_run.user_id, v_place, 'tool',
                            left(v_text ->> 'content', 200000), v_text ->> 'call', v_run.id)
                        returning id into v_told;
                        v_first := coalesce(v_first, v_place);
                        v_told_messages := v_told_messages || v_told;
                    end loop;
                    for v_text in select x from jsonb_array_elements(v_texts) x loop
                        if v_run.conversation_status = 'deleted' or exists (
                            select from parley.messages m where m.id = (v_text ->> 'id')::uuid)
                        then
                            continue;
                        end if;
                        update parley.conversations c
                        set message_count = c.message_count + 1, updated_at = greatest(now(), c.updated_at)
                        where c.id = v_run.conversation_id returning c.message_count into v_place;
                        insert into parley.messages
                            (id, conversation_id, user_id, position, role, content, content_key, run_id, status)
                        values ((v_text ->> 'id')::uuid, v_run.conversation_id, v_run.user_id, v_place, 'assistant',
                            case when v_run.checkpoint_key is null then left(v_text ->> 'content', 200000)
                                else v_text ->> 'content' end,
                            v_run.checkpoint_key, v_run.id, 'interrupted');
                        v_first := coalesce(v_first, v_place);
                        v_told_messages := v_told_messages || (v_text ->> 'id')::uuid;
                    end loop;
                    update parley.runs r
                    set node = p_node, status = 'interrupted', finished_at = now(), checkpoint = null,
                        checkpoint_key = null, first_position = coalesce(first_position, v_first),
                        last_position = coalesce(v_place, last_position),
                        error = '{"code": "interrupted", "message": "The gateway went down during the run."}'
                    where r.id = v_run.id;
                    v_told_runs := v_told_runs || v_run.id;
                    v_runs := false;
                else
                    perform parley.decline_suspended(array[v_run.conversation_id], 'declined', null, p_node);
                    v_runs := not exists (
                        select from parley.runs r
                        where r.conversation_id = v_run.conversation_id and r.status = 'running' and r.id <> v_run.id);
                    update parley.runs r
                    set node = p_node, heartbeat_at = now(), status = case when v_runs then 'running' else 'queued' end,
                        started_at = case when v_runs then now() end
                    where r.id = v_run.id;
                    -- Who runs it has the session.
                    update parley.users u
                    set owner_node = p_node, owner_epoch = u.owner_epoch + 1, owner_is_idle = false
                    where u.id = v_run.user_id returning u.owner_epoch into v_epoch;
                end if;
                user_id := v_run.user_id;
                conversation_id := v_run.conversation_id;
                run_id := v_run.id;
                message_id := v_run.user_message_id;
                content := v_run.asked;
                "position" := v_run.place;
                is_running := v_runs;
                closed := v_closes;
                content_key := v_run.asked_key;
                owner_epoch := case when not v_closes then v_epoch end;
                return next;
            end loop;
            select n.webhooks into v_endpoints from parley.nodes n where n.id = p_node;
            if v_endpoints is not null then
                perform parley.note_events(v_endpoints, v_told_messages, v_told_runs);
            end if;
        end
        $$;
        """
}
