extension SchemaFunctions {
    static let acceptTurnsAny = """
        create function parley.accept_turns_any(
            p_user text[], p_conversation uuid[], p_new bool[], p_title text[], p_message uuid[], p_client text[],
            p_content text[], p_run uuid[], p_starts bool[], p_node text, p_limit int, p_key text, p_single bool
        ) returns table (
            ordinal int, outcome int, conversation_id uuid, message_id uuid, run_id uuid, run_ended bool,
            "position" int, title text, message_count int, created_at timestamptz, updated_at timestamptz,
            title_key text, woken bool, is_running bool
        )
        language plpgsql as $$
        #variable_conflict use_column
        declare
            v_locked int;
        begin
            if true = any (p_new) then
                insert into parley.conversations (id, user_id, title, title_key)
                select distinct on (i.conversation) i.conversation, i.owner, i.title,
                    case when i.title is not null then p_key end
                from (
                    select u.*, row_number() over (partition by u.owner, u.client order by u.n) as client_turn
                    from unnest(p_user, p_conversation, p_new, p_title, p_message, p_client) with ordinality
                        as u (owner, conversation, is_new, title, message, client, n)
                ) i
                where i.is_new and (i.client is null or i.client_turn = 1)
                    and not exists (
                        select from parley.messages m where m.user_id = i.owner and m.client_id = i.client)
                    and not exists (select from parley.messages m where m.id = i.message)
                    and not exists (
                        select from parley.archived_messages m where m.user_id = i.owner and m.client_id = i.client)
                    and not exists (select from parley.archived_conversations a where a.id = i.conversation)
                order by i.conversation, i.n
                on conflict (id) do nothing;
            end if;

            -- All writers lock conversations in the order of their ids.
            perform from parley.conversations c where c.id = any (p_conversation) order by c.id for no key update;
            get diagnostics v_locked = row_count;
            if v_locked < cardinality(p_conversation)
                and v_locked < (select count(distinct x) from unnest(p_conversation) x)
            then
                -- Some are missing: archived perhaps, but not brought back for a message that is known already.
                perform parley.from_archive(x.owners, x.conversations, 'dormant')
                from (
                    select array_agg(i.owner) as owners, array_agg(i.conversation) as conversations
                    from unnest(p_user, p_conversation, p_message, p_client) i (owner, conversation, message, client)
                    where not exists (
                        select from parley.archived_messages m
                        where m.user_id = i.owner and m.client_id = i.client and m.id <> i.message)
                ) x
                where x.owners is not null;
                perform from parley.conversations c where c.id = any (p_conversation) order by c.id for no key update;
            end if;

            -- What waits for a person is declined by the next message, unless that is refused itself.
            if exists (
                select from parley.runs r where r.conversation_id = any (p_conversation) and r.status = 'suspended')
            then
                perform parley.decline_suspended(x.conversations, 'declined', null, p_node)
                from (
                    select array_agg(distinct i.conversation) as conversations
                    from unnest(p_user, p_conversation, p_message, p_client, p_starts)
                        i (owner, conversation, message, client, starts)
                    join parley.conversations c
                        on c.id = i.conversation and (c.user_id = i.owner and c.status <> 'deleted') is true
                    where i.starts is not null and c.message_count + 1 < p_limit
                        and not exists (select from parley.messages m where m.id = i.message)
                        and not exists (
                            select from parley.messages m where m.user_id = i.owner and m.client_id = i.client)
                        and not exists (
                            select from parley.archived_messages m
                            where m.user_id = i.owner and m.client_id = i.client)
                ) x
                where x.conversations is not null;
            end if;

            return query
            with input as materialized (
                select u.*,
                    row_number() over (partition by u.message order by u.n) as message_turn,
                    case when u.client is null then 1
                        else row_number() over (partition by u.owner, u.client order by u.n) end as client_turn
                from unnest(p_user, p_conversation, p_message, p_client, p_content, p_run, p_starts) with ordinality
                    as u (owner, conversation, message, client, content, run, starts, n)
            ), found as materialized (
                select i.*, k.id as known_message, k.conversation_id as known_conversation, k.run_id as known_run,
                    k.position as known_position, c.id as present, c.title, c.title_key, c.message_count,
                    c.messages_deleted, c.created_at, c.updated_at, c.status as was, c.head_run_id,
                    exists (
                        select from parley.runs r
                        where r.conversation_id = i.conversation and r.status in ('running', 'suspended')) as is_held
                from input i
                left join lateral (
                    select m.id, m.conversation_id, m.run_id, m.position
                    from parley.messages m where m.id = i.message and (m.user_id = i.owner) is true
                    union all
                    select m.id, m.conversation_id, m.run_id, m.position
                    from parley.messages m where m.user_id = i.owner and m.client_id = i.client
                    union all
                    select r.user_message_id, r.conversation_id, r.id, 0
                    from parley.runs r where r.user_id = i.owner and r.client_id = i.client
                    union all
                    select m.id, m.conversation_id, m.run_id, m.position
                    from parley.archived_messages m
                    where (select exists (select from parley.archived_messages))
                        and m.user_id = i.owner and m.client_id = i.client
                    limit 1
                ) k on true
                left join parley.conversations c
                    on c.id = i.conversation and (c.user_id = i.owner and c.status <> 'deleted') is true
            ), fresh as materialized (
                select f.*,
                    (f.message_count + row_number() over (partition by f.conversation order by f.n))::int as place,
                    coalesce(f.starts, true) and row_number() over (
                        partition by f.conversation, coalesce(f.starts, true) order by f.n) = 1 as first
                from found f
                where f.known_message is null and f.present is not null and f.message_turn = 1 and f.client_turn = 1
            ), taken as materialized (
                -- A conversation runs one turn at a time, whatever the caller believes.
                select f.*, f.first and not f.is_held as starts_now,
                    coalesce(lag(f.run) over (partition by f.conversation order by f.place), f.head_run_id) as parent
                from fresh f
                -- There must be room for its answer too. One that begins at once or not at all says nothing of which.
                where f.place < p_limit and not (f.starts is null and f.is_held)
            ), stored as (
                insert into parley.messages
                    (id, conversation_id, user_id, position, role, content, content_key, run_id, client_id,
                    parent_run_id)
                select t.message, t.conversation, t.owner, t.place, 'user', t.content, p_key, t.run, t.client,
                    t.parent
                from taken t order by t.n
            ), started as (
                insert into parley.runs
                    (id, conversation_id, user_id, user_message_id, status, node, heartbeat_at, started_at,
                    parent_run_id)
                select t.run, t.conversation, t.owner, t.message,
                    case when t.starts_now then 'running' else 'queued' end, p_node, now(),
                    case when t.starts_now then now() end, t.parent
                from taken t order by t.n
            ), moved as (
                update parley.conversations c
                set message_count = t.place, updated_at = greatest(now(), c.updated_at), status = 'active',
                    head_run_id = t.head, is_linear = c.is_linear and t.starts
                from (
                    select t.conversation, max(t.place) as place, bool_and(t.starts_now) as starts,
                        (array_agg(t.run order by t.place desc))[1] as head
                    from taken t group by t.conversation
                ) t
                where c.id = t.conversation
                returning c.id, c.updated_at
            )
            select f.n::int,
                case when f.known_message = f.message and f.present is not null then 0
                    when f.known_message is not null and f.known_message <> f.message then 1
                    when f.message_turn > 1 or f.client_turn > 1 then 4
                    when f.present is null then 2
                    when t.n is null and f.starts is null and f.is_held then 5
                    when t.n is null then 3
                    else 0 end,
                coalesce(f.known_conversation, f.conversation), coalesce(f.known_message, f.message),
                coalesce(f.known_run, f.run),
                case when f.known_run is null then false else not exists (
                    select from parley.runs r
                    where r.id = f.known_run and (r.status in ('queued', 'running')) is true) end,
                coalesce(f.known_position, t.place, 0), f.title,
                coalesce(t.place, f.message_count, 0) - coalesce(f.messages_deleted, 0), f.created_at,
                coalesce(v.updated_at, f.updated_at), f.title_key, (t.n is not null and f.was = 'dormant') is true,
                case when t.n is not null then t.starts_now
                    when f.known_run is null then false
                    else exists (select from parley.runs r where r.id = f.known_run and r.status = 'running') end
            from found f left join taken t on t.n = f.n left join moved v on v.id = t.conversation;

            if p_single then
                perform parley.keep_single(p_user, p_conversation);
            end if;
        end
        $$;
        """
}
