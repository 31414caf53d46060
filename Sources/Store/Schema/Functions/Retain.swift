extension SchemaFunctions {
    static let retain = """
        create function parley.retain(
            p_move text, p_before timestamptz, p_now timestamptz, p_limit int, p_rows int
        ) returns table (
            id uuid, user_id text, title text, title_key text, status text, message_count int,
            created_at timestamptz, updated_at timestamptz
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $$
        #variable_conflict use_column
        declare
            v_ids uuid[];
        begin
            if not pg_try_advisory_xact_lock(x'7061726C657932'::bigint) then
                raise exception 'another gateway is at it' using errcode = 'lock_not_available';
            end if;

            case p_move
            when 'dormant' then
                v_ids := parley.retention_candidates('active', 'updated_at', p_before, p_limit, 2147483647);
                return query update parley.conversations c set status = 'dormant' where c.id = any (v_ids)
                    returning c.id, c.user_id, c.title, c.title_key, c.status, c.message_count - c.messages_deleted,
                        c.created_at, c.updated_at;
            when 'archive' then
                v_ids := parley.retention_candidates('dormant', 'updated_at', p_before, p_limit, p_rows);
                if v_ids = '{}' then
                    v_ids := parley.retention_candidates('active', 'updated_at', p_before, p_limit, p_rows);
                end if;
                perform parley.to_archive(v_ids, p_now);
                return query select a.id, a.user_id, a.title, a.title_key, 'archived',
                        a.message_count - a.messages_deleted, a.created_at, a.updated_at
                    from parley.archived_conversations a where a.id = any (v_ids);
            when 'delete' then
                v_ids := parley.retention_candidates('dormant', 'updated_at', p_before, p_limit, 2147483647);
                if v_ids = '{}' then
                    v_ids := parley.retention_candidates('active', 'updated_at', p_before, p_limit, 2147483647);
                end if;
                return query update parley.conversations c set status = 'deleted', deleted_at = p_now
                    where c.id = any (v_ids)
                    returning c.id, c.user_id, c.title, c.title_key, c.status, c.message_count - c.messages_deleted,
                        c.created_at, c.updated_at;
            when 'delete_archived' then
                return query update parley.archived_conversations a set deleted_at = p_now
                    where a.id in (
                        select l.id from parley.archived_conversations l
                        where l.updated_at < p_before and l.deleted_at is null
                        order by l.updated_at limit p_limit for update skip locked)
                    returning a.id, a.user_id, a.title, a.title_key, 'deleted', a.message_count - a.messages_deleted,
                        a.created_at, a.updated_at;
            when 'purge' then
                v_ids := parley.retention_candidates('deleted', 'deleted_at', p_before, p_limit, p_rows);
                return query delete from parley.conversations c where c.id = any (v_ids)
                    returning c.id, c.user_id, c.title, c.title_key, c.status, c.message_count - c.messages_deleted,
                        c.created_at, c.updated_at;
            when 'purge_archived' then
                select array_agg(s.id) into v_ids
                from (
                    select l.id, sum(l.message_count) over (order by l.deleted_at, l.id) - l.message_count as rows
                    from (
                        select a.id, a.message_count, a.deleted_at from parley.archived_conversations a
                        where a.deleted_at < p_before
                        order by a.deleted_at limit p_limit for update skip locked
                    ) l
                ) s where s.rows < p_rows;
                return query delete from parley.archived_conversations a where a.id = any (v_ids)
                    returning a.id, a.user_id, a.title, a.title_key, 'deleted', a.message_count - a.messages_deleted,
                        a.created_at, a.updated_at;
            end case;
        end
        $$;
        """
}
