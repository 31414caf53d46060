/// The SQL of migration 4, by subject: what a gateway writes is its own.
///
/// A gateway's row in `nodes` is its right to write. Each of its transactions holds that row's lock, shared, and is
/// refused (`PY002`) when the row is gone; who takes the row away holds the lock alone, so that what the other was
/// storing at that moment is stored before, and nothing after.
///
/// The lock is an advisory one. A row lock (`for key share`) does the same at the same cost, but transactions that hold it
/// beside each other use up a multixact each, and with those the time until all tables have to be frozen: days, at a
/// thousand turns a second.
enum Schema4 {}

extension Schema4 {
    static let nodes = """
        -- Since when it has beaten without a gap. Who was silent itself, because it stood still or because the database
        -- was away, does not know who else was.
        alter table parley.nodes add column steady_since timestamptz not null default now();

        -- To be called before anything is written, and outside of a block with exceptions: a lock that was taken in such
        -- a block goes with it.
        create function parley.hold_fence(p_node text) returns void
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_held text;
        begin
            v_held := pg_advisory_xact_lock_shared(hashtextextended('parley.node ' || p_node, 0));
            if not exists (select from parley.nodes n where n.id = p_node) then
                raise exception 'the gateway % was fenced', p_node using errcode = 'PY002';
            end if;
        end
        $$;

        create function parley.enlist(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.nodes as n (id) values (p_node)
            -- Asked again, since the answer was lost.
            on conflict (id) do update set heartbeat_at = now(), steady_since = now();
        end;

        -- A sign of life. `is_member`: it was not fenced. `sees_stale`: it may judge others, and one of them is silent.
        drop function parley.beat;
        create function parley.beat(p_node text, p_stale int default 4000, p_steady int default 3500)
        returns table (is_member bool, sees_stale bool)
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_steady timestamptz;
        begin
            update parley.nodes n
            set heartbeat_at = now(),
                steady_since = case when n.heartbeat_at < now() - interval '2 s' then now() else n.steady_since end
            where n.id = p_node returning n.steady_since into v_steady;
            is_member := found;
            sees_stale := is_member and v_steady <= now() - p_steady * interval '1 ms' and exists (
                select from parley.nodes n where n.heartbeat_at < now() - p_stale * interval '1 ms');
            return next;
        end
        $$;

        -- A gateway that stops, with nothing left to write.
        create function parley.leave(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            delete from parley.nodes n where n.id = p_node;
        end;

        -- Takes a gateway's right to write, unless it has beaten meanwhile. Where it stands still in the middle of a
        -- transaction, that is ended first; the next call finds the lock free.
        create function parley.fence(p_node text, p_stale int) returns bool
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_lock bigint := hashtextextended('parley.node ' || p_node, 0);
        begin
            if not pg_try_advisory_xact_lock(v_lock) then
                begin
                    perform pg_terminate_backend(l.pid)
                    from pg_locks l
                    join pg_stat_activity a on a.pid = l.pid and a.xact_start < now() - p_stale * interval '1 ms'
                    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
                        and l.database = (select d.oid from pg_database d where d.datname = current_database())
                        and l.classid = ((v_lock >> 32) & 4294967295)::oid and l.objid = (v_lock & 4294967295)::oid;
                exception when insufficient_privilege then
                    -- It ends with its connection.
                    null;
                end;
                return false;
            end if;
            delete from parley.nodes n where n.id = p_node and n.heartbeat_at < now() - p_stale * interval '1 ms';
            return found;
        end
        $$;
        """

    /// A committed turn begins when no other run of its conversation is active, whoever's that is.
    static let beginRun = """
        create function parley.begin_run(p_user text, p_run uuid, p_node text) returns text
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_run parley.runs;
        begin
            perform parley.hold_fence(p_node);
            select * into v_run from parley.runs r where r.id = p_run and r.user_id = p_user;
            if v_run.id is null then
                return 'gone';
            end if;
            -- All writers lock conversations first.
            perform from parley.conversations c where c.id = v_run.conversation_id for no key update;
            select * into v_run from parley.runs r where r.id = p_run and r.user_id = p_user;
            if v_run.id is null or v_run.node is distinct from p_node or v_run.status not in ('queued', 'running') then
                return 'gone';
            end if;
            if v_run.status = 'queued' then
                if exists (
                    select from parley.runs r
                    where r.conversation_id = v_run.conversation_id and r.status = 'running')
                then
                    return 'waits';
                end if;
                update parley.runs r set status = 'running', started_at = now(), heartbeat_at = now()
                where r.id = p_run;
            end if;
            return 'running';
        end
        $$;
        """

