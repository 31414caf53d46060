extension SchemaFunctions {
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
            v_run record;
        begin
            for v_attempt in 1..3 loop
                select m.conversation_id, m.user_id into v_conversation, v_user
                from parley.messages m where m.id = p_message;
                if found then
                    perform from parley.conversations c where c.id = v_conversation for no key update;
                    if exists (
                        select from parley.runs r
                        where r.user_message_id = p_message and r.status in ('queued', 'running', 'suspended'))
                    then
                        return query select 2, v_user, v_conversation;
                        return;
                    end if;
                    -- What follows one of its runs follows what that did.
                    for v_run in select r.id, r.parent_run_id from parley.runs r where r.user_message_id = p_message loop
                        update parley.conversations c set head_run_id = v_run.parent_run_id
                        where c.id = v_conversation and c.head_run_id = v_run.id;
                        update parley.runs r set parent_run_id = v_run.parent_run_id
                        where r.parent_run_id = v_run.id and r.id in (
                            select m.run_id from parley.messages m where m.conversation_id = v_conversation
                            union
                            select o.id from parley.messages m join parley.runs o on o.user_message_id = m.id
                            where m.conversation_id = v_conversation);
                    end loop;
                    perform set_config('parley.deletes', p_message::text, true);
                    delete from parley.messages m where m.id = p_message;
                    if found then
                        perform set_config('parley.deletes', '', true);
                        update parley.conversations c
                        set messages_deleted = c.messages_deleted + 1, updated_at = greatest(now(), c.updated_at)
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
                for v_run in
                    select r.id, r.parent_run_id, r.conversation_id from parley.archived_runs r
                    where r.user_message_id = p_message
                loop
                    update parley.archived_conversations a set head_run_id = v_run.parent_run_id
                    where a.id = v_run.conversation_id and a.head_run_id = v_run.id;
                    update parley.archived_runs r set parent_run_id = v_run.parent_run_id
                    where r.conversation_id = v_run.conversation_id and r.parent_run_id = v_run.id;
                end loop;
                delete from parley.archived_messages m where m.id = p_message
                returning m.conversation_id, m.user_id into v_conversation, v_user;
                if found then
                    update parley.archived_conversations a
                    set messages_deleted = a.messages_deleted + 1, updated_at = greatest(now(), a.updated_at)
                    where a.id = v_conversation;
                    return query select 0, v_user, v_conversation;
                    return;
                end if;
            end loop;
            return query select 1, null::text, null::uuid;
        end
        $$;
        """
}
