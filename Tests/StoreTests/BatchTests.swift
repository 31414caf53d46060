import Chat
import Postgres
import Store
import Testing

@Suite struct AcceptTests {
    @Test func aNewConversation() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn("héllo 好 👩‍👩‍👧 \u{1} \u{10FFFF}", client: "c1")
        guard case .success(.accepted(let conversation, let position, _)) = await store.accept(turn) else {
            Issue.record("it was not accepted")
            return
        }
        #expect(position == 1)
        #expect(conversation.id == turn.threadID)
        #expect(conversation.title == "title")
        #expect(conversation.status == .active)
        #expect(conversation.messageCount == 1)
        #expect(conversation.updatedAt >= conversation.createdAt)
        let page = await store.history(turn.threadID)
        #expect(
            page?.undated == [
                Message(
                    id: turn.messageID, role: .user, content: turn.content, position: 1,
                    run: MessageRun(id: turn.runID, status: .running), runID: turn.runID)
            ])
        let run = try TestDatabase.owner().query(
            "select status, node, user_message_id, started_at is not null from parley.runs where id = $1",
            [turn.runID.description])
        #expect(run == [["running", "test/1", turn.messageID.description, "t"]])
    }

    @Test func theSameCallAgainGivesTheSameAnswer() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn(client: "c1")
        let first = await store.accept(turn)
        #expect(first.position == 1)
        #expect(await store.accept(turn) == first)
        #expect(await store.history(turn.threadID)?.messages.count == 1)
        let both = await store.accept([turn, turn])
        #expect(both == [first, first])
    }

    @Test func aClientIDIsUsedOnce() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn(client: "c1")
        _ = await store.accept(turn)
        func duplicate(_ ended: Bool) -> Result<Acceptance, StoreError> {
            .success(
                .duplicate(
                    threadID: turn.threadID, messageID: turn.messageID, runID: turn.runID, runEnded: ended))
        }
        // In the same conversation, and where the client believes in a new one.
        #expect(await store.accept(store.turn(in: turn.threadID, client: "c1")) == duplicate(false))
        let other = store.newTurn(client: "c1")
        #expect(await store.accept(other) == duplicate(false))
        #expect(await store.history(other.threadID) == nil)
        _ = await store.end(store.ending(turn, []))
        #expect(await store.accept(store.newTurn(client: "c1")) == duplicate(true))
        // Another user's is another.
        let neighbour = try StoreFixture()
        #expect(await neighbour.accept(neighbour.newTurn(client: "c1")).position == 1)
    }

    @Test func aClientIDTwiceInOneBatch() async throws {
        let store = try StoreFixture()
        let first = store.newTurn(client: "twin")
        let second = store.newTurn(client: "twin")
        let outcomes = await store.accept([first, second])
        #expect(outcomes[0].position == 1)
        #expect(
            outcomes[1]
                == .success(
                    .duplicate(
                        threadID: first.threadID, messageID: first.messageID, runID: first.runID, runEnded: false)))
        let sql = "select count(*) from parley.conversations where id = $1"
        #expect(try store.value(sql, [second.threadID.description]) == "0")
    }

    @Test func positionsFollowTheOrderOfTheBatch() async throws {
        let store = try StoreFixture()
        let first = store.newTurn("0")
        var turns = [first]
        for number in 1..<50 { turns.append(store.turn(in: first.threadID, String(number))) }
        let outcomes = await store.accept(turns)
        #expect(outcomes.map(\.position) == (1...50).map { $0 })
        let page = await store.history(first.threadID, limit: 100)
        #expect(page?.messages.map(\.content) == (0..<50).map(String.init))
        #expect(page?.hasMore == false)
    }

    @Test func onlyOneRunIsRunning() async throws {
        let store = try StoreFixture()
        let first = store.newTurn()
        let second = store.turn(in: first.threadID, startsNow: true)
        let outcomes = await store.accept([first, second])
        #expect(outcomes.map(\.position) == [1, 2])
        let third = store.turn(in: first.threadID, startsNow: true)
        #expect(await store.accept(third).position == 3)
        let sql = """
            select string_agg(status, ',' order by created_at, status desc) from parley.runs
            where conversation_id = $1
            """
        #expect(try store.value(sql, [first.threadID.description]) == "running,queued,queued")
    }

    @Test func refusals() async throws {
        let store = try StoreFixture { settings, _, _ in settings.messagesPerConversation = 3 }
        let neighbour = try StoreFixture()
        let mine = store.newTurn()
        let theirs = neighbour.newTurn()
        _ = await store.accept(mine)
        _ = await neighbour.accept(theirs)
        let deleted = store.newTurn()
        _ = await store.accept(deleted)
        _ = try store.value(
            "update parley.conversations set status = 'deleted', deleted_at = now() where id = $1",
            [deleted.threadID.description])
        let fits = store.turn(in: mine.threadID)
        let outcomes = await store.accept([
            store.turn(in: store.id()), store.turn(in: theirs.threadID), store.turn(in: deleted.threadID), fits,
            store.turn(in: mine.threadID), store.turn(in: mine.threadID),
        ])
        #expect(
            Array(outcomes[0...2])
                == [.success(.threadNotFound), .success(.threadNotFound), .success(.threadNotFound)])
        #expect(outcomes[3].position == 2)
        #expect(Array(outcomes[4...5]) == [.success(.conversationFull), .success(.conversationFull)])
        #expect(await neighbour.history(theirs.threadID)?.messages.count == 1)
        // Somebody else's conversation as a new one.
        var stolen = store.newTurn()
        stolen.threadID = theirs.threadID
        #expect(await store.accept(stolen) == .success(.threadNotFound))
    }

    @Test(arguments: ["dormant", "archived"])
    func aSleepingConversationWakes(_ status: String) async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        _ = try store.value(
            "update parley.conversations set status = $2 where id = $1", [turn.threadID.description, status])
        #expect(await store.accept(store.turn(in: turn.threadID)).position == 2)
        let sql = "select status from parley.conversations where id = $1"
        #expect(try store.value(sql, [turn.threadID.description]) == "active")
    }

    @Test func oneBadRowFailsAlone() async throws {
        let store = try StoreFixture()
        // What nobody foresaw: a NUL that nobody filtered, an unknown user.
        var turns = (0..<20).map { store.newTurn("good \($0)") }
        turns[7].content = "nul \u{0}"
        turns[13].userID = "nobody \(store.user)"
        let outcomes = await store.accept(turns)
        for (index, outcome) in outcomes.enumerated() {
            if index == 7 || index == 13 {
                #expect(outcome == .failure(.rejected))
            } else {
                #expect(outcome.position == 1)
            }
        }
        for (index, turn) in turns.enumerated() where index != 13 {
            #expect(await store.history(turn.threadID)?.messages.count == (index == 7 ? nil : 1))
        }
    }
}

