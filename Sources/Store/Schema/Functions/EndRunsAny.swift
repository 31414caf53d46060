extension SchemaFunctions {
    static let endRunsAny = """
        create function parley.end_runs_any(
            p_user text[], p_conversation uuid[], p_run uuid[], p_status text[], p_usage jsonb[], p_error jsonb[],
            p_next uuid[], p_ending int[], p_message uuid[], p_role text[], p_content text[], p_calls jsonb[],
            p_call text[], p_message_status text[], p_key text, p_node text
        ) returns table (ordinal int, outcome int, updated_at timestamptz)
        language plpgsql as $$
        #variable_conflict use_column
        declare
            v_locked int;
        begin
            perform from parley.conversations c where c.id = any (p_conversation) order by c.id for no key update;
            get diagnostics v_locked = row_count;
            if v_locked < cardinality(p_conversation)
                and v_locked < (select count(distinct x) from unnest(p_conversation) x)
            then
                perform parley.from_archive(p_user, p_conversation, 'dormant');
                perform from parley.conversations c where c.id = any (p_conversation) order by c.id for no key update;
            end if;

            return query
            with input as materialized (
                select u.*, row_number() over (partition by u.conversation order by u.n) as turn
                from unnest(p_user, p_conversation, p_run, p_status, p_usage, p_error) with ordinality
                    as u (owner, conversation, run, status, usage, error, n)
            ), found as materialized (
                select i.*, c.message_count, c.updated_at, r.status as run_status,
                    c.id is null or r.id is null as is_gone,
                    -- Another has it, or has ended it, since this one was taken for dead.
                    (r.node <> p_node) is true as is_lost
                from input i
                left join parley.conversations c
                    on c.id = i.conversation and (c.user_id = i.owner and c.status <> 'deleted') is true
                left join parley.runs r
                    on r.id = i.run and (r.conversation_id = i.conversation and r.user_id = i.owner) is true
            ), said as materialized (
                select f.n, f.owner, f.conversation, f.run, m.message, m.role, m.content, m.calls, m.call, m.status,
                    (f.message_count + row_number() over (partition by f.n order by m.k))::int as place
                from unnest(p_ending, p_message, p_role, p_content, p_calls, p_call, p_message_status) with ordinality
                    as m (ending, message, role, content, calls, call, status, k)
                join found f on f.n = m.ending and not f.is_gone and not f.is_lost and f.turn = 1
                where not exists (select from parley.messages x where x.id = m.message)
            ), tail as materialized (
                select s.n, min(s.place) as first, max(s.place) as place from said s group by s.n
            ), due as materialized (
                select f.*, t.first, t.place from found f left join tail t on t.n = f.n
                where not f.is_gone and not f.is_lost and f.turn = 1
                    and (f.run_status in ('queued', 'running') or t.n is not null)
            ), stored as (
                insert into parley.messages
                    (id, conversation_id, user_id, position, role, content, content_key, tool_calls, tool_call_id, run_id,
                    status)
                select s.message, s.conversation, s.owner, s.place, s.role, s.content, p_key, s.calls, s.call, s.run,
                    s.status
                from said s order by s.n, s.place
            ), ended as (
                update parley.runs r
                set status = d.status, usage = d.usage, error = d.error, finished_at = now(), checkpoint = null,
                    checkpoint_key = null, first_position = coalesce(r.first_position, d.first),
                    last_position = coalesce(d.place, r.last_position)
                from due d where r.id = d.run
            ), moved as (
                update parley.conversations c
                set message_count = coalesce(d.place, c.message_count), updated_at = greatest(now(), c.updated_at),
                    status = case when d.place is null then c.status else 'active' end
                from due d where c.id = d.conversation
                returning c.id, c.updated_at
            )
            select f.n::int, case when f.is_gone then 1 when f.turn > 1 then 4 when f.is_lost then 5 else 0 end,
                coalesce(v.updated_at, f.updated_at)
            from found f left join moved v on v.id = f.conversation;

            -- After the ended ones have left their place.
            if exists (select from unnest(p_next) x where x is not null) then
                update parley.runs r
                set status = 'running', started_at = now(), heartbeat_at = now()
                from (
                    select u.*, row_number() over (partition by u.conversation order by u.n) as turn
                    from unnest(p_user, p_conversation, p_next) with ordinality
                        as u (owner, conversation, next, n)
                ) i
                where i.turn = 1 and r.id = i.next
                    and (r.user_id = i.owner and r.conversation_id = i.conversation and r.status = 'queued') is true
                    and (r.node <> p_node) is not true
                    and not exists (
                        select from parley.runs b
                        where b.conversation_id = r.conversation_id and b.status in ('running', 'suspended'));
            end if;
        end
        $$;
        """
}
