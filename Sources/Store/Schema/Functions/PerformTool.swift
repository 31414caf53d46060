extension SchemaFunctions {
    static let performTool = """
        create function parley.perform_tool(
            p_user text, p_conversation uuid, p_message uuid, p_run uuid, p_ordinal int, p_type text,
             p_params jsonb, p_failure jsonb, p_task bigint, p_title text, p_description text,
            p_completed bool, p_node text default null, p_more jsonb default null
        ) returns table (status text, result jsonb)
        language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_old parley.tasks;
            v_task parley.tasks;
            v_next timestamptz;
            v_reminds bool;
            v_result jsonb := p_failure;
        begin
            if p_node is not null then
                perform parley.hold_fence(p_node);
            end if;
            insert into parley.task_operation_logs
                (conversation_id, user_id, user_message_id, run_id, ordinal, operation_type, input_params)
            values (p_conversation, p_user, p_message, p_run, p_ordinal, p_type, p_params)
            on conflict (run_id, ordinal) do nothing;
            if not found then
                return query select l.status, l.result from parley.task_operation_logs l
                    where l.run_id = p_run and l.ordinal = p_ordinal and l.user_id = p_user;
                return;
            end if;

            if v_result is null and p_more ? 'undo' then
                v_result := parley.undo_tasks(p_user, p_conversation, p_message, p_run);
            elsif v_result is null then
                if p_type in ('update', 'complete', 'delete') then
                    select * into v_old from parley.tasks t
                        where t.id = p_task and t.user_id = p_user and t.deleted_at is null for update;
                    v_reminds := exists (
                        select from parley.reminders r where r.task_id = p_task and r.fired_at is null);
                end if;
                case p_type
                when 'add' then
                    insert into parley.tasks
                        (user_id, title, description, due_at, recurrence, time_zone, ai_generated, last_interaction_id)
                    values (p_user, p_title, nullif(p_description, ''), (p_more ->> 'due_at')::timestamptz,
                        p_more ->> 'recurrence', p_more ->> 'time_zone', true, p_message)
                    returning * into v_task;
                when 'get' then
                    select * into v_task from parley.tasks t
                        where t.id = p_task and t.user_id = p_user and t.deleted_at is null;
                when 'update' then
                    update parley.tasks t
                    set title = coalesce(p_title, t.title),
                        description = case when p_description is null then t.description
                            else nullif(p_description, '') end,
                        due_at = case when p_more ? 'due_at' then (p_more ->> 'due_at')::timestamptz
                            else t.due_at end,
                        -- Without a time nothing comes back.
                        recurrence = case
                            when p_more ? 'due_at' and p_more ->> 'due_at' is null then null
                            when p_more ? 'recurrence' then p_more ->> 'recurrence' else t.recurrence end,
                        time_zone = coalesce(p_more ->> 'time_zone', t.time_zone),
                        last_interaction_id = p_message, updated_at = now()
                    where t.id = v_old.id returning * into v_task;
                when 'complete' then
                    -- What comes back stays open, at its next time.
                    v_next := case when coalesce(p_completed, true) and not v_old.is_completed
                        and v_old.recurrence is not null
                        then parley.next_occurrence(v_old.due_at, v_old.recurrence, v_old.time_zone, now()) end;
                    update parley.tasks t
                    set is_completed = coalesce(p_completed, true) and v_next is null,
                        completed_at = case when coalesce(p_completed, true) then now() end,
                        due_at = coalesce(v_next, t.due_at),
                        last_interaction_id = p_message, updated_at = now()
                    where t.id = v_old.id returning * into v_task;
                when 'delete' then
                    update parley.tasks t
                    set deleted_at = now(), last_interaction_id = p_message, updated_at = now()
                    where t.id = v_old.id;
                    v_task := v_old;
                when 'list' then
                    with numbered as (
                        -- What is asked for by its time is told in the order of time.
                        select t as task, row_number() over (order by
                            case when p_more ?| array['due_after', 'due_before'] then t.due_at end,
                            t.created_at desc, t.id desc) as place
                        from parley.tasks t
                        where t.user_id = p_user and t.deleted_at is null and (p_completed or not t.is_completed)
                            and (p_more is null or (
                                (not p_more ? 'number' or t.number = (p_more ->> 'number')::int)
                                and (not p_more ? 'due_after' or t.due_at >= (p_more ->> 'due_after')::timestamptz)
                                and (not p_more ? 'due_before' or t.due_at < (p_more ->> 'due_before')::timestamptz)
                                and (not p_more ? 'created_after'
                                    or t.created_at >= (p_more ->> 'created_after')::timestamptz)
                                and (not p_more ? 'created_before'
                                    or t.created_at < (p_more ->> 'created_before')::timestamptz)
                                and (not p_more ? 'completed_after'
                                    or t.completed_at >= (p_more ->> 'completed_after')::timestamptz)
                                and (not p_more ? 'completed_before'
                                    or t.completed_at < (p_more ->> 'completed_before')::timestamptz)))
                    )
                    select jsonb_build_object(
                        'tasks', coalesce(
                            (select jsonb_agg(parley.task_json(n.task) order by n.place)
                            from numbered n where n.place <= 50), '[]'),
                        'total', (select count(*) from numbered))
                    into v_result;
                end case;
                if p_type <> 'list' then
                    if v_task.id is not null then
                        v_result := jsonb_build_object(
                            case when p_type = 'delete' then 'deleted' else 'task' end, parley.task_json(v_task));
                    else
                        v_result := jsonb_build_object('error', jsonb_build_object(
                            'code', 'not_found', 'message', format('There is no task %s.', p_task)));
                    end if;
                end if;
                if v_task.id is not null and p_type in ('add', 'update') and p_more ? 'remind' then
                    delete from parley.reminders r where r.task_id = v_task.id and r.fired_at is null;
                    if (p_more ->> 'remind')::bool and v_task.due_at is not null then
                        insert into parley.reminders (task_id, user_id, conversation_id, due_at, fires_at)
                        values (v_task.id, p_user, p_conversation, v_task.due_at, v_task.due_at);
                    end if;
                end if;
                -- What the task was before, as far as it was changed: to take it back.
                if v_task.id is not null and p_type in ('update', 'complete') then
                    v_result := v_result || jsonb_build_object('before',
                        case when v_old.title <> v_task.title
                            then jsonb_build_object('title', v_old.title) else '{}' end
                        || case when v_old.description is distinct from v_task.description
                            then jsonb_build_object('description', v_old.description) else '{}' end
                        || case when p_type = 'complete' then jsonb_build_object(
                            'is_completed', v_old.is_completed, 'completed_at', v_old.completed_at) else '{}' end
                        || case when v_old.due_at is distinct from v_task.due_at
                            then jsonb_build_object('due_at', v_old.due_at, 'reminds', v_reminds) else '{}' end
                        || case when p_more ? 'remind' then jsonb_build_object('reminds', v_reminds) else '{}' end
                        || case when v_old.recurrence is distinct from v_task.recurrence
                            then jsonb_build_object('recurrence', v_old.recurrence) else '{}' end
                        || case when v_old.time_zone is distinct from v_task.time_zone
                            then jsonb_build_object('time_zone', v_old.time_zone) else '{}' end);
                end if;
            end if;

            return query update parley.task_operation_logs l
                set result = v_result, status = case when v_result ? 'error' then 'failed' else 'success' end,
                    finished_at = clock_timestamp()
                where l.run_id = p_run and l.ordinal = p_ordinal and l.user_id = p_user
                returning l.status, l.result;
        end
        $$;
        """
}
