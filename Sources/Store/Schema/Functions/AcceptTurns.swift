extension SchemaFunctions {
    static let acceptTurns = """
        create function parley.accept_turns(
            p_user text[], p_conversation uuid[], p_new bool[], p_title text[], p_message uuid[], p_client text[],
            p_content text[], p_run uuid[], p_starts bool[], p_node text, p_limit int, p_key text default null,
            p_single bool default false
        ) returns table (
            ordinal int, outcome int, conversation_id uuid, message_id uuid, run_id uuid, run_ended bool,
            "position" int, title text, message_count int, created_at timestamptz, updated_at timestamptz,
            title_key text, woken bool, is_running bool
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off
        as $$
        declare
            v_held text;
            v_endpoints text[];
            v_anothers bool;
        begin
            -- Outside the block with the exceptions: what is taken in that goes with it.
            v_held := pg_advisory_xact_lock_shared(hashtextextended('parley.node ' || p_node, 0));
            select n.webhooks, exists (
                    select from unnest(p_user) i (owner) join parley.users u on u.id = i.owner
                    where u.owner_node <> p_node)
                into v_endpoints, v_anothers
            from parley.nodes n where n.id = p_node;
            if not found then
                raise exception 'the gateway % was fenced', p_node using errcode = 'PY002';
            end if;
            if v_anothers then
                raise exception 'a user is another gateway''s' using errcode = 'PY003';
            end if;
            begin
                if p_single then
                    raise exception 'not plain' using errcode = 'PY001';
                end if;
                if p_key is not null then
                    perform parley.use_key(p_key);
                end if;
                return query select * from parley.accept_turns_plain(
                    p_user, p_conversation, p_new, p_title, p_message, p_client, p_content, p_run, p_starts, p_node,
                    p_limit, p_key);
            exception when unique_violation or sqlstate 'PY001' then
                return query select * from parley.accept_turns_any(
                    p_user, p_conversation, p_new, p_title, p_message, p_client, p_content, p_run, p_starts, p_node,
                    p_limit, p_key, p_single);
            end;
            if v_endpoints is not null then
                perform parley.note_events(v_endpoints, p_message, '{}');
            end if;
        end
        $$;
        """
}
