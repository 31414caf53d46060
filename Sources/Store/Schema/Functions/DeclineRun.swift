extension SchemaFunctions {
    static let declineRun = """
        -- Declines what a conversation has asked, without a run that would answer to it. The run that waited; null: none
        -- does (any more).
        create function parley.decline_run(
            p_node text, p_user text, p_conversation uuid, p_run uuid, p_as text, p_by text
        ) returns uuid
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_run uuid;
        begin
            perform parley.hold_fence(p_node);
            perform from parley.conversations c
            where c.id = p_conversation and (c.user_id = p_user) is true for no key update;
            if not found then
                return null;
            end if;
            select r.id into v_run from parley.runs r
            where r.conversation_id = p_conversation and r.status = 'suspended' and r.id = coalesce(p_run, r.id)
                and (p_as <> 'expired' or exists (
                    select from parley.approvals a
                    where a.run_id = r.id and a.status = 'open' and a.expires_at <= now()));
            if v_run is not null then
                perform parley.decline_suspended(array[p_conversation], p_as, p_by, p_node);
            end if;
            return v_run;
        end
        $$;
        """

    static let expireApprovals = """
        -- Ends what nobody has answered in time, for all users, one gateway beside the other. Without a run: nothing has
        -- expired, but something is open.
        create function parley.expire_approvals(p_node text, p_limit int)
        returns table (user_id text, conversation_id uuid, run_id uuid, waits bigint)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_conversations uuid[];
            v_runs uuid[];
        begin
            perform parley.hold_fence(p_node);
            select array_agg(x.id) into v_conversations
            from (
                select c.id from parley.conversations c
                where c.id in (
                    select a.conversation_id from parley.approvals a
                    where a.status = 'open' and a.expires_at <= now() order by a.expires_at limit p_limit)
                order by c.id for no key update skip locked
            ) x;
            if v_conversations is not null then
                -- Once, and not for each row that is looked at.
                v_runs := parley.decline_suspended(v_conversations, 'expired', null, p_node);
                return query
                    select r.user_id, r.conversation_id, r.id, null::bigint from parley.runs r
                    where r.id = any (v_runs);
            end if;
            return query
                select null::text, null::uuid, null::uuid,
                    greatest(0, extract(epoch from min(a.expires_at) - now()) * 1000)::bigint
                from parley.approvals a where a.status = 'open' having count(*) > 0;
        end
        $$;
        """
}
