extension Schema4.Functions {
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
                return query update parley.conversations c set status = 'deleted', deleted_at = now(),
                        updated_at = greatest(now(), c.updated_at)
                    where c.id = p_conversation and (c.user_id = p_user and c.status <> 'deleted') is true
                    returning c.title, c.title_key, c.message_count - c.messages_deleted, c.created_at, c.updated_at;
                if found then
                    update parley.runs r
                    set status = 'cancelled', finished_at = now(), checkpoint = null, checkpoint_key = null
                    where r.conversation_id = p_conversation and r.status in ('queued', 'running');
                    return;
                end if;
                return query update parley.archived_conversations a
                    set deleted_at = now(), updated_at = greatest(now(), a.updated_at)
                    where a.id = p_conversation and (a.user_id = p_user and a.deleted_at is null) is true
                    returning a.title, a.title_key, a.message_count - a.messages_deleted, a.created_at, a.updated_at;
                if found then
                    return;
                end if;
            end loop;
        end
        $$;
        """
}
