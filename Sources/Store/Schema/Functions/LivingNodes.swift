extension SchemaFunctions {
    static let livingNodes = """
        -- The gateways that may write: whoever says to be another one must be among them.
        create function parley.living_nodes() returns table (id text)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select n.id from parley.nodes n;
        end;
        """
}
