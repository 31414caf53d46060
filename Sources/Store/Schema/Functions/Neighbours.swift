extension SchemaFunctions {
    static let neighbours = """
        -- The other gateways whose processes this one can see: those of its boot of its machine and its namespace of
        -- process ids, the most silent first.
        create function parley.neighbours(p_node text) returns table (id text, pid int, process_started bigint)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select n.id, n.pid, n.process_started
            from parley.nodes n
            join parley.nodes me on me.boot_id = n.boot_id and me.pid_namespace = n.pid_namespace
            where me.id = p_node and n.id <> p_node and n.pid is not null and n.process_started is not null
            order by n.heartbeat_at limit 100;
        end;
        """
}
