extension Schema4.Functions {
    static let endRunsPlain = """
        create function parley.end_runs_plain(
            p_user text[], p_conversation uuid[], p_run uuid[], p_status text[], p_usage jsonb[], p_error jsonb[],
            p_ending int[], p_message uuid[], p_role text[], p_content text[], p_calls jsonb[], p_call text[],
            p_message_status text[], p_key text, p_node text
        ) returns table (ordinal int, outcome int, updated_at timestamptz)
        language plpgsql as $$
        #variable_conflict use_column
        declare
            v_rows int;
        begin
            return query
            with input as materialized (
                select u.*, coalesce(s.said, 0) as said
                from unnest(p_user, p_conversation, p_run, p_status, p_usage, p_error)
                    with ordinality as u (owner, conversation, run, status, usage, error, n)
                left join (
                    select e.n as ending, count(*)::int as said from unnest(p_ending) as e (n) group by e.n
                ) s on s.ending = u.n
                -- All writers lock conversations in the order of their ids.
                order by u.conversation
            ), moved as (
                update parley.conversations c
                set message_count = c.message_count + i.said, updated_at = greatest(now(), c.updated_at)
                from input i
                where c.id = i.conversation and (c.user_id = i.owner and c.status = 'active') is true
                returning i.*, c.message_count - i.said as base, c.updated_at
            ), ended as (
                update parley.runs r
                set status = i.status, usage = i.usage, error = i.error, finished_at = now(), checkpoint = null,
                    checkpoint_key = null
                from moved i
                where r.id = i.run and (r.conversation_id = i.conversation and r.user_id = i.owner
                    and r.status in ('queued', 'running')
                    and (r.node <> p_node) is not true) is true
                returning i.n, i.updated_at
            ), stored as (
                insert into parley.messages
                    (id, conversation_id, user_id, position, role, content, content_key, tool_calls, tool_call_id, run_id,
                    status)
                select m.message, v.conversation, v.owner,
                    (v.base + row_number() over (partition by v.n order by m.k))::int, m.role, m.content, p_key,
                    m.calls, m.call, v.run, m.status
                from unnest(p_ending, p_message, p_role, p_content, p_calls, p_call, p_message_status) with ordinality
                    as m (ending, message, role, content, calls, call, status, k)
                join moved v on v.n = m.ending
            )
            select e.n::int, 0, e.updated_at from ended e;

            get diagnostics v_rows = row_count;
            if v_rows <> cardinality(p_run) then
                raise exception 'not plain' using errcode = 'PY001';
            end if;
        end
        $$;
        """
}
