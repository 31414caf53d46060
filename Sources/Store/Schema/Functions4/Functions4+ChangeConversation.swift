extension Schema4.Functions {
    static let changeConversation = """
        -- Outcome 0 changed, 1 not found, 2 busy: it is not archived while a run is unfinished. A change brings an
        -- archived conversation back, unless it is to be (or to stay) archived.
        create function parley.change_conversation(
            p_user text, p_conversation uuid, p_sets_title bool, p_title text, p_title_key text, p_metadata jsonb,
            p_archived bool, p_single bool
        ) returns table (
            outcome int, has_new_status bool, title text, title_key text, status text, message_count int,
            created_at timestamptz, updated_at timestamptz
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_was text;
        begin
            if p_title_key is not null then
                perform parley.use_key(p_title_key);
            end if;
            -- Whatever it is between two looks, it is in one of the two places.
            for v_attempt in 1..3 loop
                select c.status into v_was from parley.conversations c
                where c.id = p_conversation and (c.user_id = p_user) is true for update;
                exit when found;
                if p_archived then
                    return query update parley.archived_conversations a
                        set title = case when p_sets_title then p_title else a.title end,
                            title_key = case when p_sets_title then p_title_key else a.title_key end,
                            metadata = coalesce(p_metadata, a.metadata), updated_at = greatest(now(), a.updated_at)
                        where a.id = p_conversation and (a.user_id = p_user and a.deleted_at is null) is true
                        returning 0, false, a.title, a.title_key, 'archived', a.message_count - a.messages_deleted,
                            a.created_at, a.updated_at;
                    if found then
                        return;
                    end if;
                elsif parley.from_archive(array[p_user], array[p_conversation], 'active') <> '{}' then
                    v_was := 'archived';
                    exit;
                end if;
            end loop;
            if v_was is null or v_was = 'deleted' then
                return query select 1, false, null::text, null::text, null::text, 0, null::timestamptz,
                    null::timestamptz;
                return;
            end if;
            if p_archived and exists (
                select from parley.runs r
                where r.conversation_id = p_conversation and r.status in ('queued', 'running'))
            then
                return query select 2, false, null::text, null::text, null::text, 0, null::timestamptz,
                    null::timestamptz;
                return;
            end if;

            update parley.conversations c
            set title = case when p_sets_title then p_title else c.title end,
                title_key = case when p_sets_title then p_title_key else c.title_key end,
                metadata = coalesce(p_metadata, c.metadata),
                status = case when not p_archived then 'active' else c.status end,
                updated_at = greatest(now(), c.updated_at)
            where c.id = p_conversation;
            if p_single then
                perform parley.keep_single(array[p_user], array[p_conversation]);
            end if;
            if p_archived then
                perform parley.to_archive(array[p_conversation], now());
                return query
                    select 0, true, a.title, a.title_key, 'archived', a.message_count - a.messages_deleted,
                        a.created_at, a.updated_at
                    from parley.archived_conversations a where a.id = p_conversation;
                return;
            end if;
            return query
                select 0, c.status <> v_was, c.title, c.title_key, c.status, c.message_count - c.messages_deleted,
                    c.created_at, c.updated_at
                from parley.conversations c where c.id = p_conversation;
        end
        $$;
        """
}
