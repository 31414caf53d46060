import JSON
import Chat
import Postgres
import Store
import Testing

/// Retention against a real database, with the time as an input. A database of their own: a sweep is for all users.
@Suite(.serialized) struct ArchiveTests {
    static let database = "parley_test_archive"
    static let day = RetentionPolicy.day

    static func fixture(
        _ configure: (inout StoreSettings, inout PoolSettings, inout PostgresSettings) -> Void = { _, _, _ in }
    ) throws -> StoreFixture { try StoreFixture(database: database, configure: configure) }

    /// A conversation with a turn, its reply with a tool call, an operation and a task; silent for so many days.
    static func conversation(_ store: StoreFixture, silentFor days: Int, client: String? = nil) async throws -> NewTurn
    {
        let turn = store.newTurn("the question", client: client)
        _ = await store.accept(turn)
        _ = await store.perform(
            ToolOperation(
                userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                key: ToolCallKey(runID: turn.runID, ordinal: 1),
                name: "add_task", arguments: ["title": "milk"]))
        let asking = Message(
            id: store.id(), role: .assistant, content: "",
            toolCalls: [ToolCall(id: "c", name: "add_task", arguments: "{}")])
        let result = Message(id: store.id(), role: .tool, content: "done", toolCallID: "c")
        _ = await store.end(store.ending(turn, [asking, result, store.reply("the answer")]))
        try age(turn.threadID, days)
        return turn
    }

    static func age(_ thread: Identifier, _ days: Int) throws {
        _ = try TestDatabase.owner(database).query(
            "update parley.conversations set updated_at = now() - $2::int * interval '1 day' where id = $1",
            [thread.description, String(days)])
    }

