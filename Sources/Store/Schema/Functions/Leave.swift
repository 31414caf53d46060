extension SchemaFunctions {
    static let leave = """
        -- A gateway that stops, with nothing left to write.
        create function parley.leave(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            delete from parley.nodes n where n.id = p_node;
        end;
        """
}
