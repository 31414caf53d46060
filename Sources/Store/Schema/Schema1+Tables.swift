import JSON

extension Schema1 {
    /// Data-model.md, "Tables": users, conversations, tasks, audit and the archive. Lengths are code points.
    static let tables = """
        create table parley.users (
            id text primary key check (char_length(id) between 1 and 255),
            email text check (char_length(email) <= 320),
            name text check (char_length(name) <= 255),
            created_at timestamptz not null default now(),
            last_seen_at timestamptz not null default now()
        );

        create table parley.conversations (
            id uuid primary key,
            user_id text not null references parley.users on delete cascade,
            title varchar(255),
            status text not null default 'active' check (status in ('active', 'dormant', 'archived', 'deleted')),
            metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
            -- The position of the newest message: positions are given out from here.
            message_count int not null default 0 check (message_count >= 0),
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            deleted_at timestamptz,
            unique (id, user_id),
            check ((status = 'deleted') = (deleted_at is not null))
        );
        create index conversations_activity on parley.conversations (user_id, updated_at desc);
        create index conversations_age on parley.conversations (user_id, created_at desc);
        -- The sweep looks for the longest silence among those that can still change their state.
        create index conversations_retention on parley.conversations (status, updated_at)
            where status in ('active', 'dormant', 'deleted');

        create table parley.archived_conversations (
            id uuid primary key,
            user_id text not null references parley.users on delete cascade,
            title varchar(255),
            metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
            message_count int not null check (message_count >= 0),
            created_at timestamptz not null,
            updated_at timestamptz not null,
            archived_at timestamptz not null default now(),
            unique (id, user_id)
        );
        create index archived_conversations_activity on parley.archived_conversations (user_id, updated_at desc);
        create index archived_conversations_retention on parley.archived_conversations (updated_at);

        create table parley.archived_messages (
            id uuid primary key,
            conversation_id uuid not null,
            user_id text not null,
            position int not null check (position >= 1),
            role text not null check (role in ('user', 'assistant', 'tool')),
            content text not null,
            tool_calls jsonb,
            tool_call_id text,
            run_id uuid,
            status text not null check (status in ('complete', 'cancelled', 'interrupted', 'failed')),
            client_id text,
            created_at timestamptz not null,
            foreign key (conversation_id, user_id)
                references parley.archived_conversations (id, user_id) on delete cascade,
            unique (conversation_id, position)
        );
        create index archived_messages_user on parley.archived_messages (user_id, created_at);

        create table parley.audit_log (
            id bigint generated always as identity primary key,
            occurred_at timestamptz not null default now(),
            -- Not a reference: what a user did stays known when the user is deleted.
            actor text not null,
            action text not null,
            object text,
            origin text,
            allowed bool not null,
            detail jsonb
        );
        create index audit_log_actor on parley.audit_log (actor, occurred_at);
        create index audit_log_time on parley.audit_log (occurred_at);

        -- The gateways that are alive: a run whose node does not beat was left by a dead process.
        create table parley.nodes (
            id text primary key check (char_length(id) between 1 and 255),
            heartbeat_at timestamptz not null default now()
        );
        """

