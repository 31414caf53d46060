extension SchemaFunctions {
    static let dropKey = """
        -- For `parley reencrypt`, the owner's alone.
        create function parley.drop_key(p_key text) returns text
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        declare
            v_canary text;
        begin
            perform pg_advisory_xact_lock(x'7061726C657933'::bigint);
            delete from parley.content_keys k where k.id = p_key returning k.canary into v_canary;
            return v_canary;
        end
        $$;
        """
}
