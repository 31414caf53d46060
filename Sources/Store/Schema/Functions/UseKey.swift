extension SchemaFunctions {
    static let useKey = """
        create function parley.use_key(p_key text) returns void
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            perform pg_advisory_xact_lock_shared(x'7061726C657933'::bigint);
            if not exists (select from parley.content_keys k where k.id = p_key) then
                raise exception 'the key % is not known here', p_key;
            end if;
        end
        $$;
        """
}
