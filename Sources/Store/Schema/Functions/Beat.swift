extension SchemaFunctions {
    static let beat = """
        create function parley.beat(p_node text, p_stale int default 4000, p_steady int default 3500)
        returns table (is_member bool, sees_stale bool, others int, wished jsonb)
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
            others := (select count(*) from parley.nodes n where n.id <> p_node);
            with heard as (
                delete from parley.owner_wishes w
                where (w.node, w.wanted) in (
                    select o.node, o.wanted from parley.owner_wishes o
                    -- What nobody has heard for a while is of a gateway that is gone.
                    where o.node = p_node or o.wished_at < now() - interval '1 min'
                    limit 1000)
                returning w.node, w.wanted, w.epoch
            )
            select jsonb_agg(jsonb_build_array(h.wanted, h.epoch)) into wished
            from heard h where h.node = p_node;
            return next;
        end
        $$;
        """
}
