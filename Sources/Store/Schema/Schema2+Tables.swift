/// The SQL of migration 2, by subject: the life of conversations and the encryption of what they hold.
enum Schema2 {}

extension Schema2 {
    /// Beside a text stands the id of the key that it is sealed with, or nothing where it is plain. A sealed text is
    /// longer than what is in it: four bytes a code point, 28 for nonce and tag, and a third for Base64.
    static let tables = """
        create table parley.content_keys (
            id text primary key check (char_length(id) between 1 and 64),
            -- A known text, sealed with it: tells whether a key of this name is the same key.
            canary text not null,
            created_at timestamptz not null default now()
        );

        alter table parley.users add deleting_at timestamptz;

        alter table parley.conversations
            add title_key text,
            -- Positions are never used again, so a deleted message leaves a gap.
            add messages_deleted int not null default 0 check (messages_deleted >= 0),
            alter title type text,
            add constraint conversations_title_check
                check (char_length(title) <= case when title_key is null then 255 else 1500 end);
        create index conversations_purge on parley.conversations (deleted_at) where status = 'deleted';

        alter table parley.messages
            add content_key text,
            drop constraint messages_check,
            add constraint messages_content_check check (
                char_length(content) <= case when content_key is null then 200000 else 1066752 end
                and (role <> 'user' or content <> ''));

        alter table parley.runs add checkpoint_key text;

        alter table parley.archived_conversations
            add title_key text,
            add messages_deleted int not null default 0 check (messages_deleted >= 0),
            add deleted_at timestamptz,
            -- Which of the user's tasks were last touched by which of these messages.
            add task_links jsonb,
            alter title type text,
            add constraint archived_conversations_title_check
                check (char_length(title) <= case when title_key is null then 255 else 1500 end);
        create index archived_conversations_purge on parley.archived_conversations (deleted_at)
            where deleted_at is not null;

        alter table parley.archived_messages add content_key text;
        create unique index archived_messages_client on parley.archived_messages (user_id, client_id)
            where client_id is not null;

        create table parley.archived_runs (
            id uuid primary key,
            conversation_id uuid not null,
            user_id text not null,
            user_message_id uuid not null unique references parley.archived_messages on delete cascade,
            status text not null check (status in ('completed', 'cancelled', 'failed', 'interrupted')),
            node text,
            usage jsonb,
            error jsonb,
            created_at timestamptz not null,
            started_at timestamptz,
            finished_at timestamptz,
            foreign key (conversation_id, user_id)
                references parley.archived_conversations (id, user_id) on delete cascade
        );
        create index archived_runs_conversation on parley.archived_runs (conversation_id);

        create table parley.archived_operation_logs (
            operation_id uuid primary key,
            conversation_id uuid not null,
            user_id text not null,
            user_message_id uuid,
            run_id uuid not null references parley.archived_runs on delete cascade,
            ordinal int not null check (ordinal >= 1),
            operation_type text not null
                check (operation_type in ('add', 'list', 'get', 'update', 'delete', 'complete')),
            input_params jsonb not null,
            result jsonb,
            status text not null check (status in ('pending', 'success', 'failed')),
            created_at timestamptz not null,
            finished_at timestamptz,
            foreign key (conversation_id, user_id)
                references parley.archived_conversations (id, user_id) on delete cascade,
            unique (run_id, ordinal)
        );
        create index archived_operation_logs_conversation
            on parley.archived_operation_logs (conversation_id, created_at);

        \(SchemaFunctions.refuseMessageChange)
        """

    /// A name that is gone is one that nothing is sealed with, nor will be: who takes it away waits for those who have
    /// found it here, and then looks what they have written.
    static let keys = """
        \(SchemaFunctions.useKey)

        \(SchemaFunctions.dropKey)
        """

