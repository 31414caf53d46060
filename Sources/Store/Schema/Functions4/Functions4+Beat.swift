extension Schema4.Functions {
    static let beat = """
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
        """
}
