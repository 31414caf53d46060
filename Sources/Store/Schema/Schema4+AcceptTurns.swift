extension Schema4 {
    /// As in migrations 2 and 3, and: the gateway that stores is fenced, and is told of each turn whether its run begins
    /// (`is_running`), which it does not while another gateway's is active in the conversation.
    static let acceptTurns = """
        drop function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any;

        \(Functions.acceptTurnsPlain)

        \(Functions.acceptTurnsAny)

        \(Functions.acceptTurns)
        """
}