    /// As in migration 2, for a gateway that is fenced, and for its own runs.
    static let checkpoints = """
        drop function parley.checkpoint_runs;
        create function parley.checkpoint_runs(
            p_user text[], p_run uuid[], p_text text[], p_key text default null, p_node text default null
        ) returns void
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off
        as $$
        begin
            if p_node is not null then
                perform parley.hold_fence(p_node);
            end if;
            if p_key is not null then
                perform parley.use_key(p_key);
            end if;
            update parley.runs r set checkpoint = i.content, checkpoint_key = p_key, heartbeat_at = now()
            from unnest(p_user, p_run, p_text) as i (owner, run, content)
            where r.id = i.run and (r.user_id = i.owner and r.status in ('queued', 'running')) is true
                and (r.node <> p_node) is not true;
        end
        $$;
        """

    /// As in migration 1, for a gateway that is fenced.
    static let tools = """
        drop function parley.perform_tool;
        create function parley.perform_tool(
            p_user text, p_conversation uuid, p_message uuid, p_run uuid, p_ordinal int, p_type text,
             p_params jsonb, p_failure jsonb, p_task bigint, p_title text, p_description text,
            p_completed bool, p_node text default null
        ) returns table (status text, result jsonb)
        language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_task parley.tasks;
            v_result jsonb := p_failure;
        begin
            if p_node is not null then
                perform parley.hold_fence(p_node);
            end if;
            insert into parley.task_operation_logs
                (conversation_id, user_id, user_message_id, run_id, ordinal, operation_type, input_params)
            values (p_conversation, p_user, p_message, p_run, p_ordinal, p_type, p_params)
            on conflict (run_id, ordinal) do nothing;
            if not found then
                return query select l.status, l.result from parley.task_operation_logs l
                    where l.run_id = p_run and l.ordinal = p_ordinal and l.user_id = p_user;
                return;
            end if;

            if v_result is null then
                case p_type
                when 'add' then
                    insert into parley.tasks (user_id, title, description, ai_generated, last_interaction_id)
                    values (p_user, p_title, nullif(p_description, ''), true, p_message) returning * into v_task;
                when 'get' then
                    select * into v_task from parley.tasks t where t.id = p_task and t.user_id = p_user;
                when 'update' then
                    update parley.tasks t
                    set title = coalesce(p_title, t.title),
                        description = case when p_description is null then t.description
                            else nullif(p_description, '') end,
                        last_interaction_id = p_message, updated_at = now()
                    where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'complete' then
                    update parley.tasks t
                    set is_completed = coalesce(p_completed, true), last_interaction_id = p_message,
                        updated_at = now()
                    where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'delete' then
                    delete from parley.tasks t where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'list' then
                    select jsonb_build_object(
                        'tasks', coalesce(
                            (select jsonb_agg(parley.task_json(n) order by n.created_at desc, n.id desc)
                            from (
                                select * from parley.tasks t
                                where t.user_id = p_user and (p_completed or not t.is_completed)
                                order by t.created_at desc, t.id desc limit 50
                            ) n), '[]'),
                        'total', (select count(*) from parley.tasks t
                            where t.user_id = p_user and (p_completed or not t.is_completed)))
                    into v_result;
                end case;
                if p_type <> 'list' then
                    if v_task.id is not null then
                        v_result := jsonb_build_object(
                            case when p_type = 'delete' then 'deleted' else 'task' end, parley.task_json(v_task));
                    else
                        v_result := jsonb_build_object('error', jsonb_build_object(
                            'code', 'not_found', 'message', format('There is no task %s.', p_task)));
                    end if;
                end if;
            end if;

            return query update parley.task_operation_logs l
                set result = v_result, status = case when v_result ? 'error' then 'failed' else 'success' end,
                    finished_at = clock_timestamp()
                where l.run_id = p_run and l.ordinal = p_ordinal and l.user_id = p_user
                returning l.status, l.result;
        end
        $$;
        """
}
