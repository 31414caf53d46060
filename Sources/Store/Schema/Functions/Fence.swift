extension SchemaFunctions {
    static let fence = """
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
}
