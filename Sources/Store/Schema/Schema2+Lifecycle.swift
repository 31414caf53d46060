extension Schema2 {
    /// What a user does with a conversation, beside writing to it.
    static let lifecycle = """
        \(SchemaFunctions.createConversation)

        \(SchemaFunctions.changeConversation)

        \(SchemaFunctions.deleteConversation)
        """

    /// What an administrator may do, and what ends a user.
    static let deletion = """
        \(SchemaFunctions.deleteMessage)

        \(SchemaFunctions.deleteUser)

        \(SchemaFunctions.usersToDelete)

        \(SchemaFunctions.reseal)
        """
}
