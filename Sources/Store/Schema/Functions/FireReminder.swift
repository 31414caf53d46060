extension SchemaFunctions {
    static let fireReminder = """
        -- Stores the message of a reminder that this gateway has claimed, with a run that has no user message, and that
        -- the reminder has fired: together, so that it is told once whatever dies in between. A task that comes back
        -- gets its next reminder. `outcome`: 0 stored, 1 there is nothing to do any more, 2 the conversation is gone or
        -- full and nothing was done: another one is to be begun (p_is_new).
        create function parley.fire_reminder(
            p_node text, p_reminder bigint, p_due timestamptz, p_user text, p_conversation uuid, p_is_new bool,
            p_run uuid, p_message uuid, p_content text, p_title text, p_key text, p_limit int
        ) returns table (
            outcome int, id uuid, title text, title_key text, status text, message_count int, created_at timestamptz,
            updated_at timestamptz, "position" int
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_reminder parley.reminders;
            v_task parley.tasks;
            v_conversation parley.conversations;
            v_next timestamptz;
            v_endpoints text[];
        begin
            perform parley.hold_fence(p_node);
            if p_key is not null then
                perform parley.use_key(p_key);
            end if;
            select * into v_reminder from parley.reminders r
                where r.id = p_reminder and r.user_id = p_user and r.due_at = p_due and r.claimed_by = p_node
                    and r.fired_at is null
                for update;
            if v_reminder.id is null then
                return query select 1, null::uuid, null::text, null::text, null::text, 0, null::timestamptz,
                    null::timestamptz, 0;
                return;
            end if;
            if p_is_new then
                insert into parley.conversations (id, user_id, title, title_key, message_count, head_run_id)
                values (p_conversation, p_user, p_title, p_key, 1, p_run)
                returning * into v_conversation;
            else
                perform parley.from_archive(array[p_user], array[p_conversation], 'active');
                update parley.conversations c
                set message_count = c.message_count + 1, updated_at = greatest(now(), c.updated_at), status = 'active',
                    -- Behind the newest turn that is shown, also where that is not answered yet.
                    former_head_run_id = c.head_run_id, head_run_id = p_run,
                    is_linear = c.is_linear and not exists (
                        select from parley.runs r
                        where r.conversation_id = p_conversation and r.status in ('queued', 'running'))
                where c.id = p_conversation and c.user_id = p_user and c.status in ('active', 'dormant')
                    and c.message_count < p_limit
                returning * into v_conversation;
                if v_conversation.id is null then
                    return query select 2, null::uuid, null::text, null::text, null::text, 0, null::timestamptz,
                        null::timestamptz, 0;
                    return;
                end if;
            end if;
            update parley.reminders r set fired_at = clock_timestamp(), conversation_id = p_conversation
                where r.id = p_reminder;
            select * into v_task from parley.tasks t where t.id = v_reminder.task_id;
            v_next := case when v_task.recurrence is not null and v_task.deleted_at is null
                then parley.next_occurrence(p_due, v_task.recurrence, v_task.time_zone, now()) end;
            if v_next is not null then
                insert into parley.reminders (task_id, user_id, conversation_id, due_at, fires_at)
                values (v_task.id, p_user, p_conversation, v_next, v_next)
                on conflict (task_id) where fired_at is null do nothing;
            end if;
            insert into parley.runs
                (id, conversation_id, user_id, user_message_id, status, node, started_at, finished_at, parent_run_id,
                first_position, last_position)
            values (p_run, p_conversation, p_user, null, 'completed', p_node, now(), now(),
                v_conversation.former_head_run_id, v_conversation.message_count, v_conversation.message_count);
            insert into parley.messages
                (id, conversation_id, user_id, position, role, content, content_key, run_id)
            values (p_message, p_conversation, p_user, v_conversation.message_count, 'assistant', p_content, p_key,
                p_run);
            select n.webhooks into v_endpoints from parley.nodes n where n.id = p_node;
            if v_endpoints is not null then
                perform parley.note_events(v_endpoints, array[p_message], array[p_run]);
                insert into parley.outbox (endpoint, topic, type, user_id, conversation_id, message_id, run_id)
                select e.endpoint, p_conversation::text, 'reminder.fired', p_user, p_conversation, p_message, p_run
                from unnest(v_endpoints) as e (endpoint);
            end if;
            return query select 0, v_conversation.id, v_conversation.title::text, v_conversation.title_key,
                v_conversation.status, v_conversation.message_count - v_conversation.messages_deleted,
                v_conversation.created_at, v_conversation.updated_at, v_conversation.message_count;
        end
        $$;
        """
}
