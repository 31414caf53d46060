extension SchemaFunctions {
    static let moveReminders = """
        -- A reminder that has not fired follows its task: to another time, or away with it. One that has comes again
        -- when its task is put off.
        create function parley.move_reminders() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            if new.due_at is null then
                delete from parley.reminders r where r.task_id = new.id and r.fired_at is null;
            else
                update parley.reminders r
                set due_at = new.due_at, fires_at = new.due_at, claimed_at = null, claimed_by = null
                where r.task_id = new.id and r.fired_at is null;
                if not found and new.due_at > now() and new.recurrence is null then
                    insert into parley.reminders (task_id, user_id, conversation_id, due_at, fires_at)
                    select new.id, new.user_id, r.conversation_id, new.due_at, new.due_at
                    from parley.reminders r where r.task_id = new.id
                    order by r.fired_at desc limit 1;
                end if;
            end if;
            return null;
        end
        $$;
        """
}
