extension SchemaFunctions {
    static let ownerOfMessage = """
        -- Whose message it is, for an admin who deletes it.
        create function parley.owner_of_message(p_message uuid) returns text
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select coalesce(
                (select m.user_id from parley.messages m where m.id = p_message),
                (select m.user_id from parley.archived_messages m where m.id = p_message));
        end;
        """
}
