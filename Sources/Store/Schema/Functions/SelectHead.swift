extension SchemaFunctions {
    static let selectHead = """
        -- Shows the path that ends in a run of the conversation. Outcome 0 shown, 1 no such conversation, 2 busy, 3 the
        -- run is none of its.
        create function parley.select_head(p_user text, p_conversation uuid, p_head uuid, p_node text) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_chat parley.conversations;
        begin
            perform parley.hold_fence(p_node);
            select * into v_chat from parley.conversations c where c.id = p_conversation for no key update;
            if not found then
                perform parley.from_archive(array[p_user], array[p_conversation], 'dormant');
                select * into v_chat from parley.conversations c where c.id = p_conversation for no key update;
            end if;
            if v_chat.id is null or v_chat.user_id <> p_user or v_chat.status = 'deleted' then
                return 1;
            end if;
            if exists (
                select from parley.runs r
                where r.conversation_id = p_conversation and r.status in ('queued', 'running', 'suspended'))
            then
                return 2;
            end if;
            if not exists (select from parley.runs r where r.id = p_head and r.conversation_id = p_conversation) then
                return 3;
            end if;
            update parley.conversations c
            set head_run_id = p_head, updated_at = greatest(now(), c.updated_at),
                is_linear = c.is_linear and c.head_run_id is not distinct from p_head
            where c.id = p_conversation;
            return 0;
        end
        $$;
        """
}
