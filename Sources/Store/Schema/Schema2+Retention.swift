extension Schema2 {
    /// One batch of one move at a time, by one gateway at a time. Conversations that are in use are passed over: locked
    /// ones, and those with an unfinished run.
    static let retention = """
        \(Functions.retentionCandidates)

        \(SchemaFunctions.retain)

        \(Functions.retentionDue)

        \(SchemaFunctions.retainAudit)
        """
}