@Suite struct EndTests {
    @Test func aReplyWithTools() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        let call = ToolCall(id: "call 1", name: "add_task", arguments: #"{"title":"好 \"quoted\""}"#)
        let messages = [
            Message(id: store.id(), role: .assistant, content: "", toolCalls: [call]),
            Message(id: store.id(), role: .tool, content: #"{"task":{}}"#, toolCallID: "call 1"),
            store.reply("Done. \u{0} 🎉"),
        ]
        var ending = store.ending(turn, messages)
        ending.usage = Usage(inputTokens: 3, outputTokens: 4)
        guard case .success(.stored(let updatedAt)) = await store.end(ending) else {
            Issue.record("it was not stored")
            return
        }
        let page = await store.history(turn.threadID)
        var expected = messages
        for index in expected.indices {
            expected[index].position = index + 2
            expected[index].runID = turn.runID
        }
        // PostgreSQL has no NUL.
        expected[2].content = "Done. \u{FFFD} 🎉"
        #expect(page?.undated.dropFirst() == expected[...])
        let run = try TestDatabase.owner().query(
            "select status, usage ->> 'input_tokens', finished_at is not null from parley.runs where id = $1",
            [turn.runID.description])
        #expect(run == [["completed", "3", "t"]])
        // Again: the same answer and nothing twice.
        #expect(await store.end(ending) == .success(.stored(updatedAt: updatedAt)))
        #expect(await store.history(turn.threadID)?.messages.count == 4)
    }

    @Test func theNextRunBegins() async throws {
        let store = try StoreFixture()
        let first = store.newTurn()
        let second = store.turn(in: first.threadID)
        _ = await store.accept([first, second])
        _ = await store.end(store.ending(first, [store.reply("one")], next: second.runID))
        let sql = "select status from parley.runs where id = $1"
        #expect(try store.value(sql, [first.runID.description]) == "completed")
        #expect(try store.value(sql, [second.runID.description]) == "running")
        var failed = store.ending(second, [store.reply("par", status: .failed)])
        failed.status = .failed
        failed.failure = RunFailure(code: .upstreamError, message: "it \"broke\"")
        _ = await store.end(failed)
        let cause = "select error ->> 'message' from parley.runs where id = $1"
        #expect(try store.value(cause, [second.runID.description]) == "it \"broke\"")
        let page = await store.history(first.threadID)
        #expect(page?.messages.map(\.content) == ["hello", "one", "more", "par"], "question by question")
        #expect(page?.messages.last?.status == .failed)
    }

    @Test func whatIsGoneIsGone() async throws {
        let store = try StoreFixture()
        let neighbour = try StoreFixture()
        let turns = [store.newTurn(), store.newTurn()]
        _ = await store.accept(turns)
        let theirs = neighbour.newTurn()
        _ = await neighbour.accept(theirs)
        _ = try store.value(
            "update parley.conversations set status = 'deleted', deleted_at = now() where id = $1",
            [turns[0].threadID.description])
        _ = try store.value("delete from parley.conversations where id = $1", [turns[1].threadID.description])
        var stolen = store.ending(theirs, [store.reply("mine")])
        stolen.userID = store.user
        for ending in [store.ending(turns[0], [store.reply("x")]), store.ending(turns[1], []), stolen] {
            #expect(await store.end(ending) == .success(.threadGone))
        }
        #expect(await neighbour.history(theirs.threadID)?.messages.count == 1)
    }

    @Test func orderOfEndingsAndTurnsHolds() async throws {
        let store = try StoreFixture()
        let first = store.newTurn("u1")
        _ = await store.accept(first)
        let second = store.turn(in: first.threadID, "u2", startsNow: true)
        let third = store.turn(in: first.threadID, "u3", startsNow: true)
        let endFirst = store.ending(first, [store.reply("a1")])
        let endSecond = store.ending(second, [store.reply("a2")])
        let done: Bool = await store.on { store, resume in
            store.end(endFirst) { _ in }
            store.accept(second) { _ in }
            store.end(endSecond) { _ in }
            store.accept(third) { _ in resume(true) }
        }
        #expect(done)
        let page = await store.history(first.threadID)
        #expect(page?.messages.map(\.content) == ["u1", "a1", "u2", "a2", "u3"])
        let sql = "select status from parley.runs where id = $1"
        #expect(try store.value(sql, [third.runID.description]) == "running")
    }

    @Test func aRunDeclaredDeadKeepsItsReply() async throws {
        let store = try StoreFixture()
        let turn = store.newTurn()
        _ = await store.accept(turn)
        _ = try store.value("update parley.runs set status = 'interrupted' where id = $1", [turn.runID.description])
        _ = await store.end(store.ending(turn, [store.reply("alive")]))
        #expect(await store.history(turn.threadID)?.messages.last?.content == "alive")
        let sql = "select status from parley.runs where id = $1"
        #expect(try store.value(sql, [turn.runID.description]) == "completed")
    }
}
