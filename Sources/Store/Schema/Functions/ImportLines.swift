extension SchemaFunctions {
    static let importLines = """
        -- What an export holds, read back for one user. Each line is stored, known already, or refused by itself, and
        -- the ids stay: said again, the same lines change nothing. Lines are checked, and sealed, by the caller.
        create function parley.import_lines(p_user text, p_key text, p_lines jsonb)
        returns table (line int, outcome text, reason text)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v jsonb;
            v_id uuid;
            v_conversation uuid;
            v_owner text;
            v_lives bool;
            v_task bigint;
            v_number int;
            v_moved uuid[] := '{}';
        begin
            if p_key is not null then
                perform parley.use_key(p_key);
            end if;
            -- They may be longer than a new one may be by now.
            perform set_config('parley.keeps_length', 'on', true);
            insert into parley.users (id) values (p_user) on conflict (id) do nothing;
            perform from parley.users u where u.id = p_user and u.deleting_at is null for key share;
            if not found then
                return query select (x ->> 'n')::int, 'refused', 'the user is being deleted'
                    from jsonb_array_elements(p_lines) x;
                return;
            end if;

            for v in select x from jsonb_array_elements(p_lines) x loop
                line := (v ->> 'n')::int;
                outcome := 'stored';
                reason := null;
                v_id := null;
                v_owner := null;
                v_lives := null;
                begin
                    v_conversation := (v ->> 'conversation_id')::uuid;
                    if v_conversation is not null then
                        -- All writers lock conversations first.
                        select true into v_lives from parley.conversations c
                        where c.id = v_conversation and (c.user_id = p_user and c.status <> 'deleted') is true
                        for no key update;
                        if v_lives is null then
                            select false into v_lives from parley.archived_conversations a
                            where a.id = v_conversation and (a.user_id = p_user and a.deleted_at is null) is true
                            for no key update;
                        end if;
                    end if;

                    if v ->> 'type' = 'user' then
                        update parley.users u
                        set email = coalesce(u.email, v ->> 'email'), name = coalesce(u.name, v ->> 'name'),
                            created_at = least(u.created_at, (v ->> 'created_at')::timestamptz),
                            last_seen_at = case when u.last_seen_at = now() and u.created_at = now()
                                then coalesce((v ->> 'last_seen_at')::timestamptz, u.last_seen_at)
                                else greatest(u.last_seen_at, (v ->> 'last_seen_at')::timestamptz) end
                        where u.id = p_user;

                    elsif v ->> 'type' = 'conversation' then
                        v_id := (v ->> 'id')::uuid;
                        select x.user_id into v_owner
                        from (
                            select c.user_id from parley.conversations c where c.id = v_id
                            union all select a.user_id from parley.archived_conversations a where a.id = v_id
                        ) x;
                        if v_owner = p_user then
                            outcome := 'known';
                        elsif v_owner is not null then
                            outcome := 'refused';
                            reason := 'the id is another conversation''s';
                        elsif v ->> 'status' = 'archived' then
                            insert into parley.archived_conversations
                                (id, user_id, title, title_key, metadata, message_count, created_at, updated_at,
                                head_run_id)
                            values (v_id, p_user, v ->> 'title', case when v ->> 'title' is not null then p_key end,
                                v -> 'metadata', 0, (v ->> 'created_at')::timestamptz,
                                (v ->> 'updated_at')::timestamptz, (v ->> 'head_run_id')::uuid);
                        else
                            insert into parley.conversations
                                (id, user_id, title, title_key, status, metadata, created_at, updated_at, head_run_id)
                            values (v_id, p_user, v ->> 'title', case when v ->> 'title' is not null then p_key end,
                                v ->> 'status', v -> 'metadata', (v ->> 'created_at')::timestamptz,
                                (v ->> 'updated_at')::timestamptz, (v ->> 'head_run_id')::uuid);
                        end if;

                    elsif v_lives is null and v ->> 'type' <> 'task' then
                        outcome := 'refused';
                        reason := 'there is no such conversation of this user';

                    elsif v ->> 'type' = 'message' then
                        v_id := (v ->> 'id')::uuid;
                        select x.conversation_id into v_conversation
                        from (
                            select m.conversation_id from parley.messages m where m.id = v_id
                            union all select m.conversation_id from parley.archived_messages m where m.id = v_id
                        ) x;
                        if found then
                            outcome := case when v_conversation = (v ->> 'conversation_id')::uuid then 'known'
                                else 'refused' end;
                            reason := case when outcome = 'refused' then 'the id is another message''s' end;
                        elsif v_lives then
                            v_conversation := (v ->> 'conversation_id')::uuid;
                            insert into parley.messages
                                (id, conversation_id, user_id, position, role, content, content_key, tool_calls,
                                tool_call_id, run_id, status, client_id, created_at, parent_run_id)
                            values (v_id, v_conversation, p_user, (v ->> 'position')::int, v ->> 'role',
                                v ->> 'content', p_key, nullif(v -> 'tool_calls', 'null'), v ->> 'tool_call_id',
                                (v ->> 'run_id')::uuid, v ->> 'status', v ->> 'client_id',
                                (v ->> 'created_at')::timestamptz, case
                                    when v ->> 'role' <> 'user' then null
                                    when v ? 'parent_run_id' then (v ->> 'parent_run_id')::uuid
                                    else (
                                        select m.run_id from parley.messages m
                                        where m.conversation_id = v_conversation and m.role = 'user'
                                            and m.position < (v ->> 'position')::int
                                        order by m.position desc limit 1)
                                end);
                            update parley.conversations c
                            set message_count = greatest(c.message_count, (v ->> 'position')::int)
                            where c.id = v_conversation;
                            v_moved := v_moved || v_conversation;
                        else
                            v_conversation := (v ->> 'conversation_id')::uuid;
                            insert into parley.archived_messages
                                (id, conversation_id, user_id, position, role, content, content_key, tool_calls,
                                tool_call_id, run_id, status, client_id, created_at, parent_run_id)
                            values (v_id, v_conversation, p_user, (v ->> 'position')::int, v ->> 'role',
                                v ->> 'content', p_key, nullif(v -> 'tool_calls', 'null'), v ->> 'tool_call_id',
                                (v ->> 'run_id')::uuid, v ->> 'status', v ->> 'client_id',
                                (v ->> 'created_at')::timestamptz, case
                                    when v ->> 'role' <> 'user' then null
                                    when v ? 'parent_run_id' then (v ->> 'parent_run_id')::uuid
                                    else (
                                        select m.run_id from parley.archived_messages m
                                        where m.conversation_id = v_conversation and m.role = 'user'
                                            and m.position < (v ->> 'position')::int
                                        order by m.position desc limit 1)
                                end);
                            update parley.archived_conversations a
                            set message_count = greatest(a.message_count, (v ->> 'position')::int)
                            where a.id = v_conversation;
                            v_moved := v_moved || v_conversation;
                        end if;

                    elsif v ->> 'type' = 'run' then
                        v_id := (v ->> 'id')::uuid;
                        if exists (select from parley.runs r where r.id = v_id and r.user_id = p_user)
                            or exists (select from parley.archived_runs r where r.id = v_id and r.user_id = p_user)
                        then
                            outcome := 'known';
                        elsif v_lives and exists (
                            select from parley.messages m
                            where m.id = (v ->> 'user_message_id')::uuid and m.conversation_id = v_conversation
                                and m.role = 'user')
                        then
                            insert into parley.runs
                                (id, conversation_id, user_id, user_message_id, status, usage, error, created_at,
                                started_at, finished_at, client_id, resumed_run_id, parent_run_id)
                            values (v_id, v_conversation, p_user, (v ->> 'user_message_id')::uuid, v ->> 'status',
                                nullif(v -> 'usage', 'null'), nullif(v -> 'error', 'null'),
                                (v ->> 'created_at')::timestamptz, (v ->> 'started_at')::timestamptz,
                                (v ->> 'finished_at')::timestamptz, v ->> 'client_id',
                                (v ->> 'resumed_run_id')::uuid, case when v ? 'parent_run_id'
                                    then (v ->> 'parent_run_id')::uuid
                                    else (
                                        select m.parent_run_id from parley.messages m
                                        where m.id = (v ->> 'user_message_id')::uuid)
                                end);
                            v_moved := v_moved || v_conversation;
                        elsif not v_lives and exists (
                            select from parley.archived_messages m
                            where m.id = (v ->> 'user_message_id')::uuid and m.conversation_id = v_conversation
                                and m.role = 'user')
                        then
                            insert into parley.archived_runs
                                (id, conversation_id, user_id, user_message_id, status, usage, error, created_at,
                                started_at, finished_at, client_id, resumed_run_id, parent_run_id)
                            values (v_id, v_conversation, p_user, (v ->> 'user_message_id')::uuid, v ->> 'status',
                                nullif(v -> 'usage', 'null'), nullif(v -> 'error', 'null'),
                                (v ->> 'created_at')::timestamptz, (v ->> 'started_at')::timestamptz,
                                (v ->> 'finished_at')::timestamptz, v ->> 'client_id',
                                (v ->> 'resumed_run_id')::uuid, case when v ? 'parent_run_id'
                                    then (v ->> 'parent_run_id')::uuid
                                    else (
                                        select m.parent_run_id from parley.archived_messages m
                                        where m.id = (v ->> 'user_message_id')::uuid)
                                end);
                            v_moved := v_moved || v_conversation;
                        else
                            outcome := 'refused';
                            reason := 'the message that it answers is not there';
                        end if;

                    elsif v ->> 'type' = 'operation' then
                        v_id := (v ->> 'operation_id')::uuid;
                        if exists (
                                select from parley.task_operation_logs l
                                where l.operation_id = v_id and l.user_id = p_user)
                            or exists (
                                select from parley.archived_operation_logs l
                                where l.operation_id = v_id and l.user_id = p_user)
                        then
                            outcome := 'known';
                        elsif v_lives and exists (
                            select from parley.runs r
                            where r.id = (v ->> 'run_id')::uuid and r.conversation_id = v_conversation)
                        then
                            insert into parley.task_operation_logs
                                (operation_id, conversation_id, user_id, user_message_id, run_id, ordinal,
                                operation_type, input_params, result, status, created_at, finished_at)
                            values (v_id, v_conversation, p_user, (
                                    select m.id from parley.messages m
                                    where m.id = (v ->> 'user_message_id')::uuid
                                        and m.conversation_id = v_conversation),
                                (v ->> 'run_id')::uuid, (v ->> 'ordinal')::int, v ->> 'operation_type',
                                v -> 'input_params', nullif(v -> 'result', 'null'), v ->> 'status',
                                (v ->> 'created_at')::timestamptz, (v ->> 'finished_at')::timestamptz);
                        elsif not v_lives and exists (
                            select from parley.archived_runs r
                            where r.id = (v ->> 'run_id')::uuid and r.conversation_id = v_conversation)
                        then
                            insert into parley.archived_operation_logs
                                (operation_id, conversation_id, user_id, user_message_id, run_id, ordinal,
                                operation_type, input_params, result, status, created_at, finished_at)
                            values (v_id, v_conversation, p_user, (v ->> 'user_message_id')::uuid,
                                (v ->> 'run_id')::uuid, (v ->> 'ordinal')::int, v ->> 'operation_type',
                                v -> 'input_params', nullif(v -> 'result', 'null'), v ->> 'status',
                                (v ->> 'created_at')::timestamptz, (v ->> 'finished_at')::timestamptz);
                        else
                            outcome := 'refused';
                            reason := 'the run that it belongs to is not there';
                        end if;

                    elsif v ->> 'type' = 'approval' then
                        v_id := (v ->> 'id')::uuid;
                        if exists (select from parley.approvals a where a.id = v_id and a.user_id = p_user) then
                            outcome := 'known';
                        elsif v_lives and exists (
                            select from parley.runs r
                            where r.id = (v ->> 'run_id')::uuid and r.conversation_id = v_conversation)
                        then
                            insert into parley.approvals
                                (id, run_id, ordinal, conversation_id, user_id, tool, call_id, parameters, interrupt,
                                content_key, status, decided_at, decided_by, reason, correction, payload, created_at,
                                expires_at)
                            values (v_id, (v ->> 'run_id')::uuid, (v ->> 'ordinal')::int, v_conversation, p_user,
                                v ->> 'tool', v ->> 'call_id', nullif(v -> 'parameters', 'null'),
                                nullif(v -> 'interrupt', 'null'), p_key, v ->> 'status',
                                (v ->> 'decided_at')::timestamptz, v ->> 'decided_by', v ->> 'reason',
                                nullif(v -> 'correction', 'null'), nullif(v -> 'payload', 'null'),
                                (v ->> 'created_at')::timestamptz, (v ->> 'expires_at')::timestamptz);
                        else
                            outcome := 'refused';
                            reason := 'the run that it belongs to is not there';
                        end if;

                    else
                        v_task := (v ->> 'id')::bigint;
                        -- A number that another of the user's tasks has by now is given anew.
                        v_number := (v ->> 'number')::int;
                        if exists (
                            select from parley.tasks t where t.user_id = p_user and t.number = v_number)
                        then
                            v_number := null;
                        end if;
                        select t.user_id into v_owner from parley.tasks t where t.id = v_task;
                        if v_owner = p_user then
                            outcome := 'known';
                        elsif v_task is null or v_owner is not null then
                            -- The number is somebody else's by now, as in a database that was in use before.
                            if exists (
                                select from parley.tasks t
                                where t.user_id = p_user and t.title = v ->> 'title'
                                    and date_trunc('milliseconds', t.created_at) = (v ->> 'created_at')::timestamptz)
                            then
                                outcome := 'known';
                            else
                                insert into parley.tasks
                                    (user_id, number, title, description, is_completed, completed_at, ai_generated,
                                    due_at, recurrence, created_at, updated_at)
                                values (p_user, v_number, v ->> 'title', v ->> 'description',
                                    (v ->> 'is_completed')::bool,
                                    case when (v ->> 'is_completed')::bool then (v ->> 'updated_at')::timestamptz end,
                                    (v ->> 'ai_generated')::bool, (v ->> 'due_at')::timestamptz, v ->> 'recurrence',
                                    (v ->> 'created_at')::timestamptz, (v ->> 'updated_at')::timestamptz);
                            end if;
                        else
                            insert into parley.tasks
                                (id, user_id, number, title, description, is_completed, completed_at, ai_generated,
                                last_interaction_id, due_at, recurrence, created_at, updated_at)
                            overriding system value
                            values (v_task, p_user, v_number, v ->> 'title', v ->> 'description',
                                (v ->> 'is_completed')::bool,
                                case when (v ->> 'is_completed')::bool then (v ->> 'updated_at')::timestamptz end,
                                (v ->> 'ai_generated')::bool, (
                                    select m.id from parley.messages m
                                    where m.id = (v ->> 'last_interaction_id')::uuid and m.user_id = p_user),
                                (v ->> 'due_at')::timestamptz, v ->> 'recurrence', (v ->> 'created_at')::timestamptz, (v ->> 'updated_at')::timestamptz);
                            perform setval(pg_get_serial_sequence('parley.tasks', 'id'), v_task)
                            where v_task > (
                                select s.last_value from pg_sequences s
                                where s.schemaname = 'parley' and s.sequencename = 'tasks_id_seq')
                                or not exists (
                                    select from pg_sequences s
                                    where s.schemaname = 'parley' and s.sequencename = 'tasks_id_seq'
                                        and s.last_value is not null);
                        end if;
                    end if;
                exception
                    when unique_violation then
                        outcome := 'refused';
                        reason := 'its place or its id is taken by something else';
                    when integrity_constraint_violation or data_exception then
                        outcome := 'refused';
                        reason := 'a value is not one that can be stored';
                end;
                return next;
            end loop;

            -- Positions are never given out again, so what is missing among them was deleted.
            update parley.conversations c
            set messages_deleted = c.message_count - (
                select count(*) from parley.messages m where m.conversation_id = c.id)
            where c.id = any (v_moved);
            update parley.archived_conversations a
            set messages_deleted = a.message_count - (
                select count(*) from parley.archived_messages m where m.conversation_id = a.id)
            where a.id = any (v_moved);

            -- The paths, by what is there of them by now.
            update parley.runs r set first_position = s.first, last_position = s.last
            from (
                select m.run_id as run, min(m.position) as first, max(m.position) as last
                from parley.messages m
                where m.conversation_id = any (v_moved) and m.role <> 'user' and m.run_id is not null
                group by m.run_id
            ) s
            where r.id = s.run and (r.first_position, r.last_position) is distinct from (s.first, s.last);
            update parley.runs r set is_branch = true
            from (
                select x.id, count(*) over (partition by x.conversation_id, x.parent_run_id) as beside
                from parley.runs x where x.conversation_id = any (v_moved)
            ) s
            where r.id = s.id and s.beside > 1 and not r.is_branch;
            update parley.conversations c
            set head_run_id = case
                    when exists (select from parley.runs r where r.id = c.head_run_id and r.conversation_id = c.id)
                        then c.head_run_id
                    else (
                        select m.run_id from parley.messages m
                        where m.conversation_id = c.id and m.role = 'user' order by m.position desc limit 1)
                end
            where c.id = any (v_moved);
            update parley.archived_runs r set first_position = s.first, last_position = s.last
            from (
                select m.run_id as run, min(m.position) as first, max(m.position) as last
                from parley.archived_messages m
                where m.conversation_id = any (v_moved) and m.role <> 'user' and m.run_id is not null
                group by m.run_id
            ) s
            where r.id = s.run and (r.first_position, r.last_position) is distinct from (s.first, s.last);
            update parley.archived_runs r set is_branch = true
            from (
                select x.id, count(*) over (partition by x.conversation_id, x.parent_run_id) as beside
                from parley.archived_runs x where x.conversation_id = any (v_moved)
            ) s
            where r.id = s.id and s.beside > 1 and not r.is_branch;
            update parley.archived_conversations c
            set head_run_id = case
                    when exists (select from parley.archived_runs r where r.id = c.head_run_id and r.conversation_id = c.id)
                        then c.head_run_id
                    else (
                        select m.run_id from parley.archived_messages m
                        where m.conversation_id = c.id and m.role = 'user' order by m.position desc limit 1)
                end
            where c.id = any (v_moved);
            -- Linear: nothing branches, the newest turn is shown, and no answer is stored behind another question.
            update parley.conversations c
            set is_linear = not exists (
                    select from parley.runs r where r.conversation_id = c.id and r.is_branch)
                and c.head_run_id is not distinct from (
                    select m.run_id from parley.messages m
                    where m.conversation_id = c.id and m.role = 'user' order by m.position desc limit 1)
                and not exists (
                    select from (
                        select m.run_id, lag(m.run_id) over (order by m.position) as before
                        from parley.messages m where m.conversation_id = c.id
                    ) x where x.run_id is distinct from x.before
                    group by x.run_id having count(*) > 1)
            where c.id = any (v_moved);
            -- Linear: nothing branches, the newest turn is shown, and no answer is stored behind another question.
            update parley.archived_conversations c
            set is_linear = not exists (
                    select from parley.archived_runs r where r.conversation_id = c.id and r.is_branch)
                and c.head_run_id is not distinct from (
                    select m.run_id from parley.archived_messages m
                    where m.conversation_id = c.id and m.role = 'user' order by m.position desc limit 1)
                and not exists (
                    select from (
                        select m.run_id, lag(m.run_id) over (order by m.position) as before
                        from parley.archived_messages m where m.conversation_id = c.id
                    ) x where x.run_id is distinct from x.before
                    group by x.run_id having count(*) > 1)
            where c.id = any (v_moved);
            perform set_config('parley.keeps_length', 'off', true);
        end
        $$;
        """
}
