extension SchemaFunctions {
    static let branchTurn = """
        -- A turn that does not go behind what is shown: `edit` stores a message behind another (`p_anchor`; null: at the
        -- beginning), `again` answers the question of `p_anchor` anew. What is shown ends in it from here on.
        --
        -- Outcomes as those of accept_turns (0 stored, 1 known, 2 no conversation, 3 full, 5 busy), and 6: `p_anchor` is
        -- not what it has to be. `p_starts` null: it begins at once or is refused as busy.
        create function parley.branch_turn(
            p_user text, p_conversation uuid, p_kind text, p_anchor uuid, p_message uuid, p_client text,
            p_content text, p_key text, p_run uuid, p_starts bool, p_node text, p_limit int
        ) returns table (
            outcome int, conversation_id uuid, message_id uuid, run_id uuid, run_ended bool, "position" int,
            title text, title_key text, message_count int, created_at timestamptz, updated_at timestamptz, woken bool,
            is_running bool, content text, content_key text, replaced uuid
        )
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        #variable_conflict use_column
        declare
            v_chat parley.conversations;
            v_anchor parley.messages;
            v_question parley.messages;
            v_known record;
            v_was text;
            v_parent uuid;
            v_replaced uuid;
            v_place int;
            v_starts bool;
            v_siblings int := 0;
            v_endpoints text[];
        begin
            perform parley.hold_fence(p_node);
            if p_key is not null then
                perform parley.use_key(p_key);
            end if;
            select * into v_chat from parley.conversations c where c.id = p_conversation for no key update;
            if not found then
                perform parley.from_archive(array[p_user], array[p_conversation], 'dormant');
                select * into v_chat from parley.conversations c where c.id = p_conversation for no key update;
            end if;

            select k.* into v_known
            from (
                select r.conversation_id, r.user_message_id, r.id, r.status from parley.runs r
                where r.id = p_run and r.user_id = p_user
                union all
                select m.conversation_id, m.id, m.run_id, r.status from parley.messages m
                left join parley.runs r on r.id = m.run_id
                where m.user_id = p_user and m.client_id = p_client
                union all
                select r.conversation_id, r.user_message_id, r.id, r.status from parley.runs r
                where r.user_id = p_user and r.client_id = p_client
                union all
                select m.conversation_id, m.id, m.run_id, 'completed' from parley.archived_messages m
                where m.user_id = p_user and m.client_id = p_client
                union all
                select r.conversation_id, r.user_message_id, r.id, 'completed' from parley.archived_runs r
                where r.user_id = p_user and r.client_id = p_client
            ) k (conversation_id, user_message_id, run_id, status) limit 1;
            if found then
                select * into v_question from parley.messages m where m.id = v_known.user_message_id;
                return query select case when v_known.run_id = p_run then 0 else 1 end, v_known.conversation_id,
                    v_known.user_message_id, v_known.run_id,
                    (v_known.status in ('queued', 'running')) is not true, v_question.position,
                    v_chat.title, v_chat.title_key, v_chat.message_count - v_chat.messages_deleted,
                    v_chat.created_at, v_chat.updated_at, false, (v_known.status = 'running') is true,
                    v_question.content, v_question.content_key, null::uuid;
                return;
            end if;
            outcome := 2;
            if v_chat.id is null or v_chat.user_id <> p_user or v_chat.status = 'deleted' then
                return next;
                return;
            end if;
            v_was := v_chat.status;
            outcome := 6;
            select * into v_anchor from parley.messages m
            where m.id = p_anchor and m.conversation_id = p_conversation;
            if v_anchor.id is null and p_anchor is not null then
                return next;
                return;
            end if;

            if p_kind = 'again' then
                select m.* into v_question from parley.messages m
                where m.id = case when v_anchor.role = 'user' then v_anchor.id else (
                    select r.user_message_id from parley.runs r where r.id = v_anchor.run_id) end;
                if v_question.id is null then
                    return next;
                    return;
                end if;
                if v_anchor.role <> 'user' then
                    v_replaced := v_anchor.run_id;
                else
                    -- The one that is shown, or else the newest.
                    with recursive path as (
                        select r.id, r.parent_run_id, r.user_message_id from parley.runs r
                        where r.id = v_chat.head_run_id
                        union all
                        select r.id, r.parent_run_id, r.user_message_id from path p
                        join parley.runs r on r.id = p.parent_run_id
                    )
                    select coalesce(
                        (select p.id from path p where p.user_message_id = v_question.id limit 1),
                        (select r.id from parley.runs r where r.user_message_id = v_question.id
                        order by r.created_at desc, r.id desc limit 1))
                    into v_replaced;
                end if;
                -- The whole turn, where it was suspended and went on.
                with recursive turn as (
                    select r.id, r.resumed_run_id, r.parent_run_id, 0 as depth from parley.runs r
                    where r.id = v_replaced
                    union all
                    select r.id, r.resumed_run_id, r.parent_run_id, t.depth + 1 from turn t
                    join parley.runs r on r.id = t.resumed_run_id
                )
                select t.id, t.parent_run_id into v_replaced, v_parent from turn t order by t.depth desc limit 1;
            elsif p_anchor is not null then
                -- The last message of a turn: of an answer, or the question where nothing of one is stored.
                if v_anchor.role = 'user' then
                    select r.id into v_parent from parley.runs r
                    where r.user_message_id = v_anchor.id and r.last_position is null
                    order by r.created_at desc, r.id desc limit 1;
                else
                    select r.id into v_parent from parley.runs r
                    where r.id = v_anchor.run_id and r.last_position = v_anchor.position
                        and not exists (select from parley.runs f where f.resumed_run_id = r.id);
                end if;
                if v_parent is null then
                    return next;
                    return;
                end if;
            end if;
            -- There must be room for the answer too.
            if v_chat.message_count + (p_kind = 'edit')::int >= p_limit then
                outcome := 3;
                return next;
                return;
            end if;

            if p_starts is null and exists (
                select from parley.runs r
                where r.conversation_id = p_conversation and r.status in ('running', 'suspended'))
            then
                outcome := 5;
                return next;
                return;
            end if;

            -- What waits for a person is declined by what is asked behind or beside it.
            if cardinality(parley.decline_suspended(array[p_conversation], 'declined', null, p_node)) > 0 then
                select * into v_chat from parley.conversations c where c.id = p_conversation;
            end if;
            v_starts := coalesce(p_starts, true) and not exists (
                select from parley.runs r where r.conversation_id = p_conversation and r.status = 'running');
            if p_kind = 'again' then
                v_place := v_chat.message_count;
                update parley.runs r set is_branch = true
                where r.user_message_id = v_question.id and r.resumed_run_id is null and not r.is_branch;
            else
                v_place := v_chat.message_count + 1;
                insert into parley.messages
                    (id, conversation_id, user_id, position, role, content, content_key, run_id, client_id,
                    parent_run_id)
                values (p_message, p_conversation, p_user, v_place, 'user', p_content, p_key, p_run, p_client, v_parent)
                returning * into v_question;
                update parley.runs r set is_branch = true
                from parley.messages m
                where m.conversation_id = p_conversation and m.role = 'user' and r.user_message_id = m.id
                    and r.parent_run_id is not distinct from v_parent;
                get diagnostics v_siblings = row_count;
            end if;
            insert into parley.runs
                (id, conversation_id, user_id, user_message_id, status, node, heartbeat_at, started_at, parent_run_id,
                is_branch, client_id)
            values (p_run, p_conversation, p_user, v_question.id, case when v_starts then 'running' else 'queued' end,
                p_node, now(), case when v_starts then now() end, v_parent, p_kind = 'again' or v_siblings > 0,
                case when p_kind = 'again' then p_client end);
            update parley.conversations c
            set message_count = v_place, updated_at = greatest(now(), c.updated_at), status = 'active',
                head_run_id = p_run,
                is_linear = c.is_linear and p_kind = 'edit' and v_starts
                    and v_parent is not distinct from c.head_run_id
            where c.id = p_conversation returning * into v_chat;
            if p_kind = 'edit' then
                select n.webhooks into v_endpoints from parley.nodes n where n.id = p_node;
                if v_endpoints is not null then
                    perform parley.note_events(v_endpoints, array[p_message], '{}');
                end if;
            end if;
            return query select 0, p_conversation, v_question.id, p_run, false, v_question.position, v_chat.title,
                v_chat.title_key, v_chat.message_count - v_chat.messages_deleted, v_chat.created_at,
                v_chat.updated_at, v_was = 'dormant', v_starts, v_question.content, v_question.content_key, v_replaced;
        end
        $$;
        """
}
