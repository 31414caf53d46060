extension SchemaFunctions {
    static let isAnothers = """
        -- Whether a conversation is there and somebody else's: for the audit trail alone, clients are told neither.
        create function parley.is_anothers(p_user text, p_conversation uuid) returns bool
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select exists (
                    select from parley.conversations c where c.id = p_conversation and (c.user_id <> p_user) is true)
                or exists (
                    select from parley.archived_conversations a
                    where a.id = p_conversation and (a.user_id <> p_user) is true);
        end;
        """
}
