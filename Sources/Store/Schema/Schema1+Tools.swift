extension Schema1 {
    /// The six tools. Runs with the caller's rights, so that row-level security limits every statement to
    /// `app.user_id`. The log row is made first and is the key: of two calls with the same (run, ordinal) one waits for
    /// the other here and gives its result.
    static let tools = """
        create function parley.task_json(t parley.tasks) returns jsonb
        language sql stable set search_path = pg_catalog, pg_temp
        return jsonb_build_object(
            'id', t.id, 'title', t.title, 'description', t.description, 'is_completed', t.is_completed,
            'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updated_at', to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));

        create function parley.perform_tool(
            p_user text, p_conversation uuid, p_message uuid, p_run uuid, p_ordinal int, p_type text,
             p_params jsonb, p_failure jsonb, p_task bigint, p_title text, p_description text,
            p_completed bool
        ) returns table (status text, result jsonb)
        language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_task parley.tasks;
            v_result jsonb := p_failure;
        begin
            insert into parley.task_operation_logs
                (conversation_id, user_id, user_message_id, run_id, ordinal, operation_type, input_params)
            values (p_conversation, p_user, p_message, p_run, p_ordinal, p_type, p_params)
            on conflict (run_id, ordinal) do nothing;
            if not found then
                return query select l.status, l.result from parley.task_operation_logs l
                    where l.run_id = p_run and l.ordinal = p_ordinal and l.user_id = p_user;
                return;
            end if;

            if v_result is null then
                case p_type
                when 'add' then
                    insert into parley.tasks (user_id, title, description, ai_generated, last_interaction_id)
                    values (p_user, p_title, nullif(p_description, ''), true, p_message) returning * into v_task;
                when 'get' then
                    select * into v_task from parley.tasks t where t.id = p_task and t.user_id = p_user;
                when 'update' then
                    update parley.tasks t
                    set title = coalesce(p_title, t.title),
                        description = case when p_description is null then t.description
                            else nullif(p_description, '') end,
                        last_interaction_id = p_message, updated_at = now()
                    where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'complete' then
                    update parley.tasks t
                    set is_completed = coalesce(p_completed, true), last_interaction_id = p_message,
                        updated_at = now()
                    where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'delete' then
                    delete from parley.tasks t where t.id = p_task and t.user_id = p_user returning * into v_task;
                when 'list' then
                    select jsonb_build_object(
                        'tasks', coalesce(
                            (select jsonb_agg(parley.task_json(n) order by n.created_at desc, n.id desc)
                            from (
                                select * from parley.tasks t
                                where t.user_id = p_user and (p_completed or not t.is_completed)
                                order by t.created_at desc, t.id desc limit 50
                            ) n), '[]'),
                        'total', (select count(*) from parley.tasks t
                            where t.user_id = p_user and (p_completed or not t.is_completed)))
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
