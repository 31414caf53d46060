extension Schema5 {
    /// Conversations that branch: a tree of runs, of which the path that ends in the conversation's head is shown.
    ///
    /// What is walked are runs. Each knows the run that it follows, and where in the conversation the messages lie that it
    /// has said, which are stored together. Most conversations are linear: their messages are shown in the order in which
    /// they were stored (`is_linear`), and are read as before, without a walk. One stops to be linear when something is
    /// stored elsewhere than behind all that is shown: a branch, or a message that waits while another is answered.
    static let branches =
        """
        alter table parley.conversations
            add column head_run_id uuid,
            -- The head before it: what a question follows that has become the head.
            add column former_head_run_id uuid,
            add column is_linear bool not null default true;
        alter table parley.archived_conversations
            add column head_run_id uuid,
            add column is_linear bool not null default true;
        alter table parley.messages add column parent_run_id uuid;
        alter table parley.archived_messages add column parent_run_id uuid;

        """
        + ["runs", "archived_runs"].map { table in
            """
            alter table parley.\(table)
                drop constraint \(table)_user_message_id_key,
                add column parent_run_id uuid,
                add column first_position int,
                add column last_position int,
                -- Not alone behind its parent, or not the only one of its question.
                add column is_branch bool not null default false,
                -- Of who asked for another answer.
                add column client_id text check (char_length(client_id) between 1 and 64);
            create index \(table)_question on parley.\(table) (user_message_id);
            create index \(table)_branches on parley.\(table) (conversation_id) where is_branch;
            create unique index \(table)_client on parley.\(table) (user_id, client_id) where client_id is not null;

            """
        }.joined()
            + """
            alter table parley.archived_runs alter user_message_id drop not null;

            -- What is stored already follows in its order.
            alter table parley.messages disable trigger user;
            """
        + ["", "archived_"].map { kind in
            """

            create table parley.turns_in_order as
            select m.id as message, m.run_id as run, m.conversation_id as conversation, m.position as place,
                lag(m.run_id) over (partition by m.conversation_id order by m.position) as parent
            from parley.\(kind)messages m join parley.\(kind)runs r on r.id = m.run_id where m.role = 'user';
            update parley.\(kind)messages m set parent_run_id = t.parent
            from parley.turns_in_order t where m.id = t.message and t.parent is not null;
            update parley.\(kind)runs r set parent_run_id = t.parent
            from parley.turns_in_order t where r.id = t.run and t.parent is not null;
            update parley.\(kind)runs r set first_position = s.first, last_position = s.last
            from (
                select m.run_id as run, min(m.position) as first, max(m.position) as last
                from parley.\(kind)messages m where m.role <> 'user' and m.run_id is not null group by m.run_id
            ) s where r.id = s.run;
            update parley.\(kind)conversations c
            set head_run_id = t.run, is_linear = not exists (
                select from (
                    select m.run_id, lag(m.run_id) over (order by m.position) as before
                    from parley.\(kind)messages m where m.conversation_id = c.id
                ) x where x.run_id is distinct from x.before
                group by x.run_id having count(*) > 1)
            from (
                select distinct on (conversation) conversation, run from parley.turns_in_order order by conversation, place desc
            ) t
            where c.id = t.conversation;
            drop table parley.turns_in_order;
            """
        }.joined() + """

            alter table parley.messages enable trigger user;

            \(changed.map(SchemaFunctions.again).joined(separator: "\n"))

            \(SchemaFunctions.branchTurn)

            \(SchemaFunctions.selectHead)

            revoke execute on function parley.branch_turn, parley.select_head from public;
            grant execute on function parley.branch_turn, parley.select_head to parley_gateway;
            """

    /// Of the answers to a question the newest keeps its run; all messages stay.
    static let branchesDown =
        """
        drop function parley.branch_turn, parley.select_head;
        """
        + ["", "archived_"].map { kind in
            """

            \(kind == "" ? "" : "delete from parley.archived_runs where user_message_id is null;")
            delete from parley.\(kind)runs r using parley.\(kind)runs n
            where r.is_branch and n.is_branch and n.user_message_id = r.user_message_id
                and (n.created_at, n.id) > (r.created_at, r.id);
            drop index parley.\(kind)runs_question;
            alter table parley.\(kind)runs
                drop column parent_run_id, drop column first_position, drop column last_position,
                drop column is_branch, drop column client_id,
                add constraint \(kind)runs_user_message_id_key unique (user_message_id);
            alter table parley.\(kind)messages drop column parent_run_id;
            alter table parley.\(kind)conversations drop column head_run_id, drop column is_linear;
            """
        }.joined() + """

            alter table parley.conversations drop column former_head_run_id;
            alter table parley.archived_runs alter user_message_id set not null;

            """

    /// The functions as they were; to be made when the columns are gone.
    static let pathless = former.map(SchemaFunctions.again).joined(separator: "\n")

    /// What knows of paths now, and what it was before.
    private static let changed = [
        SchemaFunctions.acceptTurnsPlain, SchemaFunctions.acceptTurnsAny, SchemaFunctions.endRunsPlain,
        SchemaFunctions.endRunsAny, SchemaFunctions.fireReminder,
        SchemaFunctions.toArchive, SchemaFunctions.fromArchive, SchemaFunctions.deleteMessage,
        SchemaFunctions.importLines,
    ]
    private static let former = [
        Schema4.Functions.acceptTurnsPlain, Schema4.Functions.acceptTurnsAny, Schema4.Functions.endRunsPlain,
        Schema4.Functions.endRunsAny, Schema4.Functions.fireReminder,
        Schema2.toArchive, Schema4.Functions.fromArchive, Schema4.Functions.deleteMessage,
        Schema4.Functions.importLines,
    ]
}
