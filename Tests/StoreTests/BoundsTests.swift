import JSON
import Chat
import Foundation
import Postgres
import Store
import Testing

/// What the database bounds by itself, and what moves a conversation's time.
@Suite struct BoundsTests {
    @Test(
        "a turn is taken only while there is room for its answer too",
        arguments: [(2, [true, false]), (5, [true, true, false])])
    func room(limit: Int, taken: [Bool]) async throws {
        let store = try StoreFixture { settings, _, _ in settings.messagesPerConversation = limit }
        var thread: Identifier?
        for wanted in taken {
            let turn = thread.map { store.turn(in: $0, startsNow: true) } ?? store.newTurn()
            thread = turn.threadID
            let outcome = try await store.accept(turn).get()
            if case .accepted = outcome { #expect(wanted) } else { #expect(!wanted && outcome == .conversationFull) }
            if wanted { _ = await store.end(store.ending(turn, [store.reply("answer")])) }
        }
    }

    @Test("the bound on messages is the database's own, and set by migrating")
    func length() async throws {
        let name = "parley_test_length"
        let store = try StoreFixture(database: name)
        let settings = try TestDatabase.migrated(name)
        let migrator = Migrator(settings)
        try migrator.check(contentLength: 10_000)
        #expect(throws: MigrationError.self) { try migrator.check(contentLength: 10_001) }
        #expect(try migrator.bound(contentLength: 20))
        #expect(try !migrator.bound(contentLength: 20))
        let short = store.newTurn(String(repeating: "\u{1F600}", count: 20))
        let thread = short.threadID
        guard case .accepted = try await store.accept(short).get() else {
            Issue.record("not taken")
            return
        }
        let long = store.turn(in: thread, String(repeating: "x", count: 21))
        #expect(await store.accept(long) == .failure(.rejected))
        _ = await store.end(store.ending(short, [store.reply(String(repeating: "y", count: 500))]))

        // What was stored under a larger bound stays, also on its way to the archive and back.
        #expect(try migrator.bound(contentLength: 5))
        let connection = try BlockingConnection(settings)
        for move in [true, false] {
            let change = ConversationChange(isArchived: move)
            let outcome: Result<ConversationChangeOutcome, StoreError> = await store.on { store, resume in
                store.changeConversation(userID: short.userID, threadID: thread, change, completion: resume)
            }
            guard case .changed = try outcome.get() else {
                Issue.record("not moved")
                return
            }
        }
        #expect(
            try connection.query(
                "select count(*) from parley.messages where conversation_id = $1::uuid", [thread.description]
            ).first?.first == "2")
    }

    @Test("every change moves the time of a conversation")
    func times() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        _ = await store.end(store.ending(turn, [store.reply("answer")]))
        let changes: [ConversationChange] = [
            .init(title: .set("another")), .init(metadata: ["a": 1]), .init(isArchived: true),
            .init(title: .set("archived"), isArchived: true), .init(isArchived: false),
        ]
        for change in changes {
            let before: Result<Conversation?, StoreError> = await store.on { store, resume in
                store.conversation(userID: turn.userID, threadID: turn.threadID, completion: resume)
            }
            let outcome: Result<ConversationChangeOutcome, StoreError> = await store.on { store, resume in
                store.changeConversation(userID: turn.userID, threadID: turn.threadID, change, completion: resume)
            }
            guard case .changed(let after, _) = try outcome.get() else {
                Issue.record("not changed: \(change)")
                return
            }
            #expect(after.updatedAt > (try before.get()?.updatedAt ?? .max), "\(change)")
        }
    }

    @Test func somebodyElses() throws {
        let connection = try TestDatabase.owner()
        try connection.execute(
            """
            insert into parley.users (id) values ('bounds-a'), ('bounds-b');
            insert into parley.conversations (id, user_id)
            values ('00000000-0000-7000-8000-00000000b0b0', 'bounds-a')
            """)
        for (user, id, wanted) in [
            ("bounds-a", "b0b0", "f"), ("bounds-b", "b0b0", "t"), ("bounds-b", "b0b1", "f"),
        ] {
            let found = try TestDatabase.gateway(as: user).query(
                "select parley.is_anothers($1, $2::uuid)", [user, "00000000-0000-7000-8000-00000000\(id)"])
            #expect(found.first?.first == wanted)
        }
    }
}
