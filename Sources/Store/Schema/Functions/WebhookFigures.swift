extension SchemaFunctions {
    static let webhookFigures = """
        -- What waits, counted to 100 000, how many seconds the oldest of it has waited, and how many are dead.
        create function parley.webhook_figures() returns table (pending bigint, dead bigint, age float8)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        begin atomic
            select
                (select count(*) from (select from parley.outbox o where o.dead_at is null limit 100000) w),
                (select count(*) from (select from parley.outbox o where o.dead_at is not null limit 100000) d),
                coalesce((
                    select extract(epoch from clock_timestamp() - o.created_at)::float8
                    from parley.outbox o where o.dead_at is null order by o.created_at limit 1), 0);
        end;
        """
}
