extension Schema1 {
    /// The role that the gateway works as: it owns nothing and cannot log in. Roles belong to the cluster, so another
    /// database may have made it already, or be making it right now.
    ///
    /// The login must be able to become it, which since PostgreSQL 16 is more than to be its member: who makes a role
    /// is its member with the ADMIN option alone, and with that may grant itself the SET option. Can be run again, and
    /// is at each `migrate up`: a cluster into which a database was restored has neither the role nor its members.
    static let role = """
        do $$
        declare
            -- What was "member" before 16 is asked for as "SET", which 15 does not know.
            v_becomes text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'member' end;
        begin
            if not exists (select from pg_catalog.pg_roles where rolname = 'parley_gateway') then
                begin
                    create role parley_gateway nologin nosuperuser nocreatedb nocreaterole nobypassrls;
                exception
                    when duplicate_object or unique_violation then
                        null;
                    when insufficient_privilege then
                        raise exception using errcode = 'insufficient_privilege', message = format(
                            'this login may not create roles; an administrator must run: '
                            'create role parley_gateway nologin; grant parley_gateway to %I;', current_user);
                end;
            end if;
            if exists (
                select from pg_catalog.pg_roles
                where rolname = 'parley_gateway' and (rolsuper or rolbypassrls)
            ) then
                raise exception 'role parley_gateway would bypass row-level security';
            end if;
            if not pg_catalog.pg_has_role(current_user, 'parley_gateway', v_becomes) then
                begin
                    execute format('grant parley_gateway to %I', current_user);
                exception
                    when unique_violation then
                        null;
                    when insufficient_privilege then
                        raise exception using errcode = 'insufficient_privilege', message = format(
                            'this login may not become the role parley_gateway; an administrator must run: '
                            'grant parley_gateway to %I;', current_user);
                end;
            end if;
        end
        $$;
        """

    /// Who may do what. Messages and runs are written by the batch functions alone, which run as the schema's owner;
    /// everything else is limited to the rows of `app.user_id`, which no setting at all makes nobody's.
    static let rights = """
        alter table parley.users enable row level security;
        create policy own on parley.users to parley_gateway
            using (id = current_setting('app.user_id', true));

        alter table parley.conversations enable row level security;
        create policy own on parley.conversations to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.messages enable row level security;
        create policy own on parley.messages to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.runs enable row level security;
        create policy own on parley.runs to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.tasks enable row level security;
        create policy own on parley.tasks to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.task_operation_logs enable row level security;
        create policy own on parley.task_operation_logs to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.archived_conversations enable row level security;
        create policy own on parley.archived_conversations to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.archived_messages enable row level security;
        create policy own on parley.archived_messages to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        alter table parley.audit_log enable row level security;
        create policy append on parley.audit_log for insert to parley_gateway with check (true);

        alter table parley.nodes enable row level security;

        grant usage on schema parley to parley_gateway;
        grant select on parley.users, parley.conversations, parley.messages, parley.runs, parley.tasks,
            parley.task_operation_logs, parley.archived_conversations, parley.archived_messages to parley_gateway;
        grant insert (id, user_id, title, metadata) on parley.conversations to parley_gateway;
        grant update (title, metadata, status, updated_at, deleted_at) on parley.conversations to parley_gateway;
        grant insert (user_id, title, description, is_completed, ai_generated, last_interaction_id), delete
            on parley.tasks to parley_gateway;
        grant update (title, description, is_completed, last_interaction_id, updated_at)
            on parley.tasks to parley_gateway;
        grant insert (conversation_id, user_id, user_message_id, run_id, ordinal, operation_type, input_params)
            on parley.task_operation_logs to parley_gateway;
        grant update (result, status, finished_at) on parley.task_operation_logs to parley_gateway;
        grant insert (actor, action, object, origin, allowed, detail) on parley.audit_log to parley_gateway;

        revoke execute on function parley.accept_turns, parley.end_runs, parley.touch_users, parley.checkpoint_runs,
            parley.beat, parley.recover_runs, parley.perform_tool, parley.task_json from public;
        grant execute on function parley.accept_turns, parley.end_runs, parley.touch_users, parley.checkpoint_runs,
            parley.beat, parley.recover_runs, parley.perform_tool, parley.task_json to parley_gateway;
        """
}
