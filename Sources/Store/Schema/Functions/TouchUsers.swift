extension SchemaFunctions {
    static let touchUsers = """
        create function parley.touch_users(p_id text[], p_email text[], p_name text[]) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.users as u (id, email, name)
            select distinct on (i.id) i.id, i.email, i.name
            from unnest(p_id, p_email, p_name) with ordinality as i (id, email, name, n)
            order by i.id, i.n desc
            on conflict (id) do update
            set email = coalesce(excluded.email, u.email), name = coalesce(excluded.name, u.name),
                last_seen_at = now();
        end;
        """
}
