extension Schema1 {
    /// Users seen, text of streaming runs, the gateway's sign of life.
    static let runs = """
        \(SchemaFunctions.touchUsers)

        create function parley.checkpoint_runs(p_user text[], p_run uuid[], p_text text[]) returns void
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off
        as $$
        begin
            update parley.runs r set checkpoint = i.content, heartbeat_at = now()
            from unnest(p_user, p_run, p_text) as i (owner, run, content)
            where r.id = i.run and (r.user_id = i.owner and r.status in ('queued', 'running')) is true;
        end
        $$;

        create function parley.beat(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.nodes as n (id) values (p_node)
            on conflict (id) do update set heartbeat_at = now();
        end;
        """

    /// Protocol.md, section 4, "Crash". A node is named `place/incarnation`: runs of an earlier incarnation of the same
    /// place are dead for certain, those of another place when its node has not beaten for `p_stale` milliseconds.
    ///
    /// A dead run with checkpointed text or a logged operation is closed as interrupted, and its text becomes stored
    /// messages; any other is taken over by `p_node`, running or queued, and returned, oldest first in each
    /// conversation. At most `p_limit` conversations a call.
    static let recovery = """
        create function parley.recover_runs(p_node text, p_stale int, p_limit int)
        returns table (
            user_id text, conversation_id uuid, run_id uuid, message_id uuid, content text, "position" int,
            is_running bool, closed bool
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_living text[] := array(
                select n.id from parley.nodes n where n.heartbeat_at > now() - p_stale * interval '1 ms');
            v_conversations uuid[];
            v_run record;
            v_texts jsonb;
            v_text jsonb;
            v_place int;
            v_runs bool;
            v_closes bool;
        begin
            delete from parley.nodes n where n.heartbeat_at < now() - interval '1 day';

            select array_agg(d.conversation_id) into v_conversations
            from (
                select distinct r.conversation_id from parley.runs r
                where r.status in ('queued', 'running') and r.node is distinct from p_node
                    and (r.node is null or r.node <> all (v_living)
                        or split_part(r.node, '/', 1) = split_part(p_node, '/', 1))
                order by r.conversation_id limit p_limit
            ) d;
            if v_conversations is null then
                return;
            end if;
            perform from parley.conversations c where c.id = any (v_conversations) order by c.id for no key update;

            for v_run in
                select r.*, m.content as asked, m.position as place, c.status as conversation_status,
                    exists (select from parley.task_operation_logs l where l.run_id = r.id) as has_effects
                from parley.runs r
                join parley.messages m on m.id = r.user_message_id
                join parley.conversations c on c.id = r.conversation_id
                where r.conversation_id = any (v_conversations) and r.status in ('queued', 'running')
                    -- Once more, now that they are locked: another gateway may have been here.
                    and r.node is distinct from p_node
                    and (r.node is null or r.node <> all (v_living)
                        or split_part(r.node, '/', 1) = split_part(p_node, '/', 1))
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
                            (id, conversation_id, user_id, position, role, content, run_id, status)
                        values ((v_text ->> 'id')::uuid, v_run.conversation_id, v_run.user_id, v_place, 'assistant',
                            left(v_text ->> 'content', 200000), v_run.id, 'interrupted');
                    end loop;
                    update parley.runs r
                    set status = 'interrupted', finished_at = now(), checkpoint = null,
                        error = '{"code": "interrupted", "message": "The gateway went down during the run."}'
                    where r.id = v_run.id;
                    v_runs := false;
                else
                    v_runs := not exists (
                        select from parley.runs r
                        where r.conversation_id = v_run.conversation_id and r.status = 'running' and r.id <> v_run.id);
                    update parley.runs r
                    set node = p_node, heartbeat_at = now(), status = case when v_runs then 'running' else 'queued' end,
                        started_at = case when v_runs then now() end
                    where r.id = v_run.id;
                end if;
                user_id := v_run.user_id;
                conversation_id := v_run.conversation_id;
                run_id := v_run.id;
                message_id := v_run.user_message_id;
                content := v_run.asked;
                "position" := v_run.place;
                is_running := v_runs;
                closed := v_closes;
                return next;
            end loop;
        end
        $$;
        """
}
