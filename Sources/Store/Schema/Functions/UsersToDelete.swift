extension SchemaFunctions {
    static let usersToDelete = """
        -- Whose deletion was begun, before `p_before`.
        create function parley.users_to_delete(p_before timestamptz, p_limit int) returns setof text
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select u.id from parley.users u where u.deleting_at < p_before order by u.deleting_at limit p_limit;
        end;
        """
}
