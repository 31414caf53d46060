extension SchemaFunctions {
    static let forgetMessages = """
        -- Behind a deletion: what belonged to messages that are neither here nor in the archive now.
        create function parley.forget_messages() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            delete from parley.feedback f using gone g
            where f.message_id = g.id
                and not exists (select from parley.messages m where m.id = g.id)
                and not exists (select from parley.archived_messages m where m.id = g.id);
            delete from parley.search_words w using gone g
            where w.message_id = g.id
                and not exists (select from parley.messages m where m.id = g.id)
                and not exists (select from parley.archived_messages m where m.id = g.id);
            return null;
        end
        $$;
        """
}
