extension SchemaFunctions {
    static let deleteRunsOfMessages = """
        -- Both are written by one function, in one statement; what is left to guard is that the run goes with it.
        create function parley.delete_runs_of_messages() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            delete from parley.runs r using gone g where r.user_message_id = g.id;
            return null;
        end
        $$;
        """
}
