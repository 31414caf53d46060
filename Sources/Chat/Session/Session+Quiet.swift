extension Session {
    /// Nobody is there, and nothing is under way: what is in memory is for those that come back, and could as well be
    /// read from the database.
    package var isQuiet: Bool { clients.isEmpty && unaddressed.isEmpty && !hasWork }
}
