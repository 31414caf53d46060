extension SchemaFunctions {
    static let meetUsers = """
        -- Makes users known. Those of `p_claims` become this gateway's, as a new epoch, unless a living gateway has their
        -- sessions; that one is told that somebody wants them.
        create function parley.meet_users(
            p_id text[], p_email text[], p_name text[], p_claims bool[] default null, p_node text default null
        ) returns table (id text, owner text, epoch bigint, silence int, is_taken bool)
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        #variable_conflict use_column
        declare
            v_ids text[];
            v_owners text[];
            v_epochs bigint[];
            v_refused bool;
            v_others text[];
            v_taken text[];
        begin
            if p_node is not null then
                perform parley.hold_fence(p_node);
            end if;
            with touched as (
                insert into parley.users as u (id, email, name, owner_node)
                select distinct on (i.id) i.id, i.email, i.name, case when i.claims then p_node end
                from unnest(p_id, p_email, p_name, p_claims) with ordinality as i (id, email, name, claims, n)
                order by i.id, i.n desc
                on conflict (id) do update
                set email = coalesce(excluded.email, u.email), name = coalesce(excluded.name, u.name),
                    last_seen_at = now(),
                    owner_node = case
                        when u.owner_node is null or u.owner_is_idle then coalesce(excluded.owner_node, u.owner_node)
                        else u.owner_node end,
                    owner_epoch = u.owner_epoch + case
                        when excluded.owner_node is not null and (
                            u.owner_node is null or u.owner_is_idle or u.owner_node = excluded.owner_node) then 1
                        else 0 end,
                    owner_is_idle = u.owner_is_idle and excluded.owner_node is null
                returning u.id, u.owner_node, u.owner_epoch
            )
            select array_agg(t.id), array_agg(t.owner_node), array_agg(t.owner_epoch),
                bool_or(t.owner_node <> p_node)
            into v_ids, v_owners, v_epochs, v_refused
            from touched t;
            if v_refused then
                select array_agg(t.id) into v_others
                from unnest(p_id, p_claims) i (id, claims) join unnest(v_ids, v_owners) t (id, owner) on t.id = i.id
                where i.claims and t.owner <> p_node;
                if v_others is not null then
                    v_taken := parley.take_users(v_others, p_node);
                    return query
                        select u.id, u.owner_node, u.owner_epoch,
                            (extract(epoch from now() - n.heartbeat_at) * 1000)::int,
                            (u.id = any (v_taken)) is true
                        from parley.users u left join parley.nodes n on n.id = u.owner_node
                        where u.id = any (v_ids);
                    return;
                end if;
            end if;
            return query
                select t.id, t.owner, t.epoch, 0, false from unnest(v_ids, v_owners, v_epochs) t (id, owner, epoch);
        end
        $$;
        """
}
