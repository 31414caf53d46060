extension SchemaFunctions {
    static let purgeWebhooks = """
        -- Dead letters, and what waits for an endpoint that no gateway has any more, older than p_keep microseconds. How
        -- many of them are gone; more than p_limit are left to the next call.
        create function parley.purge_webhooks(p_keep bigint, p_limit int) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_rows int;
        begin
            delete from parley.outbox o where o.id in (
                select x.id from parley.outbox x
                where x.created_at < now() - p_keep * interval '1 microsecond'
                    and (x.dead_at is not null or not exists (
                        select from parley.nodes n where x.endpoint = any (n.webhooks)))
                order by x.created_at limit p_limit for update skip locked);
            get diagnostics v_rows = row_count;
            return v_rows;
        end
        $$;
        """
}
