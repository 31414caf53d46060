extension SchemaFunctions {
    static let retentionCandidates = """
        -- The longest silent ones, locked: at most `p_limit`, and not many more than `p_rows` messages.
        create function parley.retention_candidates(
            p_status text, p_column text, p_before timestamptz, p_limit int, p_rows int
        ) returns uuid[]
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        declare
            v_ids uuid[];
        begin
            -- With the status as a literal, since the index is for some of them only.
            execute format(
                'select array_agg(s.id) from (
                    select l.id, sum(l.message_count) over (order by l.at, l.id) - l.message_count as rows
                    from (
                        select c.id, c.message_count, c.%2$I as at from parley.conversations c
                        where c.status = %1$L and c.%2$I < $1
                            and (%1$L = ''deleted'' or not exists (
                                select from parley.runs r
                                where r.conversation_id = c.id and r.status in (''queued'', ''running'', ''suspended'')))
                        order by c.%2$I limit $2 for update skip locked
                    ) l
                ) s where s.rows < $3', p_status, p_column)
                into v_ids using p_before, p_limit, p_rows;
            if p_status = 'deleted' then
                return coalesce(v_ids, '{}');
            end if;
            -- A turn that was committed between the look and the lock is seen only now.
            return array(
                select x from unnest(v_ids) x
                where not exists (
                    select from parley.runs r
                    where r.conversation_id = x and r.status in ('queued', 'running', 'suspended')));
        end
        $$;
        """
}
