import Chat
import JSON
import Postgres
import Store
import Testing

/// Contents under keys, against a real database.
@Suite struct EncryptionTests {
    private static let secret = "a-secret-nobody-may-read"

    private func store(_ name: String, _ keys: String) throws -> StoreFixture {
        let contents = try ContentCipher(parsing: keys)
        try ContentKeyRing(TestDatabase.migrated(name), contents).check()
        return try StoreFixture(database: name) { settings, _, _ in settings.contents = contents }
    }

    /// A conversation whose every text has the secret in it, the reply with a sealed tool call.
    private func fill(_ store: StoreFixture) async -> NewTurn {
        var turn = store.newTurn("question \(Self.secret)", client: "c")
        turn.title = "title \(Self.secret)"
        _ = await store.accept(turn)
        let call = ToolCall(id: "1", name: "x", arguments: "{\"a\":\"\(Self.secret)\"}")
        let asking = Message(id: store.id(), role: .assistant, content: "", toolCalls: [call])
        let result = Message(id: store.id(), role: .tool, content: Self.secret, toolCallID: "1")
        _ = await store.end(store.ending(turn, [asking, result, store.reply("answer \(Self.secret)")]))
        return turn
    }

    /// Rows of any table in which the secret stands.
    private func leaks(_ name: String) throws -> [String] {
        let owner = try TestDatabase.owner(name)
        var found: [String] = []
        for table in try owner.query("select tablename from pg_tables where schemaname = 'parley'").compactMap({ $0[0] }
        ) {
            let rows = try owner.query(
                "select count(*) from parley.\(table) t where t::text like $1", ["%\(Self.secret)%"])
            if rows != [["0"]] { found.append(table) }
        }
        return found
    }

