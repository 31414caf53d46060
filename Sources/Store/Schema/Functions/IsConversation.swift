extension SchemaFunctions {
    static let isConversation = """
        -- A check is read from its text and planned for each statement, whatever its rows: half of what a single turn
        -- cost. As one function each it is a name.
        create function parley.is_conversation(
            p_title text, p_title_key text, p_status text, p_metadata jsonb, p_message_count int,
            p_messages_deleted int, p_deleted_at timestamptz
        ) returns bool
        language plpgsql immutable parallel safe as $$
        begin
            return char_length(p_title) <= case when p_title_key is null then 255 else 1500 end
                and p_status in ('active', 'dormant', 'archived', 'deleted')
                and jsonb_typeof(p_metadata) = 'object'
                and p_message_count >= 0 and p_messages_deleted >= 0
                and (p_status = 'deleted') = (p_deleted_at is not null);
        end
        $$;
        """
}
