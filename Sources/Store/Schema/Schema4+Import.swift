extension Schema4 {
    /// What an export holds, read back.
    static let importing = """
        \(Functions.importLines)
        revoke execute on function parley.import_lines from public;
        grant execute on function parley.import_lines to parley_gateway;
        """

    static let importingDown = "drop function parley.import_lines;"
}
