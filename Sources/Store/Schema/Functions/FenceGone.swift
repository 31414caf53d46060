extension SchemaFunctions {
    static let fenceGone = """
        -- Takes the right to write from neighbours whose processes are known to be gone: nobody has to wait until they
        -- have been silent for long. What they were storing when they went is stored before, or not at all.
        --
        -- How many of them are still there: the next call takes theirs.
        create function parley.fence_gone(p_node text, p_gone text[]) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_node text;
            v_left int := 0;
        begin
            perform parley.hold_fence(p_node);
            for v_node in
                select n.id from parley.neighbours(p_node) n where n.id = any (p_gone) order by n.id
            loop
                if not parley.fence(v_node, 0) then
                    v_left := v_left + 1;
                end if;
            end loop;
            return v_left;
        end
        $$;
        """
}
