/// The SQL of migration 4, by subject: what a gateway writes is its own.
///
/// A gateway's row in `nodes` is its right to write. Each of its transactions holds that row's lock, shared, and is
/// refused (`PY002`) when the row is gone; who takes the row away holds the lock alone, so that what the other was
/// storing at that moment is stored before, and nothing after.
///
/// The lock is an advisory one. A row lock (`for key share`) does the same at the same cost, but transactions that hold it
/// beside each other use up a multixact each, and with those the time until all tables have to be frozen: days, at a
/// thousand turns a second.
enum Schema4 {
    /// Functions as this migration made them, where a later one changed them.
    enum Functions {}
}

extension Schema4 {
    static let nodes = """
        -- Since when it has beaten without a gap. Who was silent itself, because it stood still or because the database
        -- was away, does not know who else was.
        alter table parley.nodes add column steady_since timestamptz not null default now();

        \(SchemaFunctions.holdFence)

        \(Functions.enlist)

        -- A sign of life. `is_member`: it was not fenced. `sees_stale`: it may judge others, and one of them is silent.
        drop function parley.beat;
        \(Functions.beat)

        \(SchemaFunctions.leave)

        \(SchemaFunctions.fence)
        """

    /// A committed turn begins when no other run of its conversation is active, whoever's that is.
    static let beginRun = """
        \(Functions.beginRun)
        """

    /// As in migration 2, for a gateway that is fenced, and for its own runs.
    static let checkpoints = """
        drop function parley.checkpoint_runs;
        \(SchemaFunctions.checkpointRuns)
        """
}
