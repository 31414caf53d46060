extension SchemaFunctions {
    static let undoTasks = """
        -- Takes back what the last changing run of the conversation did that was not taken back yet, newest first, by the
        -- log of operations; with the caller's rights. What can't be taken back is told, and stays.
        create function parley.undo_tasks(p_user text, p_conversation uuid, p_message uuid, p_run uuid) returns jsonb
        language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_run uuid;
            v_op record;
            v_task parley.tasks;
            v_before jsonb;
            v_undone jsonb := '[]';
            v_kept jsonb := '[]';
        begin
            select l.run_id into v_run
            from parley.task_operation_logs l
            where l.conversation_id = p_conversation and l.user_id = p_user and l.run_id <> p_run
                and l.status = 'success' and l.operation_type in ('add', 'update', 'delete', 'complete')
                and not l.result ? 'undone'
                and not exists (
                    select from parley.task_operation_logs u
                    where u.conversation_id = p_conversation and u.user_id = p_user
                        and u.result ->> 'undone_run' = l.run_id::text)
            order by l.created_at desc, l.run_id desc limit 1;
            if v_run is null then
                return jsonb_build_object('undone', v_undone, 'kept', v_kept, 'undone_run', null);
            end if;
            for v_op in
                select l.operation_type, l.result, coalesce(l.result -> 'task', l.result -> 'deleted') as task
                from parley.task_operation_logs l
                where l.run_id = v_run and l.user_id = p_user and l.status = 'success'
                    and l.operation_type in ('add', 'update', 'delete', 'complete') and not l.result ? 'undone'
                order by l.ordinal desc
            loop
                v_task := null;
                v_before := v_op.result -> 'before';
                case
                when v_op.operation_type = 'add' then
                    update parley.tasks t
                    set deleted_at = clock_timestamp(), last_interaction_id = p_message, updated_at = clock_timestamp()
                    where t.id = (v_op.task ->> 'id')::bigint and t.user_id = p_user and t.deleted_at is null
                    returning * into v_task;
                when v_op.operation_type = 'delete' then
                    update parley.tasks t
                    set deleted_at = null, last_interaction_id = p_message, updated_at = clock_timestamp()
                    where t.id = (v_op.task ->> 'id')::bigint and t.user_id = p_user and t.deleted_at is not null
                    returning * into v_task;
                when v_before is not null then
                    update parley.tasks t
                    set title = case when v_before ? 'title' then v_before ->> 'title' else t.title end,
                        description = case when v_before ? 'description' then v_before ->> 'description'
                            else t.description end,
                        is_completed = case when v_before ? 'is_completed' then (v_before ->> 'is_completed')::bool
                            else t.is_completed end,
                        completed_at = case when v_before ? 'is_completed' or v_before ? 'completed_at'
                            then (v_before ->> 'completed_at')::timestamptz else t.completed_at end,
                        recurrence = case when v_before ? 'recurrence' then v_before ->> 'recurrence'
                            else t.recurrence end,
                        due_at = case when v_before ? 'due_at' then (v_before ->> 'due_at')::timestamptz
                            else t.due_at end,
                        time_zone = case when v_before ? 'time_zone' then v_before ->> 'time_zone'
                            else t.time_zone end,
                        last_interaction_id = p_message, updated_at = clock_timestamp()
                    where t.id = (v_op.task ->> 'id')::bigint and t.user_id = p_user and t.deleted_at is null
                    returning * into v_task;
                    if v_task.id is not null and v_before ? 'reminds' then
                        delete from parley.reminders r where r.task_id = v_task.id and r.fired_at is null;
                        if (v_before ->> 'reminds')::bool and v_task.due_at is not null then
                            insert into parley.reminders (task_id, user_id, conversation_id, due_at, fires_at)
                            values (v_task.id, p_user, p_conversation, v_task.due_at, v_task.due_at);
                        end if;
                    end if;
                else
                    null;
                end case;
                if v_task.id is not null then
                    v_undone := v_undone || jsonb_build_object(
                        'operation_type', v_op.operation_type, 'task', parley.task_json(v_task));
                else
                    v_kept := v_kept || jsonb_build_object(
                        'operation_type', v_op.operation_type, 'task', v_op.task);
                end if;
            end loop;
            return jsonb_build_object('undone', v_undone, 'kept', v_kept, 'undone_run', v_run);
        end
        $$;
        """
}
