extension Schema2 {
    /// Both ways between the live tables and the archive, whole and in one transaction. Called by the other functions.
    static let archive = """
        \(toArchive)

        \(fromArchive)

        \(SchemaFunctions.keepSingle)
        """
}