    /// Messages, runs, tasks and the log of operations.
    static let messages = """
        create table parley.messages (
            id uuid primary key,
            conversation_id uuid not null,
            user_id text not null,
            position int not null check (position >= 1),
            role text not null check (role in ('user', 'assistant', 'tool')),
            content text not null
                check (char_length(content) <= 200000 and (role <> 'user' or content <> '')),
            tool_calls jsonb
                check (tool_calls is null or role = 'assistant' and jsonb_typeof(tool_calls -> 'tools') = 'array'),
            tool_call_id text check (tool_call_id is null or role = 'tool' and char_length(tool_call_id) <= 255),
            -- Not a reference: the run's row is written after its message and may go before it.
            run_id uuid,
            status text not null default 'complete'
                check (status in ('complete', 'cancelled', 'interrupted', 'failed')),
            client_id text check (client_id is null or role = 'user' and char_length(client_id) between 1 and 64),
            created_at timestamptz not null default now(),
            -- The database itself refuses a message in another user's conversation.
            foreign key (conversation_id, user_id) references parley.conversations (id, user_id) on delete cascade,
            unique (conversation_id, position)
        );
        create index messages_user on parley.messages (user_id, created_at);
        create index messages_time on parley.messages (created_at);
        create unique index messages_client on parley.messages (user_id, client_id) where client_id is not null;

        create function parley.refuse_message_change() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            -- The cascade from a conversation runs inside that table's own trigger.
            if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
                return old;
            end if;
            raise exception 'messages are append-only' using errcode = 'insufficient_privilege';
        end
        $$;
        create trigger messages_append_only before update or delete on parley.messages
            for each row execute function parley.refuse_message_change();
        create trigger messages_no_truncate before truncate on parley.messages
            for each statement execute function parley.refuse_message_change();

        create table parley.runs (
            id uuid primary key,
            conversation_id uuid not null,
            user_id text not null,
            user_message_id uuid not null unique references parley.messages on delete cascade,
            status text not null
                check (status in ('queued', 'running', 'completed', 'cancelled', 'failed', 'interrupted')),
            node text,
            heartbeat_at timestamptz,
            -- JSON text of the messages streamed so far: [{"id", "content"}].
            checkpoint text,
            usage jsonb,
            error jsonb,
            created_at timestamptz not null default now(),
            started_at timestamptz,
            finished_at timestamptz,
            foreign key (conversation_id, user_id) references parley.conversations (id, user_id) on delete cascade
        );
        create index runs_conversation on parley.runs (conversation_id);
        create unique index runs_one_running on parley.runs (conversation_id) where status = 'running';
        create index runs_unfinished on parley.runs (node) where status in ('queued', 'running');

        create table parley.tasks (
            id bigint generated always as identity primary key,
            user_id text not null references parley.users on delete cascade,
            title varchar(200) not null check (title ~ '[^[:space:]]'),
            description varchar(2000),
            is_completed bool not null default false,
            ai_generated bool not null default false,
            last_interaction_id uuid references parley.messages on delete set null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index tasks_completed on parley.tasks (user_id, is_completed);
        create index tasks_age on parley.tasks (user_id, created_at desc);
        create index tasks_interaction on parley.tasks (last_interaction_id) where last_interaction_id is not null;

        create table parley.task_operation_logs (
            operation_id uuid primary key default gen_random_uuid(),
            conversation_id uuid not null,
            user_id text not null,
            user_message_id uuid references parley.messages on delete set null,
            run_id uuid not null references parley.runs on delete cascade,
            ordinal int not null check (ordinal >= 1),
            operation_type text not null
                check (operation_type in ('add', 'list', 'get', 'update', 'delete', 'complete')),
            input_params jsonb not null,
            result jsonb,
            status text not null default 'pending' check (status in ('pending', 'success', 'failed')),
            created_at timestamptz not null default now(),
            finished_at timestamptz,
            foreign key (conversation_id, user_id) references parley.conversations (id, user_id) on delete cascade,
            unique (run_id, ordinal)
        );
        create index task_operation_logs_conversation
            on parley.task_operation_logs (conversation_id, created_at);
        create index task_operation_logs_message on parley.task_operation_logs (user_message_id);
        """

    /// Long texts, under lz4 where the server was built with it: it is quicker than pglz and as good for text.
    static let compression = """
        do $$
        begin
            if exists (
                select from pg_catalog.pg_settings
                where name = 'default_toast_compression' and 'lz4' = any (enumvals)
            ) then
                alter table parley.messages alter content set compression lz4;
                alter table parley.archived_messages alter content set compression lz4;
                alter table parley.runs alter checkpoint set compression lz4;
            end if;
        end
        $$;
        """

    static let down = """
        drop function parley.perform_tool, parley.task_json, parley.recover_runs, parley.beat, parley.checkpoint_runs,
            parley.touch_users, parley.end_runs, parley.accept_turns;
        drop table parley.task_operation_logs, parley.tasks, parley.runs, parley.messages, parley.archived_messages,
            parley.archived_conversations, parley.conversations, parley.audit_log, parley.nodes, parley.users;
        drop function parley.refuse_message_change;
        -- The role belongs to the cluster, where other databases may use it: it stays, without rights here.
        revoke all on schema parley from parley_gateway;
        """
}
