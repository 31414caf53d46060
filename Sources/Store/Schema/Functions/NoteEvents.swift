extension SchemaFunctions {
    static let noteEvents = """
        -- Of what this transaction has stored: its messages and ended runs among those named, in the order of each
        -- conversation, whose row the caller has locked, so that the order of ids is that of the commits. What was
        -- stored before, or comes back out of the archive, has another time. A message without a question's run is a
        -- reminder's.
        create function parley.note_events(p_endpoints text[], p_messages uuid[], p_runs uuid[]) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.outbox (endpoint, topic, type, user_id, conversation_id, message_id, run_id)
            select e.endpoint, x.conversation_id::text, x.type, x.user_id, x.conversation_id, x.message_id, x.run_id
            from (
                select m.conversation_id, m.user_id, 'message.created' as type, m.id as message_id, m.run_id,
                    0 as kind, m.position as place
                from parley.messages m where m.id = any (p_messages) and m.created_at = now()
                union all
                select r.conversation_id, r.user_id, 'run.ended', null, r.id, 1, 0
                from parley.runs r
                where r.id = any (p_runs) and r.finished_at = now()
                    and r.status in ('completed', 'cancelled', 'failed', 'interrupted')
            ) x cross join unnest(p_endpoints) as e (endpoint)
            order by x.conversation_id, x.kind, x.place;
        end;
        """
}
