extension Schema4.Functions {
    static let claimReminders = """
        -- Takes reminders that are due for this gateway, for p_lease milliseconds: a claim is no more than that, what
        -- makes it once is that `fire_reminder` stores the message and the end of the reminder together.
        -- `waits`: milliseconds until the next one that is known; null: there is none.
        create function parley.claim_reminders(p_node text, p_limit int, p_lease int, p_hourly int)
        returns table (
            id bigint, task_id bigint, user_id text, conversation_id uuid, due_at timestamptz, number int, title text,
            recurrence text, time_zone text, waits bigint
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_now timestamptz;
            v_found bigint[];
        begin
            perform parley.hold_fence(p_node);
            -- A transaction that waited for the fence goes by the time it is now.
            v_now := clock_timestamp();
            select array_agg(s.id) into v_found from (
                select r.id from parley.reminders r
                where r.fired_at is null and r.fires_at <= v_now
                order by r.fires_at limit p_limit for update skip locked
            ) s;
            if v_found is not null then
                -- What is done or deleted is not spoken of; what comes back will be again.
                delete from parley.reminders r using parley.tasks t
                    where r.id = any (v_found) and t.id = r.task_id
                        and (t.deleted_at is not null or t.is_completed) and t.recurrence is null;
                update parley.reminders r
                set fires_at = v_now + interval '10 minutes'
                from parley.tasks t
                where r.id = any (v_found) and t.id = r.task_id and t.deleted_at is not null;
                -- More than so many an hour are put off.
                update parley.reminders r set fires_at = v_now + interval '1 minute'
                from (
                    select o.id, row_number() over (partition by o.user_id order by o.due_at, o.id) + (
                        select count(*) from parley.reminders f
                        where f.user_id = o.user_id and f.fired_at > v_now - interval '1 hour') as place
                    from parley.reminders o where o.id = any (v_found)
                ) l
                where l.place > p_hourly and r.id = l.id;
                update parley.reminders r
                set claimed_at = v_now, claimed_by = p_node,
                    fires_at = v_now + p_lease * interval '1 millisecond'
                where r.id = any (v_found) and r.fires_at <= v_now;
            end if;
            return query
            select r.id, r.task_id, r.user_id, r.conversation_id, r.due_at, t.number, t.title::text, t.recurrence,
                t.time_zone, null::bigint
            from parley.reminders r join parley.tasks t on t.id = r.task_id
            where r.id = any (v_found) and r.claimed_at = v_now and r.claimed_by = p_node
            union all
            select null, null, null, null, null, null, null, null, null,
                (select ceil(extract(epoch from min(r.fires_at) - v_now) * 1000)::bigint
                from parley.reminders r where r.fired_at is null);
        end
        $$;
        """
}
