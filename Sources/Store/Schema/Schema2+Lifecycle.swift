extension Schema2 {
    /// What a user does with a conversation, beside writing to it.
    static let lifecycle = """
        \(createConversation)

        \(changeConversation)

        \(deleteConversation)
        """

    /// What an administrator may do, and what ends a user.
    static let deletion = """
        \(deleteMessage)

        \(deleteUser)

        \(SchemaFunctions.usersToDelete)

        \(reseal)
        """
}
