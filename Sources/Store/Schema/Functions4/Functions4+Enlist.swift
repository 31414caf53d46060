extension Schema4.Functions {
    static let enlist = """
        create function parley.enlist(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.nodes as n (id) values (p_node)
            -- Asked again, since the answer was lost.
            on conflict (id) do update set heartbeat_at = now(), steady_since = now();
        end;
        """
}
