extension SchemaFunctions {
    static let purgeTasks = """
        -- Tasks that were deleted before that time go for good, and what is left of reminders that fired; or are counted.
        create function parley.purge_tasks(p_before timestamptz, p_limit int, p_only_counts bool) returns bigint
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $$
        declare
            v_tasks bigint;
        begin
            if p_only_counts then
                return (select count(*) from parley.tasks t where t.deleted_at < p_before);
            end if;
            delete from parley.tasks t where t.id in (
                select o.id from parley.tasks o where o.deleted_at < p_before
                order by o.deleted_at limit p_limit for update skip locked);
            get diagnostics v_tasks = row_count;
            delete from parley.reminders r where r.id in (
                select o.id from parley.reminders o where o.fired_at < p_before
                order by o.fired_at limit p_limit for update skip locked);
            return v_tasks;
        end
        $$;
        """
}