    static func now() throws -> Int64 {
        try #require(
            TestDatabase.owner(database).query("select (extract(epoch from now()) * 1000000)::bigint")[0][0].flatMap {
                Int64($0)
            })
    }

    static func sweep(_ store: StoreFixture, _ policy: RetentionPolicy = RetentionPolicy()) async throws
        -> RetentionSweep.Report
    {
        let now = try now()
        return await store.on { store, resume in
            RetentionSweep(policy, store: store, now: now, pause: 0) { resume($0) }.start()
        }
    }

    static func status(_ store: StoreFixture, _ thread: Identifier) async -> ConversationStatus? {
        let user = store.user
        let found: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.conversation(userID: user, threadID: thread, completion: resume)
        }
        return ((try? found.get()) ?? nil)?.status
    }

    /// Every row of a conversation, wherever it is.
    static func rows(_ thread: Identifier, archived: Bool) throws -> [[String?]] {
        let prefix = archived ? "archived_" : ""
        let operations = archived ? "archived_operation_logs" : "task_operation_logs"
        return try TestDatabase.owner(database).query(
            """
            select 'conversation', c.user_id || c.title || c.metadata || c.message_count || c.created_at, '0'
            from parley.\(prefix)conversations c where c.id = $1
            union all select 'message', row(m.id, m.user_id, m.position, m.role, m.content, m.tool_calls, m.tool_call_id,
                m.run_id, m.status, m.client_id, m.created_at)::text, m.position::text
            from parley.\(prefix)messages m where m.conversation_id = $1
            union all select 'run', row(r.id, r.user_message_id, r.status, r.node, r.usage, r.error, r.created_at,
                r.started_at, r.finished_at)::text, '0' from parley.\(prefix)runs r where r.conversation_id = $1
            union all select 'operation', row(l.operation_id, l.user_message_id, l.run_id, l.ordinal, l.operation_type,
                l.input_params, l.result, l.status, l.created_at, l.finished_at)::text, '0'
            from parley.\(operations) l where l.conversation_id = $1
            order by 1, 3, 2
            """, [thread.description])
    }

    @Test func agesDecide() async throws {
        let store = try Self.fixture()
        var threads: [Int: NewTurn] = [:]
        for days in [0, 29, 31, 89, 91] { threads[days] = try await Self.conversation(store, silentFor: days) }
        _ = try await Self.sweep(store)
        let wanted: [Int: ConversationStatus] = [0: .active, 29: .active, 31: .dormant, 89: .dormant, 91: .archived]
        for (days, turn) in threads { #expect(await Self.status(store, turn.threadID) == wanted[days], "\(days)") }
    }

    @Test func thereAndBackIsTheSame() async throws {
        let store = try Self.fixture()
        let turn = try await Self.conversation(store, silentFor: 91, client: "key")
        let before = try Self.rows(turn.threadID, archived: false)
        #expect(before.count == 7)
        _ = try await Self.sweep(store)
        #expect(try Self.rows(turn.threadID, archived: true) == before)
        #expect(try Self.rows(turn.threadID, archived: false).isEmpty)

        // It is read and listed as before.
        #expect(
            await store.history(turn.threadID)?.messages.map(\.content) == ["the question", "", "done", "the answer"])
        let user = store.user
        let page: Result<ConversationPage, StoreError> = await store.on { store, resume in
            store.conversations(userID: user, limit: 10, status: .archived, completion: resume)
        }
        #expect(try page.get().conversations.map(\.id) == [turn.threadID])

        // A repetition is known, and wakes nothing.
        let repeated = await store.accept(store.newTurn("the question", client: "key"))
        #expect(
            repeated
                == .success(
                    .duplicate(
                        threadID: turn.threadID, messageID: turn.messageID, runID: turn.runID, runEnded: true)))
        #expect(await Self.status(store, turn.threadID) == .archived)

        // A message brings it back whole.
        let next = store.turn(in: turn.threadID, "again", startsNow: true)
        guard case .success(.accepted(let conversation, let position, _)) = await store.accept(next) else {
            Issue.record("not accepted")
            return
        }
        #expect(position == 5)
        #expect(conversation.wasAsleep && conversation.status == .active && conversation.messageCount == 5)
        #expect(try Self.rows(turn.threadID, archived: true).isEmpty)
        let after = try Self.rows(turn.threadID, archived: false)
        for row in before where row[0] != "conversation" { #expect(after.contains(row)) }
        #expect(after.count == before.count + 2)
        let link = try store.value(
            "select last_interaction_id::text from parley.tasks where user_id = $1", [store.user])
        #expect(link == turn.messageID.description)
    }

    @Test func whatIsInUseIsPassedOver() async throws {
        let store = try Self.fixture()
        let running = store.newTurn()
        _ = await store.accept(running)
        try Self.age(running.threadID, 91)
        let locked = try await Self.conversation(store, silentFor: 91)
        let writer = try TestDatabase.owner(Self.database)
        try writer.execute("begin")
        _ = try writer.query(
            "select from parley.conversations where id = $1 for no key update", [locked.threadID.description])
        _ = try await Self.sweep(store)
        #expect(await Self.status(store, running.threadID) == .active)
        #expect(await Self.status(store, locked.threadID) == .active)
        try writer.execute("commit")
        _ = try await Self.sweep(store)
        #expect(await Self.status(store, locked.threadID) == .archived)
    }

    /// The archiver has moved the conversation and not committed: the message waits, and is in it afterwards.
    @Test(.timeLimit(.minutes(1))) func aWriterThatMeetsTheArchiver() async throws {
        let name = "archive \(UInt32.random(in: 0 ... .max))"
        let store = try Self.fixture { _, _, database in database.applicationName = name }
        let turn = try await Self.conversation(store, silentFor: 91)
        let archiver = try TestDatabase.owner(Self.database)
        try archiver.execute("begin")
        _ = try archiver.query("select from parley.conversations where id = $1 for update", [turn.threadID.description])
        _ = try archiver.query("select parley.to_archive(array[$1::uuid], now())", [turn.threadID.description])
        async let outcome = store.accept(store.turn(in: turn.threadID, "meanwhile", startsNow: true))
        let watcher = try TestDatabase.owner(Self.database)
        while try watcher.query(
            "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", [name]
        ).isEmpty { await Task.yield() }
        try archiver.execute("commit")
        #expect(await outcome.position == 5)
        #expect(await store.history(turn.threadID)?.messages.count == 5)
        #expect(try Self.rows(turn.threadID, archived: true).isEmpty)
    }

    /// A message is sent again, for a new conversation, while the first one is being moved into the archive.
    @Test(.timeLimit(.minutes(1))) func aRepetitionThatMeetsTheArchiver() async throws {
        let name = "archive \(UInt32.random(in: 0 ... .max))"
        let store = try Self.fixture { _, _, database in database.applicationName = name }
        let client = "again \(store.id())"
        let turn = try await Self.conversation(store, silentFor: 91, client: client)
        let archiver = try TestDatabase.owner(Self.database)
        try archiver.execute("begin")
        _ = try archiver.query("select from parley.conversations where id = $1 for update", [turn.threadID.description])
        _ = try archiver.query("select parley.to_archive(array[$1::uuid], now())", [turn.threadID.description])
        async let outcome = store.accept(store.newTurn("the question", client: client))
        let watcher = try TestDatabase.owner(Self.database)
        while try watcher.query(
            "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", [name]
        ).isEmpty { await Task.yield() }
        try archiver.execute("commit")
        #expect(
            await outcome
                == .success(
                    .duplicate(
                        threadID: turn.threadID, messageID: turn.messageID, runID: turn.runID, runEnded: true)))
        #expect(await Self.status(store, turn.threadID) == .archived)
    }

    /// Two gateways wake the same conversation at once.
    @Test func twoWriters() async throws {
        let one = try Self.fixture()
        let other = try Self.fixture()
        for round in 0..<10 {
            let turn = try await Self.conversation(one, silentFor: 91)
            _ = try await Self.sweep(one)
            #expect(await Self.status(one, turn.threadID) == .archived)
            let second = other.turn(in: turn.threadID, "two", user: one.user)
            async let first = one.accept(one.turn(in: turn.threadID, "one"))
            async let last = other.accept(second)
            let positions = await [first.position, last.position]
            #expect(Set(positions) == [5, 6], "round \(round)")
            #expect(await one.history(turn.threadID)?.messages.map(\.position) == [1, 2, 3, 4, 5, 6])
        }
    }

    /// Writers and sweeps all at once: nothing is lost, nothing is doubled.
    @Test(.timeLimit(.minutes(2))) func storm() async throws {
        let one = try Self.fixture()
        let other = try Self.fixture()
        var threads: [Identifier] = []
        for _ in 0..<5 { threads.append(try await Self.conversation(one, silentFor: 91).threadID) }
        // Everything that is silent is due at once.
        var policy = RetentionPolicy()
        policy.dormantAfter = nil
        policy.archiveAfter = 0
        let (all, eager) = (threads, policy)
        let user = one.user
        let accepted = try await withThrowingTaskGroup(of: Int.self) { group in
            for store in [one, other] {
                group.addTask {
                    var count = 0
                    for round in 0..<20 {
                        for thread in all {
                            let turn = store.turn(in: thread, "storm \(round)", startsNow: true, user: user)
                            if await store.accept(turn).position != nil { count += 1 }
                            _ = await store.end(store.ending(turn, []))
                        }
                    }
                    return count
                }
            }
            group.addTask {
                for _ in 0..<60 {
                    let report = try await Self.sweep(one, eager)
                    #expect(report.failure == nil)
                }
                return 0
            }
            return try await group.reduce(0, +)
        }
        #expect(accepted == 2 * 20 * 5)
        for thread in threads {
            let positions = await one.history(thread, limit: 100)?.messages.map(\.position)
            #expect(positions == Array(1...44))
        }
    }

    /// A conversation that is written to, archived and deleted all at once is deleted in the end, in one place.
    @Test(.timeLimit(.minutes(1))) func deletedInTheStorm() async throws {
        let store = try Self.fixture()
        let other = try Self.fixture()
        var eager = RetentionPolicy()
        eager.dormantAfter = nil
        eager.archiveAfter = 0
        let (policy, user) = (eager, store.user)
        for round in 0..<10 {
            let thread = try await Self.conversation(store, silentFor: 91).threadID
            let deletions = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    for _ in 0..<10 { _ = await other.accept(other.turn(in: thread, startsNow: true, user: user)) }
                    return 0
                }
                group.addTask {
                    for _ in 0..<5 {
                        let report = try await Self.sweep(store, policy)
                        #expect(report.failure == nil)
                    }
                    return 0
                }
                for _ in 0..<2 {
                    group.addTask {
                        let deleted: Result<Conversation?, StoreError> = await store.on { store, resume in
                            store.deleteConversation(userID: user, threadID: thread, completion: resume)
                        }
                        return try deleted.get() == nil ? 0 : 1
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(deletions == 1, "round \(round)")
            #expect(await Self.status(store, thread) == nil)
            let places = try TestDatabase.owner(Self.database).query(
                """
                select (select count(*) from parley.conversations where id = $1 and status = 'deleted')
                    + (select count(*) from parley.archived_conversations where id = $1 and deleted_at is not null),
                    (select count(*) from parley.runs where conversation_id = $1 and status in ('queued', 'running'))
                """, [thread.description])
            #expect(places == [["1", "0"]], "round \(round)")
        }
    }

    /// An administrator's deletion meets the way back from the archive, the one or the other first.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func aMessageDeletedOnTheWayBack(deletesFirst: Bool) async throws {
        let name = "archive \(UInt32.random(in: 0 ... .max))"
        let store = try Self.fixture { _, _, database in database.applicationName = name }
        let turn = try await Self.conversation(store, silentFor: 91)
        let reply = try #require(await store.history(turn.threadID)?.messages.last?.id)
        _ = try await Self.sweep(store)
        #expect(await Self.status(store, turn.threadID) == .archived)
        let first = try TestDatabase.owner(Self.database)
        try first.execute("begin")
        if deletesFirst {
            _ = try first.query("select parley.delete_message($1)", [reply.description])
        } else {
            _ = try first.query(
                "select parley.from_archive(array[$1], array[$2::uuid], 'dormant')",
                [store.user, turn.threadID.description])
        }
        async let second: Bool =
            deletesFirst
            ? store.accept(store.turn(in: turn.threadID)).position == 5 : Self.deletes(reply, store)
        let watcher = try TestDatabase.owner(Self.database)
        while try watcher.query(
            "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", [name]
        ).isEmpty { await Task.yield() }
        try first.execute("commit")
        #expect(await second)
        let left = await store.history(turn.threadID)?.messages.map(\.position)
        #expect(left == (deletesFirst ? [1, 2, 3, 5] : [1, 2, 3]))
    }

    private static func deletes(_ message: Identifier, _ store: StoreFixture) async -> Bool {
        let outcome: Result<MessageDeletion, StoreError> = await store.on { store, resume in
            store.deleteMessage(id: message, completion: resume)
        }
        if case .success(.deleted) = outcome { return true }
        return false
    }

    @Test func deletedAndPurged() async throws {
        let store = try Self.fixture()
        let live = try await Self.conversation(store, silentFor: 0)
        let archived = try await Self.conversation(store, silentFor: 91)
        _ = try await Self.sweep(store)
        let user = store.user
        for turn in [live, archived] {
            let deleted: Result<Conversation?, StoreError> = await store.on { store, resume in
                store.deleteConversation(userID: user, threadID: turn.threadID, completion: resume)
            }
            #expect(try deleted.get()?.status == .deleted)
            #expect(await Self.status(store, turn.threadID) == nil)
            #expect(await store.history(turn.threadID) == nil)
            #expect(await store.accept(store.turn(in: turn.threadID)) == .success(.threadNotFound))
            let again: Result<Conversation?, StoreError> = await store.on { store, resume in
                store.deleteConversation(userID: user, threadID: turn.threadID, completion: resume)
            }
            #expect(try again.get() == nil)
        }
        _ = try await Self.sweep(store)
        #expect(try !Self.rows(live.threadID, archived: false).isEmpty)
        var policy = RetentionPolicy()
        policy.purgeAfter = 0
        let report = try await Self.sweep(store, policy)
        #expect(report.counts[.purge] ?? 0 >= 1)
        #expect(report.counts[.purgeArchived] ?? 0 >= 1)
        #expect(try Self.rows(live.threadID, archived: false).isEmpty)
        #expect(try Self.rows(archived.threadID, archived: true).isEmpty)
    }

    @Test func deletedBySilence() async throws {
        let store = try Self.fixture()
        let archived = try await Self.conversation(store, silentFor: 91)
        _ = try await Self.sweep(store)
        let silent = try await Self.conversation(store, silentFor: 61)
        let recent = try await Self.conversation(store, silentFor: 59)
        var policy = RetentionPolicy()
        policy.deleteAfter = 60 * Self.day
        _ = try await Self.sweep(store, policy)
        #expect(await Self.status(store, archived.threadID) == nil)
        #expect(await Self.status(store, silent.threadID) == nil)
        #expect(await Self.status(store, recent.threadID) == .dormant)
    }

    @Test func aDryRunChangesNothing() async throws {
        let store = try Self.fixture()
        let turn = try await Self.conversation(store, silentFor: 91)
        let now = try Self.now()
        let due = try #require(RetentionPolicy().due(at: now).first { $0.move == .archive })
        let count: Result<Int, StoreError> = await store.on { store, resume in store.count(due, completion: resume) }
        #expect(try count.get() >= 1)
        #expect(await Self.status(store, turn.threadID) == .active)
    }

    @Test func batchesAreBounded() async throws {
        let store = try Self.fixture { settings, _, _ in settings.sweepMessages = 6 }
        for _ in 0..<5 { _ = try await Self.conversation(store, silentFor: 91) }
        let now = try Self.now()
        let due = try #require(RetentionPolicy().due(at: now).first { $0.move == .archive })
        let outcome: Result<SweepOutcome, StoreError> = await store.on { store, resume in
            store.sweep(due, now: now, completion: resume)
        }
        // Four messages each: the second one passes the bound.
        guard case .moved(let count, _) = try outcome.get() else {
            Issue.record("busy")
            return
        }
        #expect(count == 2)
        #expect(try await Self.sweep(store).counts[.archive] ?? 0 >= 3)
    }

    @Test func oneGatewayAtATime() async throws {
        let store = try Self.fixture()
        let turn = try await Self.conversation(store, silentFor: 91)
        let other = try TestDatabase.owner(Self.database)
        try other.execute("begin; select pg_advisory_xact_lock(x'7061726C657932'::bigint)")
        #expect(try await Self.sweep(store).wasBusy)
        #expect(await Self.status(store, turn.threadID) == .active)
        try other.execute("commit")
        #expect(try await !Self.sweep(store).wasBusy)
        #expect(await Self.status(store, turn.threadID) == .archived)
    }

    @Test func theAuditLogEnds() async throws {
        let store = try Self.fixture()
        let owner = try TestDatabase.owner(Self.database)
        _ = try owner.query(
            """
            insert into parley.audit_log (occurred_at, actor, action, allowed)
            select now() - n * interval '1 day', $1, 'x', true from unnest(array[364, 366, 1]) n
            """, [store.user])
        _ = try await Self.sweep(store)
        let left = try owner.query("select count(*) from parley.audit_log where actor = $1", [store.user])
        #expect(left == [["2"]])
    }
}
