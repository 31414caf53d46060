/// Tools that ask first (Protocol.md section 10): a run that waits for a person is rows, and so is what was decided.
extension Schema5 {
    /// What goes on with the answers is a run of its own, to the same question.
    ///
    /// The one index keeps a conversation from running and from waiting for a person at once: so the short way of a turn
    /// asks nothing, and finds out where it may not be taken.
    static let approvals =
        """
        alter table parley.runs
            drop constraint runs_status_check,
            add constraint runs_status_check check (status in (
                'queued', 'running', 'suspended', 'completed', 'cancelled', 'failed', 'interrupted')),
            -- The suspended one whose answers it goes on with.
            add column resumed_run_id uuid;
        create unique index runs_resumed on parley.runs (resumed_run_id) where resumed_run_id is not null;
        drop index parley.runs_one_running;
        create unique index runs_one_running on parley.runs (conversation_id)
            where status in ('running', 'suspended');
        drop index parley.runs_unfinished;
        create index runs_unfinished on parley.runs (conversation_id)
            where status in ('queued', 'running', 'suspended');
        create index runs_suspended on parley.runs (user_id) where status = 'suspended';
        alter table parley.archived_runs add column resumed_run_id uuid;

        create table parley.approvals (
            id uuid primary key,
            run_id uuid not null references parley.runs on delete cascade,
            -- Of the operation, as in its log.
            ordinal int not null check (ordinal >= 1),
            conversation_id uuid not null,
            user_id text not null,
            -- What is to be carried out; null: a question of an upstream.
            tool text,
            call_id text,
            parameters jsonb,
            -- What the person is shown beside that, and what the upstream wants back.
            interrupt jsonb,
            -- Under which the two are sealed.
            content_key text,
            status text not null default 'open' check (status in ('open', 'approved', 'declined', 'expired')),
            decided_at timestamptz check ((decided_at is null) = (status = 'open')),
            -- The session.
            decided_by text,
            reason text,
            correction jsonb,
            payload jsonb,
            created_at timestamptz not null default now(),
            expires_at timestamptz not null,
            unique (run_id, ordinal)
        );
        create index approvals_conversation on parley.approvals (conversation_id) where status = 'open';
        create index approvals_expiry on parley.approvals (expires_at) where status = 'open';
        alter table parley.approvals enable row level security;
        create policy own on parley.approvals to parley_gateway
            using (user_id = current_setting('app.user_id', true));
        grant select on parley.approvals to parley_gateway;

        """
        + [
            SchemaFunctions.declineSuspended, SchemaFunctions.suspendRun, SchemaFunctions.declineRun,
            SchemaFunctions.expireApprovals, SchemaFunctions.resumeRun,
        ].joined(separator: "\n")
        + [
            SchemaFunctions.beginRun, SchemaFunctions.changeConversation, SchemaFunctions.deleteConversation,
            SchemaFunctions.retentionCandidates, SchemaFunctions.retentionDue,
        ].map(SchemaFunctions.again).joined(separator: "\n") + """

            revoke execute on function parley.suspend_run, parley.decline_suspended, parley.decline_run,
                parley.expire_approvals, parley.resume_run from public;
            grant execute on function parley.suspend_run, parley.decline_run, parley.expire_approvals,
                parley.resume_run to parley_gateway;
            """

    /// What is open is declined. The runs that went on stay, without their question.
    static let approvalsDown =
        """
        select parley.decline_suspended(array_agg(r.conversation_id), 'declined', null, null)
        from parley.runs r where r.status = 'suspended';
        drop function parley.suspend_run, parley.decline_suspended, parley.decline_run, parley.expire_approvals,
            parley.resume_run;

        """
        + [
            Schema4.Functions.beginRun, Schema4.Functions.changeConversation, Schema4.Functions.deleteConversation,
            Schema2.Functions.retentionCandidates, Schema2.Functions.retentionDue,
        ].map(SchemaFunctions.again).joined(separator: "\n") + """

            drop table parley.approvals;
            update parley.runs set user_message_id = null where resumed_run_id is not null;
            update parley.archived_runs set user_message_id = null where resumed_run_id is not null;
            drop index parley.runs_suspended, parley.runs_one_running, parley.runs_unfinished;
            alter table parley.runs
                drop column resumed_run_id,
                drop constraint runs_status_check,
                add constraint runs_status_check check (status in (
                    'queued', 'running', 'completed', 'cancelled', 'failed', 'interrupted'));
            alter table parley.archived_runs drop column resumed_run_id;
            create unique index runs_one_running on parley.runs (conversation_id) where status = 'running';
            create index runs_unfinished on parley.runs (conversation_id) where status in ('queued', 'running');

            """
}