    static let rights = """
        alter table parley.archived_runs enable row level security;
        create policy own on parley.archived_runs to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.archived_operation_logs enable row level security;
        create policy own on parley.archived_operation_logs to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        -- Names and canaries, no keys.
        alter table parley.content_keys enable row level security;
        create policy known on parley.content_keys to parley_gateway using (true) with check (true);

        grant select on parley.archived_runs, parley.archived_operation_logs, parley.content_keys to parley_gateway;
        grant insert (id, canary) on parley.content_keys to parley_gateway;
        grant insert (title_key), update (title_key) on parley.conversations to parley_gateway;

        -- What is not granted is called by the others, or by the owner alone.
        revoke execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs, parley.recover_runs,
            parley.to_archive, parley.from_archive, parley.retention_candidates, parley.retain, parley.retention_due,
            parley.retain_audit, parley.create_conversation, parley.change_conversation, parley.delete_conversation,
            parley.delete_message, parley.delete_user, parley.users_to_delete, parley.keep_single, parley.reseal,
            parley.use_key, parley.drop_key from public;
        grant execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs, parley.recover_runs,
            parley.retain, parley.retention_due, parley.retain_audit, parley.create_conversation,
            parley.change_conversation, parley.delete_conversation, parley.delete_message, parley.delete_user,
            parley.users_to_delete to parley_gateway;
        """

    /// What is archived comes back first: nothing is lost but the way it was kept.
    static let down = """
        do $$
        declare
            v_ids uuid[];
        begin
            if exists (select from parley.content_keys) then
                raise exception 'contents are encrypted: run parley reencrypt with CONTENT_KEYS=plain,… first';
            end if;
            delete from parley.archived_conversations where deleted_at is not null;
            loop
                v_ids := array(select id from parley.archived_conversations order by id limit 100);
                exit when v_ids = '{}';
                perform parley.from_archive(
                    array(select user_id from parley.archived_conversations order by id limit 100), v_ids, 'dormant');
            end loop;
        end
        $$;

        drop function parley.accept_turns, parley.end_runs, parley.checkpoint_runs, parley.recover_runs,
            parley.to_archive, parley.from_archive, parley.retention_candidates, parley.retain, parley.retention_due,
            parley.retain_audit, parley.create_conversation, parley.change_conversation, parley.delete_conversation,
            parley.delete_message, parley.delete_user, parley.users_to_delete, parley.keep_single, parley.reseal,
            parley.use_key, parley.drop_key;
        drop table parley.archived_operation_logs, parley.archived_runs, parley.content_keys;

        drop index parley.archived_messages_client;
        alter table parley.archived_messages drop content_key;
        drop index parley.archived_conversations_purge;
        alter table parley.archived_conversations
            drop constraint archived_conversations_title_check,
            drop title_key, drop messages_deleted, drop deleted_at, drop task_links,
            alter title type varchar(255);
        alter table parley.runs drop checkpoint_key;
        alter table parley.messages
            drop constraint messages_content_check,
            drop content_key,
            add constraint messages_check
                check (char_length(content) <= 200000 and (role <> 'user' or content <> ''));
        drop index parley.conversations_purge;
        alter table parley.conversations
            drop constraint conversations_title_check,
            drop title_key, drop messages_deleted,
            alter title type varchar(255);
        alter table parley.users drop deleting_at;

        create or replace function parley.refuse_message_change() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            -- The cascade from a conversation runs inside that table's own trigger.
            if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
                return old;
            end if;
            raise exception 'messages are append-only' using errcode = 'insufficient_privilege';
        end
        $$;
        """

    /// The functions of migration 1 as they were, with their rights.
    static let formerFunctions =
        [Schema1.acceptTurns, Schema1.endRuns, formerCheckpoint, Schema1.recovery].joined(separator: "\n") + """

            revoke execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs,
                parley.recover_runs from public;
            grant execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs,
                parley.recover_runs to parley_gateway;
            """

    private static let formerCheckpoint = """
        create function parley.checkpoint_runs(p_user text[], p_run uuid[], p_text text[]) returns void
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off
        as $$
        begin
            update parley.runs r set checkpoint = i.content, heartbeat_at = now()
            from unnest(p_user, p_run, p_text) as i (owner, run, content)
            where r.id = i.run and (r.user_id = i.owner and r.status in ('queued', 'running')) is true;
        end
        $$;
        """
}