    private func expectReadable(_ store: StoreFixture, _ turn: NewTurn) async throws {
        let messages = await store.history(turn.threadID, user: turn.userID)?.messages ?? []
        #expect(
            messages.map(\.content) == [
                "question \(Self.secret)", "", Self.secret, "answer \(Self.secret)",
            ])
        #expect(messages.dropFirst().first?.toolCalls.first?.arguments == "{\"a\":\"\(Self.secret)\"}")
        let user = turn.userID
        let found: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.conversation(userID: user, threadID: turn.threadID, completion: resume)
        }
        #expect(try found.get()?.title == "title \(Self.secret)")
    }

    @Test func nothingPlainIsStored() async throws {
        let name = "parley_test_sealed"
        let store = try store(name, ContentCipherTests.first)
        let turn = await fill(store)
        try await expectReadable(store, turn)
        #expect(try leaks(name) == [])
        // A repetition is known by the client's id.
        guard case .success(.duplicate) = await store.accept(store.newTurn("x", client: "c")) else {
            Issue.record("not a duplicate")
            return
        }
        // A title comes back open with an acceptance.
        guard case .success(.accepted(let conversation, _, _)) = await store.accept(store.turn(in: turn.threadID))
        else {
            Issue.record("not accepted")
            return
        }
        #expect(conversation.title == "title \(Self.secret)")
        // The bound on length is that of the plain text.
        let long = store.newTurn(String(repeating: "\u{1F600}", count: 10_000))
        #expect(await store.accept(long).position == 1)
        #expect(await store.history(long.threadID)?.messages.first?.content.unicodeScalars.count == 10_000)
    }

    @Test func aCheckpointIsSealedAndBecomesAMessage() async throws {
        let name = "parley_test_checkpoint"
        let store = try store(name, ContentCipherTests.first)
        let turn = store.newTurn(Self.secret)
        _ = await store.accept(turn)
        let text = (id: store.id(), content: "half \(Self.secret)")
        let checkpoint = RunCheckpoint(
            userID: store.user, threadID: turn.threadID, runID: turn.runID, messages: [text])
        let last = store.newTurn()
        let _: Bool = await store.on { store, resume in
            store.checkpoint(checkpoint)
            // Goes with the same batch or a later one.
            store.accept(last) { _ in resume(true) }
        }
        #expect(
            try store.value("select checkpoint_key from parley.runs where id = $1", [turn.runID.description]) == "k1")
        #expect(try leaks(name) == [])
        // It has stopped, and another one finds it.
        _ = try store.value("select parley.leave($1)", [store.node])
        let contents = try ContentCipher(parsing: ContentCipherTests.first)
        let next = try StoreFixture(node: "test/2", database: name) { settings, _, _ in settings.contents = contents }
        let recovered: Result<[RecoveredRun], StoreError> = await next.on { store, resume in
            store.recover(completion: resume)
        }
        #expect(try recovered.get().first { $0.runID == turn.runID }?.message.content == Self.secret)
        let messages = await next.history(turn.threadID, user: store.user)?.messages
        #expect(messages?.map(\.content) == [Self.secret, "half \(Self.secret)"])
    }

    @Test func rotationAndBack() async throws {
        let name = "parley_test_rotation"
        let plain = try StoreFixture(database: name)
        var turns = [await fill(plain)]
        let one = try store(name, ContentCipherTests.first)
        turns.append(await fill(one))
        let user = turns[1].userID
        let archive: Result<ConversationChangeOutcome, StoreError> = await one.on { [turns] store, resume in
            store.changeConversation(
                userID: user, threadID: turns[1].threadID, .init(isArchived: true), completion: resume)
        }
        _ = try archive.get()
        // Mixed rows are readable.
        for turn in turns { try await expectReadable(one, turn) }

        for keys in [
            "\(ContentCipherTests.second),\(ContentCipherTests.first)",
            "plain,\(ContentCipherTests.second)",
        ] {
            let contents = try ContentCipher(parsing: keys)
            let settings = try TestDatabase.migrated(name)
            try ContentKeyRing(settings, contents).check()
            let report = try Reencryption(settings, contents).run()
            #expect(report.inUse == [])
            #expect(report.texts == 2 * 5)
            #expect(try Reencryption(settings, contents).run().texts == 0)
            #expect(try leaks(name).isEmpty == (contents.sealingKey != nil))
            let reader = try StoreFixture(database: name) { settings, _, _ in settings.contents = contents }
            for turn in turns { try await expectReadable(reader, turn) }
            #expect(report.retired == (contents.sealingKey == nil ? ["k2"] : ["k1"]))
        }
        // No keys are needed any more.
        try ContentKeyRing(TestDatabase.migrated(name), ContentCipher()).check()
        for turn in turns { try await expectReadable(plain, turn) }
    }

    /// What is asked of a person is open for a day: it must be readable when the key it was sealed with is gone.
    @Test func whatIsAskedGoesAlong() async throws {
        let name = "parley_test_rotation_asked"
        let plain = try StoreFixture(database: name)
        let one = try store(name, ContentCipherTests.first)
        var asked: [(turn: NewTurn, approval: Approval)] = []
        for writer in [plain, one] {
            let turn = writer.newTurn("question")
            _ = await writer.accept(turn)
            var approval = Approval(id: writer.id(), runID: turn.runID, ordinal: 1, tool: "add_task", callID: "1")
            approval.parameters = ["title": .string(Self.secret)]
            approval.message = "message \(Self.secret)"
            var ending = writer.ending(turn, [writer.reply("")])
            ending.status = .suspended
            let suspension = RunSuspension(ending: ending, approvals: [approval], expiresAfter: 3_600)
            let outcome: StoreWrite<SuspensionOutcome> = await writer.on { store, resume in
                store.suspend(suspension, completion: resume)
            }
            guard case .stored(.stored) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            asked.append((turn, approval))
        }
        for keys in [
            "\(ContentCipherTests.second),\(ContentCipherTests.first)", "plain,\(ContentCipherTests.second)",
        ] {
            let contents = try ContentCipher(parsing: keys)
            let settings = try TestDatabase.migrated(name)
            try ContentKeyRing(settings, contents).check()
            let report = try Reencryption(settings, contents).run()
            #expect(report.inUse == [] && report.retired == (contents.sealingKey == nil ? ["k2"] : ["k1"]))
            #expect(try leaks(name).isEmpty == (contents.sealingKey != nil))
            #expect(try Reencryption(settings, contents).run().texts == 0)
            // Without the keys before it.
            let alone =
                contents.sealingKey == nil ? ContentCipher() : try ContentCipher(parsing: ContentCipherTests.second)
            let reader = try StoreFixture(database: name) { settings, _, _ in settings.contents = alone }
            for (turn, approval) in asked {
                let found: Result<ThreadApprovals?, StoreError> = await reader.on { store, resume in
                    store.approvals(userID: turn.userID, threadID: turn.threadID, ids: [], completion: resume)
                }
                let read = try #require(try found.get()?.open.first)
                #expect(read.parameters == approval.parameters && read.message == approval.message)
            }
        }
    }

    @Test func wrongAndMissingKeys() async throws {
        let name = "parley_test_keys"
        let settings = try TestDatabase.migrated(name)
        try ContentKeyRing(settings, ContentCipher(parsing: ContentCipherTests.first)).check()
        for keys in [ContentCipherTests.second, "k1:\(ContentCipherTests.second.dropFirst(3))"] {
            let error = #expect(throws: ContentKeyRing.Failure.self) {
                try ContentKeyRing(settings, ContentCipher(parsing: keys)).check()
            }
            #expect(error?.description.contains("k1") == true)
            #expect(error?.description.contains("AAAA") == false)
        }
        #expect(throws: ContentKeyRing.Failure.self) { try ContentKeyRing(settings, ContentCipher()).check() }
    }

    @Test func aGatewayWithAKeyThatIsGoneStoresNothing() async throws {
        let name = "parley_test_gone"
        let contents = try ContentCipher(parsing: ContentCipherTests.first)
        _ = try TestDatabase.migrated(name)
        let store = try StoreFixture(database: name) { settings, _, _ in settings.contents = contents }
        #expect(await store.accept(store.newTurn()) == .failure(.rejected))
    }

    /// Not even what reseals may change anything else of a message, and nobody may without saying so.
    @Test func messagesStayAppendOnly() async throws {
        let name = "parley_test_append"
        let store = try StoreFixture(database: name)
        _ = await store.accept(store.newTurn())
        let owner = try TestDatabase.owner(name)
        try owner.execute("begin; set local parley.seals = 'on'")
        let error = #expect(throws: PostgresError.self) { try owner.execute("update parley.messages set position = 9") }
        #expect(error?.message == "messages are append-only")
        try owner.execute("rollback")
        let gateway = try TestDatabase.owner(name)
        try gateway.execute("set role parley_gateway; set parley.seals = 'on'; set parley.deletes = 'x'")
        for sql in [
            "update parley.messages set content = 'x'", "delete from parley.messages",
            "select parley.reseal('messages', '{}', '{}', '{}', '{}', '{}', 'x')",
            "select parley.to_archive('{}', now())", "select parley.from_archive('{}', '{}', 'active')",
        ] {
            let error = #expect(throws: PostgresError.self) { try gateway.execute(sql) }
            #expect(error?.sqlState == "42501", "\(sql)")
        }
    }
}
