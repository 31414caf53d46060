extension Schema4 {
    /// What people think of answers, and the words of messages for those who search. Both outlive the move of a
    /// conversation into the archive and back, so they hang on no message by a key: what becomes of a message that is
    /// deleted for good is seen to behind the deletion.
    static let feedback = """
        create table parley.feedback (
            message_id uuid not null,
            user_id text not null references parley.users on delete cascade,
            conversation_id uuid not null,
            rating text not null check (rating in ('up', 'down')),
            -- 2 000 characters, or what they become when they are sealed.
            comment text check (octet_length(comment) <= 12000),
            comment_key text,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (message_id, user_id)
        );
        create index on parley.feedback (user_id, conversation_id);

        -- Filled by searching, so that a turn costs nothing for it.
        create table parley.search_words (
            user_id text not null references parley.users on delete cascade,
            message_id uuid not null,
            words tsvector not null,
            primary key (user_id, message_id)
        );
        create index on parley.search_words (message_id);

        \(SchemaFunctions.forgetMessages)
        create trigger forget after delete on parley.messages
            referencing old table as gone for each statement execute function parley.forget_messages();
        create trigger forget after delete on parley.archived_messages
            referencing old table as gone for each statement execute function parley.forget_messages();

        \(SchemaFunctions.searchText)

        \(SchemaFunctions.search)

        alter table parley.feedback enable row level security;
        create policy own on parley.feedback to parley_gateway
            using (user_id = current_setting('app.user_id', true));
        grant select, insert, update (rating, comment, comment_key, updated_at), delete on parley.feedback to parley_gateway;

        alter table parley.search_words enable row level security;
        create policy own on parley.search_words to parley_gateway
            using (user_id = current_setting('app.user_id', true));
        grant select, insert on parley.search_words to parley_gateway;

        revoke execute on function parley.forget_messages, parley.search_text, parley.search from public;
        grant execute on function parley.search_text, parley.search to parley_gateway;
        """

    static let feedbackDown = """
        drop trigger forget on parley.messages;
        drop trigger forget on parley.archived_messages;
        drop function parley.search, parley.search_text, parley.forget_messages;
        drop table parley.search_words, parley.feedback;

        """
}
