extension SchemaFunctions {
    static let acceptTurnsPlain = """
        create function parley.accept_turns_plain(
            p_user text[], p_conversation uuid[], p_new bool[], p_title text[], p_message uuid[], p_client text[],
            p_content text[], p_run uuid[], p_starts bool[], p_node text, p_limit int, p_key text
        ) returns table (
            ordinal int, outcome int, conversation_id uuid, message_id uuid, run_id uuid, run_ended bool,
            "position" int, title text, message_count int, created_at timestamptz, updated_at timestamptz,
            title_key text, woken bool, is_running bool
        )
        language plpgsql as $$
        #variable_conflict use_column
        declare
            v_rows int;
        begin
            if true = any (p_new) then
                insert into parley.conversations (id, user_id, title, title_key)
                select i.conversation, i.owner, i.title, case when i.title is not null then p_key end
                from unnest(p_user, p_conversation, p_new, p_title) as i (owner, conversation, is_new, title)
                where i.is_new
                order by i.conversation
                on conflict (id) do nothing;
            end if;

            return query
            with input as materialized (
                select * from unnest(p_user, p_conversation, p_message, p_client, p_content, p_run, p_starts)
                    with ordinality as u (owner, conversation, message, client, content, run, starts, n)
                -- All writers lock conversations in the order of their ids.
                order by u.conversation
            ), moved as (
                -- Only while there is room for its answer too.
                update parley.conversations c
                set message_count = c.message_count + 1, updated_at = greatest(now(), c.updated_at),
                    -- What the question follows is told by the row: nobody else has changed it meanwhile.
                    former_head_run_id = c.head_run_id, head_run_id = i.run, is_linear = c.is_linear and coalesce(i.starts, true)
                from input i
                where c.id = i.conversation
                    and (c.user_id = i.owner and c.status = 'active' and c.message_count + 1 < p_limit) is true
                returning i.*, c.title, c.title_key, c.message_count, c.messages_deleted, c.created_at, c.updated_at,
                    c.former_head_run_id as parent
            ), stored as (
                insert into parley.messages
                    (id, conversation_id, user_id, position, role, content, content_key, run_id, client_id,
                    parent_run_id)
                select m.message, m.conversation, m.owner, m.message_count, 'user', m.content, p_key, m.run, m.client,
                    m.parent
                from moved m
            ), started as (
                insert into parley.runs
                    (id, conversation_id, user_id, user_message_id, status, node, heartbeat_at, started_at,
                    parent_run_id)
                select m.run, m.conversation, m.owner, m.message,
                    case when coalesce(m.starts, true) then 'running' else 'queued' end, p_node, now(),
                    case when coalesce(m.starts, true) then now() end, m.parent
                from moved m
            )
            select m.n::int, 0, m.conversation, m.message, m.run, false, m.message_count, m.title,
                m.message_count - m.messages_deleted, m.created_at, m.updated_at, m.title_key, false, coalesce(m.starts, true)
            from moved m;

            get diagnostics v_rows = row_count;
            if v_rows <> cardinality(p_message) then
                raise exception 'not plain' using errcode = 'PY001';
            end if;
            -- What is archived is not seen by the constraints. It is looked for behind them: what was moved there while
            -- they waited is found too.
            -- The same for ids that were used to ask for another answer. Mostly there is neither.
            if (exists (select from parley.archived_conversations)
                or exists (select from parley.runs where client_id is not null))
                and exists (
                    select from unnest(p_user, p_conversation, p_client) i (owner, conversation, client)
                    where exists (select from parley.archived_conversations a where a.id = i.conversation)
                        or exists (
                            select from parley.archived_messages m where m.user_id = i.owner and m.client_id = i.client)
                        or exists (select from parley.runs r where r.user_id = i.owner and r.client_id = i.client))
            then
                raise exception 'not plain' using errcode = 'PY001';
            end if;
        end
        $$;
        """
}
