extension Schema4 {
    /// Numbers of one's own, times, repetition, reminders; a deleted task is kept to be brought back.
    static let tasks = """
        drop function parley.perform_tool, parley.task_json;

        alter table parley.users add column last_task_number int not null default 0 check (last_task_number >= 0);

        alter table parley.tasks
            -- 1, 2, 3… for each user: what people see and say.
            add column number int,
            add column due_at timestamptz check (due_at >= '1970-01-01Z' and due_at < '9999-01-01Z'),
            -- The value of an RRULE, with FREQ, INTERVAL, BYDAY and BYMONTHDAY.
            add column recurrence text
                check (recurrence ~ '^FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)' and char_length(recurrence) <= 200),
            -- Where it is that time of day again: an IANA name; UTC where there is none.
            add column time_zone text check (char_length(time_zone) between 1 and 64),
            -- When it was done last, also one that came back since.
            add column completed_at timestamptz,
            add column deleted_at timestamptz,
            add check (recurrence is null or due_at is not null);
        update parley.tasks t set number = n.number
        from (select id, row_number() over (partition by user_id order by id)::int as number from parley.tasks) n
        where t.id = n.id;
        update parley.tasks t set completed_at = t.updated_at where t.is_completed;
        update parley.users u set last_task_number = n.number
        from (select user_id, max(number) as number from parley.tasks group by user_id) n where n.user_id = u.id;
        alter table parley.tasks alter number set not null, add check (number >= 1),
            add constraint tasks_number unique (user_id, number);
        create index tasks_due on parley.tasks (user_id, due_at) where due_at is not null;
        create index tasks_deleted on parley.tasks (deleted_at) where deleted_at is not null;

        create table parley.reminders (
            id bigint generated always as identity primary key,
            task_id bigint not null references parley.tasks on delete cascade,
            user_id text not null references parley.users on delete cascade,
            -- Where it was asked for. Not a reference: when that is gone, the person is told elsewhere.
            conversation_id uuid not null,
            due_at timestamptz not null,
            -- From when on somebody shall look at it: put off by a claim, and by the limit of an hour.
            fires_at timestamptz not null,
            claimed_at timestamptz,
            claimed_by text,
            fired_at timestamptz
        );
        create index reminders_next on parley.reminders (fires_at) where fired_at is null;
        create unique index reminders_task on parley.reminders (task_id) where fired_at is null;
        create index reminders_fired on parley.reminders (user_id, fired_at) where fired_at is not null;
        create index reminders_purge on parley.reminders (fired_at) where fired_at is not null;
        create index reminders_all on parley.reminders (task_id);

        -- A run that no message has asked for: a reminder.
        alter table parley.runs alter user_message_id drop not null;

        \(SchemaFunctions.numberTask)
        create trigger tasks_number before insert on parley.tasks
            for each row execute function parley.number_task();

        \(SchemaFunctions.moveReminders)
        create trigger tasks_reminders after update of due_at on parley.tasks
            for each row when (old.due_at is distinct from new.due_at) execute function parley.move_reminders();

        \(SchemaFunctions.taskJSON)

        \(SchemaFunctions.nextOccurrence)

        \(SchemaFunctions.undoTasks)

        \(SchemaFunctions.performTool)

        \(Functions.claimReminders)

        \(Functions.fireReminder)

        \(SchemaFunctions.purgeTasks)

        alter table parley.reminders enable row level security;
        create policy own on parley.reminders to parley_gateway
            using (user_id = current_setting('app.user_id', true));

        grant select, delete on parley.reminders to parley_gateway;
        grant insert (task_id, user_id, conversation_id, due_at, fires_at) on parley.reminders to parley_gateway;
        grant insert (due_at, recurrence, time_zone, completed_at),
            update (due_at, recurrence, time_zone, completed_at, deleted_at)
            on parley.tasks to parley_gateway;

        revoke execute on function parley.perform_tool, parley.task_json, parley.undo_tasks, parley.next_occurrence,
            parley.number_task, parley.move_reminders, parley.claim_reminders, parley.fire_reminder, parley.purge_tasks
            from public;
        grant execute on function parley.perform_tool, parley.task_json, parley.undo_tasks, parley.next_occurrence,
            parley.claim_reminders, parley.fire_reminder, parley.purge_tasks
            to parley_gateway;
        """

    /// What was deleted and kept is gone for good; the messages of reminders stay, without their runs. The functions
    /// that the tools were before come from their own text.
    static let tasksDown = """
        drop function parley.purge_tasks, parley.fire_reminder, parley.claim_reminders, parley.undo_tasks,
            parley.next_occurrence;
        drop table parley.reminders;
        drop trigger tasks_number on parley.tasks;
        drop trigger tasks_reminders on parley.tasks;
        drop function parley.number_task, parley.move_reminders;
        delete from parley.tasks where deleted_at is not null;
        alter table parley.tasks drop number, drop due_at, drop recurrence, drop time_zone, drop completed_at,
            drop deleted_at;
        alter table parley.users drop last_task_number;
        delete from parley.runs where user_message_id is null;
        alter table parley.runs alter user_message_id set not null;
        """
}
