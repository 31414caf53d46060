extension SchemaFunctions {
    static let takeUsers = """
        -- Of users that others have, whose rows the caller has locked: takes those whose owner is gone, and leaves word
        -- for the others' owners. By a statement of its own, which sees every gateway that could have claimed them.
        create function parley.take_users(p_id text[], p_node text) returns text[]
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_taken text[];
        begin
            with taken as (
                update parley.users u
                set owner_node = p_node, owner_epoch = u.owner_epoch + 1, owner_is_idle = false
                where u.id = any (p_id) and not exists (select from parley.nodes n where n.id = u.owner_node)
                returning u.id
            )
            select array_agg(t.id) into v_taken from taken t;
            insert into parley.owner_wishes as w (node, wanted, epoch)
            select u.owner_node, u.id, u.owner_epoch from parley.users u
            where u.id = any (p_id) and u.owner_node <> p_node
            order by u.owner_node, u.id
            on conflict (node, wanted) do update set epoch = excluded.epoch, wished_at = now();
            return v_taken;
        end
        $$;
        """
}
