extension Schema4.Functions {
    static let endRuns = """
        create function parley.end_runs(
            p_user text[], p_conversation uuid[], p_run uuid[], p_status text[], p_usage jsonb[], p_error jsonb[],
            p_next uuid[], p_ending int[], p_message uuid[], p_role text[], p_content text[], p_calls jsonb[],
            p_call text[], p_message_status text[], p_key text default null,
            p_node text default null
        ) returns table (ordinal int, outcome int, updated_at timestamptz)
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off
        as $$
        declare
            v_held text;
        begin
            -- Outside the block with the exceptions: what is taken in that goes with it.
            -- A program of before this migration does not say who it is.
            if p_node is not null then
                v_held := pg_advisory_xact_lock_shared(hashtextextended('parley.node ' || p_node, 0));
                if not exists (select from parley.nodes n where n.id = p_node) then
                    raise exception 'the gateway % was fenced', p_node using errcode = 'PY002';
                end if;
            end if;
            begin
                if p_key is not null then
                    perform parley.use_key(p_key);
                end if;
                if exists (select from unnest(p_next) x where x is not null) then
                    raise exception 'not plain' using errcode = 'PY001';
                end if;
                return query select * from parley.end_runs_plain(
                    p_user, p_conversation, p_run, p_status, p_usage, p_error, p_ending, p_message, p_role, p_content,
                    p_calls, p_call, p_message_status, p_key, p_node);
            exception when unique_violation or sqlstate 'PY001' then
                return query select * from parley.end_runs_any(
                    p_user, p_conversation, p_run, p_status, p_usage, p_error, p_next, p_ending, p_message, p_role,
                    p_content, p_calls, p_call, p_message_status, p_key, p_node);
            end;
        end
        $$;
        """
}
