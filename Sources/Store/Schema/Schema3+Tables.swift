/// The SQL of migration 3, by subject: fewer things to do for a turn that is like most.
enum Schema3 {}

extension Schema3 {
    /// A turn writes two messages and one run, and changes its conversation twice, so that each index of these tables
    /// is what most of its cost consists of, and each foreign key a query a row.
    static let tables = """
        -- A run belongs to its message, which belongs to its conversation: that is the one way needed.
        alter table parley.runs
            drop constraint runs_conversation_id_user_id_fkey,
            drop constraint runs_user_message_id_fkey;
        drop index parley.runs_conversation;
        -- Of a conversation, or of all: there are few at any time.
        drop index parley.runs_unfinished;
        create index runs_unfinished on parley.runs (conversation_id) where status in ('queued', 'running');

        -- Both are written by one function, in one statement; what is left to guard is that the run goes with it.
        create function parley.delete_runs_of_messages() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            delete from parley.runs r using gone g where r.user_message_id = g.id;
            return null;
        end
        $$;
        create trigger messages_delete_runs after delete on parley.messages
            referencing old table as gone
            for each statement execute function parley.delete_runs_of_messages();

        -- Space for the next state of a conversation beside the one before it.
        alter table parley.conversations set (fillfactor = 70);
        """

    static let rights = """
        revoke execute on function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any,
            parley.end_runs, parley.end_runs_plain, parley.end_runs_any, parley.delete_runs_of_messages
            from public;
        revoke execute on function parley.accept_turns_any, parley.end_runs_any from parley_gateway;
        grant execute on function parley.accept_turns, parley.end_runs to parley_gateway;
        """

    static let down = """
        drop function parley.accept_turns, parley.accept_turns_plain, parley.end_runs, parley.end_runs_plain;
        alter function parley.accept_turns_any rename to accept_turns;
        alter function parley.end_runs_any rename to end_runs;
        grant execute on function parley.accept_turns, parley.end_runs to parley_gateway;

        alter table parley.conversations reset (fillfactor);
        drop trigger messages_delete_runs on parley.messages;
        drop function parley.delete_runs_of_messages;
        drop index parley.runs_unfinished;
        create index runs_unfinished on parley.runs (node) where status in ('queued', 'running');
        create index runs_conversation on parley.runs (conversation_id);
        alter table parley.runs
            add constraint runs_conversation_id_user_id_fkey foreign key (conversation_id, user_id)
                references parley.conversations (id, user_id) on delete cascade,
            add constraint runs_user_message_id_fkey foreign key (user_message_id)
                references parley.messages on delete cascade;
        """
}
