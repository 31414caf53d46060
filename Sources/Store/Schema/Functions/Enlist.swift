extension SchemaFunctions {
    static let enlist = """
        -- A gateway is there, and which process it is, where that can be told.
        create function parley.enlist(
            p_node text, p_boot text default null, p_namespace bigint default null, p_pid int default null,
            p_started bigint default null
        ) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.nodes as n (id, boot_id, pid_namespace, pid, process_started)
            values (p_node, p_boot, p_namespace, p_pid, p_started)
            -- Asked again, since the answer was lost.
            on conflict (id) do update set heartbeat_at = now(), steady_since = now();
        end;
        """
}
