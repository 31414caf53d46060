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

        \(SchemaFunctions.deleteRunsOfMessages)
        create trigger messages_delete_runs after delete on parley.messages
            referencing old table as gone
            for each statement execute function parley.delete_runs_of_messages();

        \(SchemaFunctions.isConversation)
        \(isMessage)
        alter table parley.conversations
            drop constraint conversations_check, drop constraint conversations_message_count_check,
            drop constraint conversations_messages_deleted_check, drop constraint conversations_metadata_check,
            drop constraint conversations_status_check, drop constraint conversations_title_check,
            add constraint conversations_are_valid check (parley.is_conversation(
                title, title_key, status, metadata, message_count, messages_deleted, deleted_at));
        alter table parley.messages
            drop constraint messages_check1, drop constraint messages_check2, drop constraint messages_check3,
            drop constraint messages_content_check, drop constraint messages_position_check,
            drop constraint messages_role_check, drop constraint messages_status_check,
            add constraint messages_are_valid check (parley.is_message(
                position, role, content, content_key, tool_calls, tool_call_id, status, client_id));

        -- Space for the next state of a conversation beside the one before it.
        alter table parley.conversations set (fillfactor = 70);
        """

    static let rights = """
        revoke execute on function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any,
            parley.end_runs, parley.end_runs_plain, parley.end_runs_any, parley.delete_runs_of_messages,
            parley.is_conversation, parley.is_message
            from public;
        revoke execute on function parley.accept_turns_any, parley.end_runs_any from parley_gateway;
        grant execute on function parley.accept_turns, parley.end_runs, parley.is_conversation, parley.is_message
            to parley_gateway;
        """

    static let down = """
        drop function parley.accept_turns, parley.accept_turns_plain, parley.end_runs, parley.end_runs_plain;
        alter function parley.accept_turns_any rename to accept_turns;
        alter function parley.end_runs_any rename to end_runs;
        grant execute on function parley.accept_turns, parley.end_runs to parley_gateway;

        alter table parley.conversations
            reset (fillfactor),
            drop constraint conversations_are_valid,
            add constraint conversations_check check ((status = 'deleted') = (deleted_at is not null)),
            add constraint conversations_message_count_check check (message_count >= 0),
            add constraint conversations_messages_deleted_check check (messages_deleted >= 0),
            add constraint conversations_metadata_check check (jsonb_typeof(metadata) = 'object'),
            add constraint conversations_status_check
                check (status in ('active', 'dormant', 'archived', 'deleted')),
            add constraint conversations_title_check
                check (char_length(title) <= case when title_key is null then 255 else 1500 end);
        alter table parley.messages
            drop constraint messages_are_valid,
            add constraint messages_check1
                check (tool_calls is null or role = 'assistant' and jsonb_typeof(tool_calls -> 'tools') = 'array'),
            add constraint messages_check2
                check (tool_call_id is null or role = 'tool' and char_length(tool_call_id) <= 255),
            add constraint messages_check3
                check (client_id is null or role = 'user' and char_length(client_id) between 1 and 64),
            add constraint messages_content_check check (
                char_length(content) <= case when content_key is null then 200000 else 1066752 end
                and (role <> 'user' or content <> '')),
            add constraint messages_position_check check (position >= 1),
            add constraint messages_role_check check (role in ('user', 'assistant', 'tool')),
            add constraint messages_status_check
                check (status in ('complete', 'cancelled', 'interrupted', 'failed'));
        drop function parley.is_conversation, parley.is_message;
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
