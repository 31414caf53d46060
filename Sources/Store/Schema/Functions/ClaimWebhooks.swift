extension SchemaFunctions {
    static let claimWebhooks = """
        -- The next events for an endpoint, of each topic the oldest alone: what follows waits until that one was taken
        -- or given up. A claim holds until its time is over, or its gateway is gone.
        create function parley.claim_webhooks(p_node text, p_endpoint text, p_limit int, p_lease int)
        returns table (
            id bigint, event_id uuid, type text, user_id text, conversation_id uuid, message_id uuid, run_id uuid,
            created_at timestamptz, attempts int
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
        #variable_conflict use_column
        begin
            return query
            with found as (
                select o.id from parley.outbox o
                where o.endpoint = p_endpoint and o.dead_at is null and o.due_at <= clock_timestamp()
                    and (o.claimed_by is null or o.claimed_until < clock_timestamp()
                        or not exists (select from parley.nodes n where n.id = o.claimed_by))
                    and not exists (
                        select from parley.outbox e
                        where e.endpoint = p_endpoint and e.topic = o.topic and e.id < o.id and e.dead_at is null)
                order by o.due_at, o.id limit p_limit for update skip locked
            )
            update parley.outbox o
            set claimed_by = p_node, claimed_until = clock_timestamp() + p_lease * interval '1 millisecond',
                attempts = o.attempts + 1
            from found f where o.id = f.id
            returning o.id, o.event_id, o.type, o.user_id, o.conversation_id, o.message_id, o.run_id, o.created_at,
                o.attempts;
        end
        $$;
        """
}
