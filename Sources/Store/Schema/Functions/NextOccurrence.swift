extension SchemaFunctions {
    static let nextOccurrence = """
        -- The first time behind both that the rule names, at the same time of day in that zone; null: there is none.
        -- FREQ, INTERVAL, BYDAY and BYMONTHDAY of RFC 5545, counted from p_due; a day that a month does not have is
        -- left out.
        create function parley.next_occurrence(p_due timestamptz, p_rule text, p_zone text, p_after timestamptz)
        returns timestamptz
        language plpgsql stable set search_path = pg_catalog, pg_temp as $$
        declare
            v_zone text := coalesce(p_zone, 'UTC');
            v_freq text := substring(p_rule from 'FREQ=([A-Z]+)');
            v_every int := coalesce(substring(p_rule from 'INTERVAL=([0-9]{1,3})')::int, 1);
            v_days text[] := string_to_array(substring(p_rule from 'BYDAY=([A-Z,]+)'), ',');
            v_dates int[] := string_to_array(substring(p_rule from 'BYMONTHDAY=([-0-9,]+)'), ',')::int[];
            v_codes constant text[] := array['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
            v_local timestamp;
            v_first date;
            v_day date;
            v_next timestamptz;
            v_months int;
            v_span int;
        begin
            begin
                v_local := p_due at time zone v_zone;
            exception
                -- A zone that this server does not know.
                when invalid_parameter_value then
                    v_zone := 'UTC';
                    v_local := p_due at time zone v_zone;
            end;
            if p_due is null or v_freq is null or v_every < 1 then
                return null;
            end if;
            v_first := v_local::date;
            v_span := case v_freq
                when 'DAILY' then v_every * 7 when 'WEEKLY' then v_every * 7 + 7
                when 'MONTHLY' then v_every * 31 * 13 else v_every * 366 * 9 end;
            v_day := greatest(v_first, (p_after at time zone v_zone)::date);
            for i in 0..v_span + 1 loop
                v_months := (extract(year from v_day) - extract(year from v_first))::int * 12
                    + (extract(month from v_day) - extract(month from v_first))::int;
                -- In parentheses: the THEN of a bare CASE would be taken for the one of IF.
                if (case v_freq
                    when 'DAILY' then (v_day - v_first) % v_every = 0
                    when 'WEEKLY' then
                        ((date_trunc('week', v_day)::date - date_trunc('week', v_first)::date) / 7) % v_every = 0
                        and (v_days is not null or extract(isodow from v_day) = extract(isodow from v_first))
                    when 'MONTHLY' then
                        v_months % v_every = 0 and case
                            when v_dates is not null then extract(day from v_day)::int = any (v_dates)
                                or -1 = any (v_dates) and extract(day from v_day + 1) = 1
                            when v_days is not null then true
                            else extract(day from v_day) = extract(day from v_first) end
                    when 'YEARLY' then
                        v_months % (12 * v_every) = 0 and extract(day from v_day) = extract(day from v_first)
                    else false end)
                    and (v_days is null or v_codes[extract(isodow from v_day)::int] = any (v_days))
                then
                    v_next := (v_day + v_local::time) at time zone v_zone;
                    if v_next > p_due and v_next > p_after then
                        return v_next;
                    end if;
                end if;
                v_day := v_day + 1;
            end loop;
            return null;
        end
        $$;
        """
}
