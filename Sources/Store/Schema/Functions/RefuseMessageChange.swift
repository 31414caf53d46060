extension SchemaFunctions {
    static let refuseMessageChange = """
        -- What may change a message after all: its deletion by an admin, and the same text under another key. Both are
        -- announced for one transaction, which nobody but the schema's owner can make use of.
        create or replace function parley.refuse_message_change() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            -- The cascade from a conversation runs inside that table's own trigger.
            if tg_op = 'DELETE' then
                if pg_trigger_depth() > 1 or current_setting('parley.deletes', true) = old.id::text then
                    return old;
                end if;
            elsif tg_op = 'UPDATE' and current_setting('parley.seals', true) = 'on' then
                if to_jsonb(old) - '{content,content_key,tool_calls}'::text[]
                    = to_jsonb(new) - '{content,content_key,tool_calls}'::text[]
                then
                    return new;
                end if;
            end if;
            raise exception 'messages are append-only' using errcode = 'insufficient_privilege';
        end
        $$;
        """
}
