extension SchemaFunctions {
    static let beginRun = """
        -- 'running': it is the active run of its conversation, from now on or since before. 'gone': it is not to be begun
        -- here. Otherwise the id of the run that is active, which may be one that the caller has as well.
        create function parley.begin_run(p_user text, p_run uuid, p_node text) returns text
        language plpgsql security definer set search_path = pg_catalog, pg_temp
        as $$
        declare
            v_run parley.runs;
            v_active uuid;
        begin
            perform parley.hold_fence(p_node);
            select * into v_run from parley.runs r where r.id = p_run and r.user_id = p_user;
            if v_run.id is null then
                return 'gone';
            end if;
            -- All writers lock conversations first.
            perform from parley.conversations c where c.id = v_run.conversation_id for no key update;
            select * into v_run from parley.runs r where r.id = p_run and r.user_id = p_user;
            if v_run.id is null or v_run.node is distinct from p_node or v_run.status not in ('queued', 'running') then
                return 'gone';
            end if;
            if v_run.status = 'queued' then
                -- What waits for a person is declined by what is said behind it.
                perform parley.decline_suspended(array[v_run.conversation_id], 'declined', null, p_node);
                select r.id into v_active from parley.runs r
                where r.conversation_id = v_run.conversation_id and r.status = 'running' limit 1;
                if found then
                    return v_active::text;
                end if;
                update parley.runs r set status = 'running', started_at = now(), heartbeat_at = now()
                where r.id = p_run;
            end if;
            return 'running';
        end
        $$;
        """
}
