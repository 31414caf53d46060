/// What changes a conversation, as migration 2 has it.
extension Schema2 {
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
                            metadata = coalesce(p_metadata, a.metadata)
                        where a.id = p_conversation and (a.user_id = p_user and a.deleted_at is null) is true
                        returning 0, false, a.title, a.title_key, 'archived', a.message_count - a.messages_deleted,
                            a.created_at, a.updated_at;
                    if found then
                        return;
                    end if;
                elsif parley.from_archive(array[p_user], array[p_conversation], 'active') <> '{}' then
                    update parley.conversations c set updated_at = now() where c.id = p_conversation;
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
                updated_at = case when not p_archived and c.status = 'dormant' then now() else c.updated_at end
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

    static let deleteConversation = """
        -- It vanishes at once and is purged later. Runs that another gateway still has end here; what such a run says
        -- afterwards finds its conversation gone.
        create function parley.delete_conversation(p_user text, p_conversation uuid)
        returns table (
            title text, title_key text, message_count int, created_at timestamptz, updated_at timestamptz
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        begin
            for v_attempt in 1..3 loop
                return query update parley.conversations c set status = 'deleted', deleted_at = now()
                    where c.id = p_conversation and (c.user_id = p_user and c.status <> 'deleted') is true
                    returning c.title, c.title_key, c.message_count - c.messages_deleted, c.created_at, c.updated_at;
                if found then
                    update parley.runs r
                    set status = 'cancelled', finished_at = now(), checkpoint = null, checkpoint_key = null
                    where r.conversation_id = p_conversation and r.status in ('queued', 'running');
                    return;
                end if;
                return query update parley.archived_conversations a set deleted_at = now()
                    where a.id = p_conversation and (a.user_id = p_user and a.deleted_at is null) is true
                    returning a.title, a.title_key, a.message_count - a.messages_deleted, a.created_at, a.updated_at;
                if found then
                    return;
                end if;
            end loop;
        end
        $$;
        """

    static let deleteMessage = """
        -- Outcome 0 deleted, 1 not found, 2 busy: its run is not finished. Its position stays empty. With a user's
        -- message go its run and the operations of that.
        create function parley.delete_message(p_message uuid)
        returns table (outcome int, user_id text, conversation_id uuid)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_conversation uuid;
            v_user text;
        begin
            for v_attempt in 1..3 loop
                select m.conversation_id, m.user_id into v_conversation, v_user
                from parley.messages m where m.id = p_message;
                if found then
                    perform from parley.conversations c where c.id = v_conversation for no key update;
                    if exists (
                        select from parley.runs r
                        where r.user_message_id = p_message and r.status in ('queued', 'running'))
                    then
                        return query select 2, v_user, v_conversation;
                        return;
                    end if;
                    perform set_config('parley.deletes', p_message::text, true);
                    delete from parley.messages m where m.id = p_message;
                    if found then
                        perform set_config('parley.deletes', '', true);
                        update parley.conversations c set messages_deleted = c.messages_deleted + 1
                        where c.id = v_conversation;
                        return query select 0, v_user, v_conversation;
                        return;
                    end if;
                    perform set_config('parley.deletes', '', true);
                end if;
                -- In the order of those who bring it back.
                perform from parley.archived_conversations a
                where a.id = (select m.conversation_id from parley.archived_messages m where m.id = p_message)
                for no key update;
                delete from parley.archived_messages m where m.id = p_message
                returning m.conversation_id, m.user_id into v_conversation, v_user;
                if found then
                    update parley.archived_conversations a set messages_deleted = a.messages_deleted + 1
                    where a.id = v_conversation;
                    return query select 0, v_user, v_conversation;
                    return;
                end if;
            end loop;
            return query select 1, null::text, null::uuid;
        end
        $$;
        """

    static let reseal = """
        -- The same texts under another key, for `parley reencrypt`: the owner's alone. A row that has changed
        -- meanwhile is left as it is; the number of those that were changed.
        create function parley.reseal(
            p_table text, p_id uuid[], p_old_key text[], p_old text[], p_content text[], p_calls jsonb[], p_key text
        ) returns int
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        declare
            v_count int;
        begin
            case p_table
            when 'messages' then
                perform set_config('parley.seals', 'on', true);
                update parley.messages m set content = i.content, tool_calls = i.calls, content_key = p_key
                from unnest(p_id, p_old_key, p_content, p_calls) i (id, old_key, content, calls)
                where m.id = i.id and m.content_key is not distinct from i.old_key;
            when 'archived_messages' then
                update parley.archived_messages m set content = i.content, tool_calls = i.calls, content_key = p_key
                from unnest(p_id, p_old_key, p_content, p_calls) i (id, old_key, content, calls)
                where m.id = i.id and m.content_key is not distinct from i.old_key;
            when 'conversations' then
                update parley.conversations c set title = i.content, title_key = p_key
                from unnest(p_id, p_old_key, p_old, p_content) i (id, old_key, old, content)
                where c.id = i.id and c.title_key is not distinct from i.old_key and c.title = i.old;
            when 'archived_conversations' then
                update parley.archived_conversations c set title = i.content, title_key = p_key
                from unnest(p_id, p_old_key, p_old, p_content) i (id, old_key, old, content)
                where c.id = i.id and c.title_key is not distinct from i.old_key and c.title = i.old;
            end case;
            get diagnostics v_count = row_count;
            perform set_config('parley.seals', 'off', true);
            return v_count;
        end
        $$;
        """

    static let deleteUser = """
        -- One step: 0 there is no such user, 1 more to do, 2 done. The first one marks the user, so that what was
        -- begun is finished by the retention if nobody else does.
        create function parley.delete_user(p_user text, p_rows int) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set lock_timeout = '5s'
        as $$
        declare
            v_ids uuid[];
        begin
            update parley.users u set deleting_at = coalesce(u.deleting_at, now()) where u.id = p_user;
            if not found then
                return 0;
            end if;
            select array_agg(s.id) into v_ids
            from (
                select l.id, sum(l.message_count) over (order by l.id) - l.message_count as rows
                from (
                    select c.id, c.message_count from parley.conversations c
                    where c.user_id = p_user order by c.id limit 500 for update
                ) l
            ) s where s.rows < p_rows;
            if v_ids is not null then
                delete from parley.conversations c where c.id = any (v_ids);
                return 1;
            end if;
            select array_agg(s.id) into v_ids
            from (
                select l.id, sum(l.message_count) over (order by l.id) - l.message_count as rows
                from (
                    select a.id, a.message_count from parley.archived_conversations a
                    where a.user_id = p_user order by a.id limit 500 for update
                ) l
            ) s where s.rows < p_rows;
            if v_ids is not null then
                delete from parley.archived_conversations a where a.id = any (v_ids);
                return 1;
            end if;
            delete from parley.tasks t where t.id in (
                select o.id from parley.tasks o where o.user_id = p_user order by o.id limit p_rows);
            if found then
                return 1;
            end if;
            delete from parley.users u where u.id = p_user;
            return 2;
        end
        $$;
        """
}
