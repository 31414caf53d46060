extension SchemaFunctions {
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
                -- They may be longer than a new one may be by now.
                perform set_config('parley.keeps_length', 'on', true);
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
            perform set_config('parley.keeps_length', 'off', true);
            return v_count;
        end
        $$;
        """
}
