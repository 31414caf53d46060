/// What conversations and messages are bound by, and what moves their times.
extension Schema4 {
    /// As in migrations 2 and 3, and: a user's message has a length that the database bounds itself, and `updated_at`
    /// moves with every change that somebody makes.
    ///
    /// The constraint is taken for granted of what is there: a message that was stored stays, also in a copy of the
    /// database, when new ones may not be as long any more.
    static let objects =
        """
        \(SchemaFunctions.maxContentLength)

        \(SchemaFunctions.isAnothers)

        alter table parley.messages
            drop constraint messages_are_valid,
            add constraint messages_are_valid check (parley.is_message(
                position, role, content, content_key, tool_calls, tool_call_id, status, client_id)) not valid;

        """
        + [
            SchemaFunctions.isMessage, Functions.fromArchive, Functions.changeConversation,
            Functions.deleteConversation, Functions.deleteMessage, SchemaFunctions.reseal,
        ].map(SchemaFunctions.again).joined(separator: "\n") + """

            revoke execute on function parley.is_anothers, parley.max_content_length from public;
            grant execute on function parley.is_anothers, parley.max_content_length to parley_gateway;
            """

    static let objectsDown =
        [
            Schema3.isMessage, Schema2.fromArchive, Schema2.changeConversation, Schema2.deleteConversation,
            Schema2.deleteMessage, Schema2.reseal,
        ].map(SchemaFunctions.again).joined(separator: "\n") + """

            drop function parley.is_anothers, parley.max_content_length;
            alter table parley.messages
                drop constraint messages_are_valid,
                add constraint messages_are_valid check (parley.is_message(
                    position, role, content, content_key, tool_calls, tool_call_id, status, client_id));
            """
}
