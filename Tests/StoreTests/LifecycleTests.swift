import JSON
import Chat
import Foundation
import Postgres
import Store
import Testing

@Suite struct LifecycleTests {
    private func change(
        _ store: StoreFixture, _ thread: Identifier, _ change: ConversationChange, user: String? = nil
    ) async throws -> ConversationChangeOutcome {
        let user = user ?? store.user
        let outcome: Result<ConversationChangeOutcome, StoreError> = await store.on { store, resume in
            store.changeConversation(userID: user, threadID: thread, change, completion: resume)
        }
        return try outcome.get()
    }

    private func ended(_ store: StoreFixture) async -> NewTurn {
        let turn = store.newTurn()
        _ = await store.accept(turn)
        _ = await store.end(store.ending(turn, [store.reply("answer")]))
        return turn
    }

    private func create(_ store: StoreFixture, _ id: Identifier, user: String) async throws -> Conversation? {
        let outcome: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.createConversation(
                userID: user, id: id, title: "a title", metadata: ["a": 1], completion: resume)
        }
        return try outcome.get()
    }

    @Test func createdForAUserNobodyKnows() async throws {
        let store = try StoreFixture()
        let (id, user) = (store.id(), "new \(store.id())")
        let made = try await create(store, id, user: user)
        #expect(made?.title == "a title" && made?.status == .active && made?.messageCount == 0)
        #expect(try await create(store, id, user: user) == made)
        #expect(try await create(store, id, user: "other \(id)") == nil)
    }

    @Test func titlesAndTheArchive() async throws {
        let store = try StoreFixture()
        let turn = await ended(store)
        guard case .changed(let titled, false) = try await change(store, turn.threadID, .init(title: .set("new")))
        else {
            Issue.record("not changed")
            return
        }
        #expect(titled.title == "new")
        let archive = ConversationChange(isArchived: true)
        guard case .changed(let archived, true) = try await change(store, turn.threadID, archive) else {
            Issue.record("not archived")
            return
        }
        #expect(archived.status == .archived && archived.messageCount == 2)
        guard case .changed(_, false) = try await change(store, turn.threadID, archive) else {
            Issue.record("archived twice")
            return
        }
        guard case .changed(let back, true) = try await change(store, turn.threadID, .init(title: .remove)) else {
            Issue.record("not brought back")
            return
        }
        #expect(back.status == .active && back.title == nil && back.updatedAt > archived.updatedAt)
        #expect(try await change(store, turn.threadID, archive, user: "a stranger") == .notFound)
        #expect(try await change(store, store.id(), archive) == .notFound)
    }

    @Test func aRunningOneIsNotArchived() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        #expect(try await change(store, turn.threadID, .init(title: .set("x"), isArchived: true)) == .busy)
        #expect(
            try store.value("select title from parley.conversations where id = $1", [turn.threadID.description])
                == "title")
    }

    @Test func deletingEndsRunsEverywhere() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        let user = store.user
        let deleted: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.deleteConversation(userID: user, threadID: turn.threadID, completion: resume)
        }
        #expect(try deleted.get() != nil)
        #expect(
            try store.value("select status from parley.runs where id = $1", [turn.runID.description]) == "cancelled")
        #expect(await store.end(store.ending(turn, [store.reply("late")])) == .success(.threadGone))
    }

    private func deleteMessage(_ store: StoreFixture, _ id: Identifier) async throws -> MessageDeletion {
        let outcome: Result<MessageDeletion, StoreError> = await store.on { store, resume in
            store.deleteMessage(id: id, completion: resume)
        }
        return try outcome.get()
    }

    @Test(arguments: [false, true]) func aMessageIsDeleted(archived: Bool) async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        #expect(try await deleteMessage(store, turn.messageID) == .busy)
        let reply = store.reply("answer")
        _ = await store.end(store.ending(turn, [reply]))
        if archived { _ = try await change(store, turn.threadID, .init(isArchived: true)) }
        let wanted = MessageDeletion.deleted(userID: store.user, threadID: turn.threadID)
        #expect(try await deleteMessage(store, reply.id) == wanted)
        #expect(try await deleteMessage(store, reply.id) == .notFound)
        #expect(await store.history(turn.threadID)?.messages.map(\.id) == [turn.messageID])
        // Its position stays empty, the number that is shown is that of what is there.
        guard
            case .success(.accepted(let conversation, let position, _)) = await store.accept(
                store.turn(in: turn.threadID))
        else {
            Issue.record("not accepted")
            return
        }
        #expect(position == 3 && conversation.messageCount == 2)
        #expect(try await deleteMessage(store, turn.messageID) == wanted)
        #expect(await store.history(turn.threadID)?.messages.map(\.position) == [3])
    }

    @Test func aUserIsDeletedWithEverything() async throws {
        // Small steps, so that there are several.
        let store = try StoreFixture { settings, _, _ in settings.sweepMessages = 3 }
        for _ in 0..<4 { _ = await ended(store) }
        let archived = await ended(store)
        _ = try await change(store, archived.threadID, .init(isArchived: true))
        let turn = store.newTurn()
        _ = await store.accept(turn)
        for ordinal in 1...5 {
            _ = await store.perform(
                ToolOperation(
                    userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                    key: ToolCallKey(runID: turn.runID, ordinal: ordinal), name: "add_task",
                    arguments: ["title": "milk"]))
        }
        let user = store.user
        for wanted in [true, false] {
            let deleted: Result<Bool, StoreError> = await store.on { store, resume in
                store.deleteUser(id: user, completion: resume)
            }
            #expect(try deleted.get() == wanted)
        }
        for table in IsolationTests.userTables {
            #expect(
                try store.value("select count(*) from parley.\(table) where user_id = $1", [user]) == "0", "\(table)")
        }
        #expect(try store.value("select count(*) from parley.users where id = $1", [user]) == "0")
    }

    private func export(_ store: StoreFixture) async throws -> [[String: Any]] {
        let user = store.user
        let bytes: Result<[UInt8], StoreError> = await store.on { store, resume in
            let export = store.export(userID: user)
            var all: [UInt8] = []
            func more() {
                export.next { piece in
                    switch piece {
                    case .success(nil): resume(.success(all))
                    case .success(let bytes?):
                        all += bytes
                        more()
                    case .failure(let error): resume(.failure(error))
                    }
                }
            }
            more()
        }
        return try bytes.get().split(separator: UInt8(ascii: "\n")).map {
            try #require(JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
    }

    @Test(arguments: [false, true]) func everythingIsExported(encrypted: Bool) async throws {
        let contents = encrypted ? try ContentCipher(parsing: ContentCipherTests.first) : ContentCipher()
        let name = encrypted ? "parley_test_export" : TestDatabase.common
        if encrypted { try ContentKeyRing(TestDatabase.migrated(name), contents).check() }
        let store = try StoreFixture(database: name) { settings, _, _ in settings.contents = contents }
        let turn = store.newTurn("the \"question\"")
        _ = await store.accept(turn)
        _ = await store.perform(
            ToolOperation(
                userID: store.user, threadID: turn.threadID, messageID: turn.messageID,
                key: ToolCallKey(runID: turn.runID, ordinal: 1),
                name: "add_task", arguments: ["title": "milk"]))
        let call = ToolCall(id: "c", name: "add_task", arguments: "{\"title\":\"milk\"}")
        let long = String(repeating: "é", count: 150_000)
        let asking = Message(id: store.id(), role: .assistant, content: long, toolCalls: [call])
        _ = await store.end(store.ending(turn, [asking, store.reply(long), store.reply(long)]))
        let archived = store.newTurn("archived")
        _ = await store.accept(archived)
        _ = await store.end(store.ending(archived, [store.reply("kept")]))
        _ = try await change(store, archived.threadID, .init(isArchived: true))

        let lines = try await export(store)
        let kinds = Dictionary(grouping: lines) { $0["type"] as? String ?? "" }.mapValues(\.count)
        #expect(kinds == ["user": 1, "conversation": 2, "message": 6, "run": 2, "operation": 1, "task": 1, "end": 1])
        #expect(lines.last?["lines"] as? Int == lines.count - 1)
        let texts = lines.compactMap { $0["content"] as? String }
        #expect(texts == ["the \"question\"", long, long, long, "archived", "kept"])
        #expect(Set(lines.compactMap { $0["title"] as? String }) == ["title", "milk"])
        let calls = lines.compactMap { $0["tool_calls"] as? [String: Any] }
        let tools = calls.first?["tools"] as? [[String: Any]]
        #expect(tools?.first?["tool"] as? String == "add_task")
        let statuses = lines.filter { $0["type"] as? String == "conversation" }.compactMap { $0["status"] as? String }
        #expect(statuses == ["active", "archived"])
    }

    @Test func oneConversationIsActive() async throws {
        let store = try StoreFixture { settings, _, _ in settings.keepsSingleConversation = true }
        let user = store.user
        func active() async throws -> Identifier? {
            let found: Result<Identifier?, StoreError> = await store.on { store, resume in
                store.activeConversation(userID: user, completion: resume)
            }
            return try found.get()
        }
        #expect(try await active() == nil)
        let first = await ended(store)
        #expect(try await active() == first.threadID)
        let second = store.id()
        _ = try await create(store, second, user: user)
        #expect(try await active() == second)
        // The one that is written to wakes, and the other sleeps.
        _ = await store.accept(store.turn(in: first.threadID))
        #expect(try await active() == first.threadID)
        let count = try store.value(
            "select count(*) from parley.conversations where user_id = $1 and status = 'active'", [user])
        #expect(count == "1")
    }
}
