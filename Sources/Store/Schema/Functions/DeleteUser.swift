extension SchemaFunctions {
    static let deleteUser = """
        -- One step: 0 there is no such user, 1 more to do, 2 done. The first one marks the user, so that what was
        -- begun is finished by the retention if nobody else does.
        create function parley.delete_user(p_user text, p_rows int) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set lock_timeout = '5s'
        as $$
        declare
            v_ids uuid[];
        begin
            update parley.users u set deleting_at = coalesce(u.deleting_at, now()) where u.id = p_user;
            if not found then
                return 0;
            end if;
            select array_agg(s.id) into v_ids
            from (
                select l.id, sum(l.message_count) over (order by l.id) - l.message_count as rows
                from (
                    select c.id, c.message_count from parley.conversations c
                    where c.user_id = p_user order by c.id limit 500 for update
                ) l
            ) s where s.rows < p_rows;
            if v_ids is not null then
                delete from parley.conversations c where c.id = any (v_ids);
                return 1;
            end if;
            select array_agg(s.id) into v_ids
            from (
                select l.id, sum(l.message_count) over (order by l.id) - l.message_count as rows
                from (
                    select a.id, a.message_count from parley.archived_conversations a
                    where a.user_id = p_user order by a.id limit 500 for update
                ) l
            ) s where s.rows < p_rows;
            if v_ids is not null then
                delete from parley.archived_conversations a where a.id = any (v_ids);
                return 1;
            end if;
            delete from parley.tasks t where t.id in (
                select o.id from parley.tasks o where o.user_id = p_user order by o.id limit p_rows);
            if found then
                return 1;
            end if;
            delete from parley.users u where u.id = p_user;
            insert into parley.outbox (endpoint, topic, type, user_id)
            select distinct e.endpoint, 'user/' || p_user, 'user.deleted', p_user
            from parley.nodes n cross join unnest(n.webhooks) as e (endpoint);
            return 2;
        end
        $$;
        """
}
