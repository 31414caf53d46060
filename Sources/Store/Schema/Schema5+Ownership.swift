/// Which gateway has a user's session.
///
/// `owner_node` is the last that claimed the user, and has the session unless `owner_is_idle`, or unless its row among
/// the nodes is gone. `owner_epoch` rises with each claim: who released one epoch and finds the next in its claim knows
/// that nobody else had the user in between, and a release that comes late undoes no later claim. It begins with the
/// time (microseconds since 1970), so that somebody who was deleted and comes again is not taken for who was before.
extension Schema5 {
    static let ownership = """
        alter table parley.users
            add column owner_node text,
            add column owner_epoch bigint not null default extract(epoch from now()) * 1000000,
            add column owner_is_idle bool not null default false;

        -- Users that a living gateway has and another wants: that one hears of it with its next sign of life. What is
        -- lost with a crash is wished again.
        create unlogged table parley.owner_wishes (
            node text,
            wanted text,
            epoch bigint not null,
            wished_at timestamptz not null default now(),
            primary key (node, wanted)
        );
        alter table parley.owner_wishes enable row level security;

        \(SchemaFunctions.takeUsers)

        drop function parley.beat, parley.recover_runs, parley.enlist;
        -- Beside touch_users, which gateways of the release before call, and which could not be made again as it was.
        \(SchemaFunctions.meetUsers)

        \(SchemaFunctions.claimUser)

        \(SchemaFunctions.releaseUsers)

        \(SchemaFunctions.ownerOfMessage)

        \(SchemaFunctions.beat)

        \(SchemaFunctions.recoverRuns)

        \(SchemaFunctions.again(SchemaFunctions.acceptTurns))

        \(SchemaFunctions.enlist)

        \(SchemaFunctions.neighbours)

        \(SchemaFunctions.fenceGone)

        \(SchemaFunctions.again(SchemaFunctions.claimReminders))

        revoke execute on function parley.take_users, parley.meet_users, parley.claim_user, parley.release_users,
            parley.owner_of_message, parley.beat, parley.recover_runs, parley.enlist, parley.neighbours,
            parley.fence_gone from public;
        grant execute on function parley.meet_users, parley.claim_user, parley.release_users, parley.owner_of_message,
            parley.beat, parley.recover_runs, parley.enlist, parley.neighbours, parley.fence_gone
            to parley_gateway;
        """

    /// The former functions come when all that was added to their tables is gone: those whose bodies are parsed would
    /// hang on it.
    static let ownershipDown = """
        drop function parley.take_users, parley.meet_users, parley.claim_user, parley.release_users,
            parley.owner_of_message, parley.beat, parley.recover_runs, parley.enlist, parley.neighbours,
            parley.fence_gone;
        drop table parley.owner_wishes;
        alter table parley.users drop column owner_node, drop column owner_epoch, drop column owner_is_idle;

        """

    static let formerFunctions = """
        \(Schema4.Functions.beat)

        \(Schema4.Functions.recoverRuns)

        \(SchemaFunctions.again(Schema4.Functions.acceptTurns))

        \(Schema4.Functions.enlist)

        \(SchemaFunctions.again(Schema4.Functions.claimReminders))

        revoke execute on function parley.beat, parley.recover_runs, parley.enlist from public;
        grant execute on function parley.beat, parley.recover_runs, parley.enlist
            to parley_gateway;

        """
}
