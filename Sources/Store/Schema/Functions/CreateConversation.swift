extension SchemaFunctions {
    static let createConversation = """
        -- The same call again gives the same conversation; none where the id is somebody else's.
        create function parley.create_conversation(
            p_user text, p_conversation uuid, p_title text, p_title_key text, p_metadata jsonb, p_single bool
        ) returns table (
            title text, title_key text, status text, message_count int, created_at timestamptz,
            updated_at timestamptz
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        begin
            if p_title_key is not null then
                perform parley.use_key(p_title_key);
            end if;
            insert into parley.users (id) values (p_user) on conflict (id) do nothing;
            insert into parley.conversations (id, user_id, title, title_key, metadata)
            select p_conversation, p_user, p_title, p_title_key, coalesce(p_metadata, '{}')
            where not exists (select from parley.archived_conversations a where a.id = p_conversation)
            on conflict (id) do nothing;
            if p_single then
                perform parley.keep_single(array[p_user], array[p_conversation]);
            end if;
            return query
                select c.title, c.title_key, c.status, c.message_count - c.messages_deleted, c.created_at, c.updated_at
                from parley.conversations c
                where c.id = p_conversation and (c.user_id = p_user and c.status <> 'deleted') is true;
        end
        $$;
        """
}
