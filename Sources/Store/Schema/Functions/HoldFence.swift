extension SchemaFunctions {
    static let holdFence = """
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
        """
}
