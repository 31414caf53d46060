extension SchemaFunctions {
    static let tellEndpoints = """
        -- From now on what this gateway stores is told to these endpoints.
        create function parley.tell_endpoints(p_node text, p_endpoints text[]) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            update parley.nodes n set webhooks = p_endpoints where n.id = p_node;
        end;
        """
}
