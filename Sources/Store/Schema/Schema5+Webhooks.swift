extension Schema5 {
    /// What is to be told to others by webhooks: a row an event and endpoint, written in the transaction that makes true
    /// what it tells, and gone when the endpoint has taken it. It names what it is about and holds nothing of it: contents
    /// stay in one place, under one key, and what was deleted meanwhile is not sent.
    ///
    /// Whether rows are written is a matter of the gateway that writes (`nodes.webhooks`, the endpoints it has), which the
    /// functions read with its right to write: where there are none, nothing is done.
    static let webhooks = """
        alter table parley.nodes add column webhooks text[] check (cardinality(webhooks) between 1 and 16);

        create table parley.outbox (
            id bigint generated always as identity primary key,
            -- A name made of the address, which may itself be a secret.
            endpoint text not null check (octet_length(endpoint) between 1 and 64),
            -- What is told in order: a conversation, or a user.
            topic text not null,
            event_id uuid not null default gen_random_uuid(),
            type text not null
                check (type in ('message.created', 'run.ended', 'user.deleted', 'reminder.fired')),
            user_id text not null,
            conversation_id uuid,
            message_id uuid,
            run_id uuid,
            created_at timestamptz not null default now(),
            attempts int not null default 0,
            due_at timestamptz not null default now(),
            claimed_by text,
            claimed_until timestamptz,
            last_error text check (octet_length(last_error) <= 1000),
            -- Since when nobody tries any more: the dead letters.
            dead_at timestamptz
        );
        create index outbox_due on parley.outbox (endpoint, due_at, id) where dead_at is null;
        create index outbox_order on parley.outbox (endpoint, topic, id) where dead_at is null;
        create index outbox_dead on parley.outbox (dead_at) where dead_at is not null;
        create index outbox_age on parley.outbox (created_at);
        alter table parley.outbox enable row level security;
        create policy own on parley.outbox to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        \(SchemaFunctions.noteEvents)

        \(SchemaFunctions.tellEndpoints)

        \(SchemaFunctions.again(SchemaFunctions.endRuns))

        \(SchemaFunctions.again(SchemaFunctions.fireReminder))

        \(SchemaFunctions.again(SchemaFunctions.deleteUser))

        \(SchemaFunctions.claimWebhooks)

        \(SchemaFunctions.settleWebhook)

        \(SchemaFunctions.webhookFigures)

        \(SchemaFunctions.purgeWebhooks)

        revoke execute on function parley.note_events, parley.tell_endpoints, parley.claim_webhooks,
            parley.settle_webhook, parley.webhook_figures, parley.purge_webhooks from public;
        grant execute on function parley.tell_endpoints, parley.claim_webhooks, parley.settle_webhook,
            parley.webhook_figures, parley.purge_webhooks to parley_gateway;
        """

    /// What was not sent yet is not told any more.
    static let webhooksDown = """
        \(SchemaFunctions.again(Schema4.Functions.endRuns))

        \(SchemaFunctions.again(Schema4.Functions.fireReminder))

        \(SchemaFunctions.again(Schema2.deleteUser))

        drop function parley.purge_webhooks, parley.webhook_figures, parley.settle_webhook, parley.claim_webhooks,
            parley.tell_endpoints, parley.note_events;
        drop table parley.outbox;
        alter table parley.nodes drop column webhooks;

        """
}
