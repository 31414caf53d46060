extension SchemaFunctions {
    static let settleWebhook = """
        -- What became of an attempt. p_delay: milliseconds until the next one; null with p_error: there is none, it is a
        -- dead letter. What waits behind it is put off with it. False: the claim was another's by then.
        create function parley.settle_webhook(p_node text, p_id bigint, p_error text, p_delay bigint) returns bool
        language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
        declare
            v_row parley.outbox;
        begin
            if p_error is null then
                delete from parley.outbox o where o.id = p_id and o.claimed_by = p_node;
                return found;
            end if;
            update parley.outbox o
            set claimed_by = null, claimed_until = null, last_error = left(p_error, 250),
                due_at = clock_timestamp() + coalesce(p_delay, 0) * interval '1 millisecond',
                dead_at = case when p_delay is null then clock_timestamp() end
            where o.id = p_id and o.claimed_by = p_node
            returning * into v_row;
            if v_row.id is not null and p_delay is not null then
                update parley.outbox o set due_at = v_row.due_at
                where o.endpoint = v_row.endpoint and o.topic = v_row.topic and o.id > v_row.id and o.dead_at is null
                    and o.due_at < v_row.due_at;
            end if;
            return v_row.id is not null;
        end
        $$;
        """
}
