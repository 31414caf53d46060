extension SchemaFunctions {
    static let numberTask = """
        -- The user's row is locked until the transaction ends, so two tasks that are added at once get two numbers, and
        -- a number that was given is not given again. One that is brought along (an import) is kept.
        create function parley.number_task() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            if new.number is null then
                update parley.users u set last_task_number = u.last_task_number + 1
                    where u.id = new.user_id returning u.last_task_number into new.number;
                -- Without a user the reference refuses the row.
                new.number := coalesce(new.number, 1);
            else
                update parley.users u set last_task_number = greatest(u.last_task_number, new.number)
                    where u.id = new.user_id;
            end if;
            return new;
        end
        $$;
        """
}
