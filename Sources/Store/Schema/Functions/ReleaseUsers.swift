extension SchemaFunctions {
    static let releaseUsers = """
        -- Whoever wants them may have them, unless they were claimed again since that epoch, or this gateway has runs of
        -- theirs: also such of which it does not know yet, since the answer that gave it them was lost.
        create function parley.release_users(p_id text[], p_epoch bigint[], p_node text) returns void
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        begin
            -- All writers lock users in the order of their ids.
            perform from parley.users u where u.id = any (p_id) order by u.id for no key update;
            update parley.users u set owner_is_idle = true
            from unnest(p_id, p_epoch) as i (id, epoch)
            where u.id = i.id and u.owner_node = p_node and u.owner_epoch = i.epoch and not u.owner_is_idle
                and u.id not in (
                    select r.user_id from parley.runs r where r.status in ('queued', 'running') and r.node = p_node);
        end
        $$;
        """
}
