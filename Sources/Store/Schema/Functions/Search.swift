extension SchemaFunctions {
    static let search = #"""
        -- Titles (on the first page), then messages, newest first, in which all words of the query stand, the last one
        -- begun or whole. It runs as who calls it: row-level security lets it see the rows of app.user_id alone. Words
        -- of messages are kept for the next search; what is sealed is passed over. message_id null: a title.
        create function parley.search(p_query text, p_before uuid, p_limit int)
        returns table (
            conversation_id uuid, title text, title_key text, message_id uuid, role text, excerpt text,
            created_at timestamptz)
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_user text := current_setting('app.user_id', true);
            v_query tsquery := nullif(regexp_replace(
                plainto_tsquery('simple', parley.search_text(p_query))::text, '''( & |$)', ''':*\1', 'g'), '')::tsquery;
        begin
            if v_query is null then
                return;
            end if;
            insert into parley.search_words (user_id, message_id, words)
            select v_user, n.id, to_tsvector('simple', parley.search_text(n.content))
            from (
                select m.id, m.content from parley.messages m
                where m.user_id = v_user and m.role <> 'tool' and m.content_key is null and m.content <> ''
                    and not exists (
                        select from parley.search_words w where w.user_id = v_user and w.message_id = m.id)
                order by m.created_at desc limit 10000
            ) n
            on conflict do nothing;
            insert into parley.search_words (user_id, message_id, words)
            select v_user, n.id, to_tsvector('simple', parley.search_text(n.content))
            from (
                select m.id, m.content from parley.archived_messages m
                where m.user_id = v_user and m.role <> 'tool' and m.content_key is null and m.content <> ''
                    and not exists (
                        select from parley.search_words w where w.user_id = v_user and w.message_id = m.id)
                order by m.created_at desc limit 10000
            ) n
            on conflict do nothing;

            if p_before is null then
                return query
                    select t.id, t.title, t.title_key, null::uuid, null::text, null::text, t.updated_at
                    from (
                        select c.id, c.title, c.title_key, c.updated_at from parley.conversations c
                        where c.user_id = v_user and c.status <> 'deleted'
                        union all
                        select c.id, c.title, c.title_key, c.updated_at from parley.archived_conversations c
                        where c.user_id = v_user and c.deleted_at is null
                    ) t
                    where t.title_key is null and to_tsvector('simple', parley.search_text(t.title)) @@ v_query
                    order by t.updated_at desc limit 20;
            end if;
            return query
                select h.conversation_id, h.title, h.title_key, h.id, h.role,
                    case when char_length(h.content) <= 200 then h.content
                        else ts_headline('simple', left(h.content, 20000), v_query,
                            'StartSel="", StopSel="", MaxWords=24, MinWords=12, ShortWord=0, MaxFragments=1')
                    end,
                    h.created_at
                from (
                    select m.conversation_id, c.title, c.title_key, m.id, m.role, m.content, m.created_at
                    from parley.search_words w
                    join parley.messages m on m.id = w.message_id and m.user_id = v_user
                    join parley.conversations c on c.id = m.conversation_id and c.status <> 'deleted'
                    where w.user_id = v_user and w.words @@ v_query and (p_before is null or w.message_id < p_before)
                        and m.content_key is null
                    union all
                    select m.conversation_id, c.title, c.title_key, m.id, m.role, m.content, m.created_at
                    from parley.search_words w
                    join parley.archived_messages m on m.id = w.message_id and m.user_id = v_user
                    join parley.archived_conversations c on c.id = m.conversation_id and c.deleted_at is null
                    where w.user_id = v_user and w.words @@ v_query and (p_before is null or w.message_id < p_before)
                        and m.content_key is null
                    order by 4 desc limit p_limit
                ) h
                order by h.id desc;
        end
        $$;
        """#
}
