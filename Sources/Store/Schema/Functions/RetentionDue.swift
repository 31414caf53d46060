extension SchemaFunctions {
    static let retentionDue = """
        -- How many the move would find; changes nothing.
        create function parley.retention_due(p_move text, p_before timestamptz) returns bigint
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            return case p_move
                when 'dormant' then (
                    select count(*) from parley.conversations c
                    where c.status = 'active' and c.updated_at < p_before and not exists (
                        select from parley.runs r
                        where r.conversation_id = c.id and r.status in ('queued', 'running', 'suspended')))
                when 'archive' then (
                    select count(*) from parley.conversations c
                    where c.status in ('active', 'dormant') and c.updated_at < p_before and not exists (
                        select from parley.runs r
                        where r.conversation_id = c.id and r.status in ('queued', 'running', 'suspended')))
                when 'delete' then (
                    select count(*) from parley.conversations c
                    where c.status in ('active', 'dormant') and c.updated_at < p_before and not exists (
                        select from parley.runs r
                        where r.conversation_id = c.id and r.status in ('queued', 'running', 'suspended')))
                when 'delete_archived' then (
                    select count(*) from parley.archived_conversations a
                    where a.updated_at < p_before and a.deleted_at is null)
                when 'purge' then (
                    select count(*) from parley.conversations c
                    where c.status = 'deleted' and c.deleted_at < p_before)
                when 'purge_archived' then (
                    select count(*) from parley.archived_conversations a where a.deleted_at < p_before)
                when 'audit' then (
                    select count(*) from parley.audit_log l where l.occurred_at < p_before)
            end;
        end
        $$;
        """
}
