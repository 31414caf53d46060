extension Schema4 {
    /// As in migrations 2 and 3, and: the gateway that stores is fenced, and a run that is another's is left alone
    /// (outcome 5).
    static let endRuns = """
        drop function parley.end_runs, parley.end_runs_plain, parley.end_runs_any;

        \(Functions.endRunsPlain)

        \(Functions.endRunsAny)

        \(Functions.endRuns)
        """
}
