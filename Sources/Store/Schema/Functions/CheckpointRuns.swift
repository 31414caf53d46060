extension SchemaFunctions {
    static let checkpointRuns = """
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
}
