extension Schema4 {
    /// PROTOCOL.md, section 4, "Crash". As in migration 2, but who is dead is decided otherwise: a gateway that has no
    /// row, whatever its name. Rows are taken from those that were silent for `p_stale` milliseconds, by a gateway that
    /// itself has beaten for `p_steady` without a gap, all by the database's clock. What beats is alive.
    static let recovery = """
        drop function parley.recover_runs;
        \(Functions.recoverRuns)
        """

    static let rights = """
        revoke execute on function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any,
            parley.end_runs, parley.end_runs_plain, parley.end_runs_any, parley.checkpoint_runs,
            parley.recover_runs, parley.hold_fence, parley.enlist, parley.beat, parley.leave, parley.fence,
            parley.begin_run
            from public;
        grant execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs,
            parley.recover_runs, parley.hold_fence, parley.enlist, parley.beat, parley.leave, parley.begin_run
            to parley_gateway;
        """

    /// The functions are those of the migrations before, from their own text; what that drops first must be there.
    static let down =
        """
        drop function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any,
            parley.end_runs, parley.end_runs_plain, parley.end_runs_any, parley.perform_tool, parley.task_json,
            parley.hold_fence, parley.enlist, parley.beat, parley.leave, parley.fence, parley.begin_run;
        \(tasksDown)
        alter table parley.nodes drop column steady_since;
        create function parley.accept_turns() returns void language sql begin atomic end;
        create function parley.end_runs() returns void language sql begin atomic end;
        create function parley.beat(p_node text) returns void
        language sql security definer set search_path = pg_catalog, pg_temp
        begin atomic
            insert into parley.nodes as n (id) values (p_node)
            on conflict (id) do update set heartbeat_at = now();
        end;

        """
        + [
            Schema2.acceptTurns, Schema2.endRuns, Schema2.checkpoints, Schema2.recovery, Schema3.acceptTurns,
            Schema3.endRuns, Schema1.tools,
        ].joined(separator: "\n") + """

            revoke execute on function parley.accept_turns, parley.accept_turns_plain, parley.accept_turns_any,
                parley.end_runs, parley.end_runs_plain, parley.end_runs_any, parley.checkpoint_runs,
                parley.recover_runs, parley.beat, parley.perform_tool, parley.task_json
                from public;
            grant execute on function parley.accept_turns, parley.end_runs, parley.checkpoint_runs,
                parley.recover_runs, parley.beat, parley.perform_tool, parley.task_json
                to parley_gateway;
            """
}
