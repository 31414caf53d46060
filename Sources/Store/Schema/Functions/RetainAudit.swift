extension SchemaFunctions {
    static let retainAudit = """
        create function parley.retain_audit(p_before timestamptz, p_limit int) returns int
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $$
        declare
            v_count int;
        begin
            if not pg_try_advisory_xact_lock(x'7061726C657932'::bigint) then
                raise exception 'another gateway is at it' using errcode = 'lock_not_available';
            end if;
            delete from parley.audit_log l where l.id in (
                select o.id from parley.audit_log o where o.occurred_at < p_before
                order by o.occurred_at limit p_limit for update skip locked);
            get diagnostics v_count = row_count;
            return v_count;
        end
        $$;
        """
}
