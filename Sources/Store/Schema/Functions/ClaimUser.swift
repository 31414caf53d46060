extension SchemaFunctions {
    static let claimUser = """
        -- As `meet_users` claims, for a user who is known; no row: there is none.
        create function parley.claim_user(p_user text, p_node text)
        returns table (id text, owner text, epoch bigint, silence int, is_taken bool)
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        #variable_conflict use_column
        declare
            v_taken text[];
        begin
            perform parley.hold_fence(p_node);
            update parley.users u
            set owner_node = case
                    when u.owner_node is null or u.owner_is_idle then p_node else u.owner_node end,
                owner_epoch = u.owner_epoch + case
                    when u.owner_node is null or u.owner_is_idle or u.owner_node = p_node then 1 else 0 end,
                owner_is_idle = false
            where u.id = p_user;
            if exists (select from parley.users u where u.id = p_user and u.owner_node <> p_node) then
                v_taken := parley.take_users(array[p_user], p_node);
            end if;
            return query
                select u.id, u.owner_node, u.owner_epoch,
                    coalesce((extract(epoch from now() - n.heartbeat_at) * 1000)::int, 0),
                    (u.id = any (v_taken)) is true
                from parley.users u left join parley.nodes n on n.id = u.owner_node
                where u.id = p_user;
        end
        $$;
        """
}
