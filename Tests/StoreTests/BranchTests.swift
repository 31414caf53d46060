import Chat
import Foundation
import Postgres
import Store
import Testing

/// Conversations that branch, against a real database.
@Suite struct BranchTests {
    /// Content, with what it follows and what stands in its place, as `content<parent{sibling,sibling}`.
    private static func shown(_ page: MessagePage?, _ store: StoreFixture, _ thread: Identifier) async throws
        -> [String]
    {
        let page = try #require(page)
        let all: Result<MessagePage?, StoreError> = await store.on { [user = store.user] store, resume in
            store.messages(userID: user, threadID: thread, .newest, limit: 1_000, completion: resume)
        }
        let messages = try #require(try all.get()).messages
        func name(_ id: Identifier) -> String { messages.first { $0.id == id }?.content ?? "?" }
        return page.messages.map { message in
            var text = message.content
            if message.role == .user { text += "<" + (message.place?.parent.map(name) ?? "") }
            if let siblings = message.place?.siblings, !siblings.isEmpty {
                text += "{" + siblings.map(name).joined(separator: ",") + "}"
            }
            return text
        }
    }

    private static func shown(_ store: StoreFixture, _ thread: Identifier, limit: Int = 50) async throws -> [String] {
        try await shown(await store.history(thread, limit: limit), store, thread)
    }

    private static func id(of content: String, _ store: StoreFixture, _ thread: Identifier) async throws -> Identifier {
        let all: Result<MessagePage?, StoreError> = await store.on { [user = store.user] store, resume in
            store.messages(userID: user, threadID: thread, .newest, limit: 1_000, completion: resume)
        }
        return try #require(try all.get()?.messages.first { $0.content == content }).id
    }

    /// A turn with its answer, behind what is shown.
    @discardableResult
    private static func turn(
        _ store: StoreFixture, _ thread: Identifier?, _ question: String, _ answers: String...
    ) async -> NewTurn {
        let turn = thread.map { store.turn(in: $0, question, startsNow: true) } ?? store.newTurn(question)
        _ = await store.accept(turn)
        _ = await store.end(store.ending(turn, answers.map { store.reply($0) }))
        return turn
    }

    private static func branch(
        _ store: StoreFixture, _ thread: Identifier, _ kind: NewBranch.Kind, client: String? = nil,
        run: Identifier? = nil,
        user: String? = nil
    ) async throws -> BranchAcceptance {
        let turn = NewBranch(
            userID: user ?? store.user, threadID: thread, kind: kind, clientID: client, runID: run ?? store.id(),
            startsNow: true)
        let outcome: StoreWrite<BranchAcceptance> = await store.on { store, resume in
            store.branch(turn, completion: resume)
        }
        return try outcome.result.get()
    }

    /// The same with its answer stored.
    @discardableResult
    private static func answered(
        _ store: StoreFixture, _ thread: Identifier, _ kind: NewBranch.Kind, _ answers: String...
    ) async throws -> BranchAcceptance {
        let run = store.id()
        let outcome = try await branch(store, thread, kind, run: run)
        _ = await store.end(
            RunEnding(
                userID: store.user, threadID: thread, runID: run, status: .completed,
                messages: answers.map { store.reply($0) }))
        return outcome
    }

    private static func select(_ store: StoreFixture, _ thread: Identifier, _ content: String) async throws
        -> SelectionOutcome
    {
        let message = try await id(of: content, store, thread)
        let user = store.user
        let tree: Result<RunTree?, StoreError> = await store.on { store, resume in
            store.tree(userID: user, threadID: thread, messageID: message, completion: resume)
        }
        let head = try #require(try tree.get()?.newestBelow)
        let outcome: StoreWrite<SelectionOutcome> = await store.on { store, resume in
            store.select(userID: user, threadID: thread, head: head, completion: resume)
        }
        return try outcome.result.get()
    }

    @Test("a linear conversation is read as it was stored, and knows what follows what")
    func linear() async throws {
        let store = try StoreFixture()
        let first = await Self.turn(store, nil, "q1", "a1", "b1")
        await Self.turn(store, first.threadID, "q2", "a2")
        #expect(try await Self.shown(store, first.threadID) == ["q1<", "a1", "b1", "q2<b1", "a2"])
        // Behind the end of a page too.
        #expect(try await Self.shown(store, first.threadID, limit: 2) == ["q2<b1", "a2"])
        #expect(
            try store.value("select is_linear from parley.conversations where id = $1", [first.threadID.description])
                == "t")
    }

    @Test("what waits is shown question by question")
    func queued() async throws {
        let store = try StoreFixture()
        let first = store.newTurn("q1")
        let second = store.turn(in: first.threadID, "q2")
        _ = await store.accept(first)
        _ = await store.accept(second)
        _ = await store.end(store.ending(first, [store.reply("a1")], next: second.runID))
        #expect(try await Self.shown(store, first.threadID) == ["q1<", "a1", "q2<a1"])
        _ = await store.end(store.ending(second, [store.reply("a2")]))
        #expect(try await Self.shown(store, first.threadID) == ["q1<", "a1", "q2<a1", "a2"])
        #expect(try await Self.shown(store, first.threadID, limit: 2) == ["q2<a1", "a2"])
        // Also for the assistant of the second one.
        let history: Result<MessagePage?, StoreError> = await store.on { [user = store.user] store, resume in
            store.history(
                userID: user, threadID: first.threadID, runID: second.runID, position: 2, limit: 10, completion: resume)
        }
        #expect(try history.get()?.messages.map(\.content) == ["q1", "a1"])
    }

    @Test("a message is edited, at the beginning and behind an answer")
    func edit() async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        await Self.turn(store, thread, "q2", "a2")
        try await Self.answered(
            store, thread, .message(id: store.id(), content: "Q2", parent: Self.id(of: "a1", store, thread)), "A2")
        #expect(try await Self.shown(store, thread) == ["q1<", "a1", "Q2<a1{q2,Q2}", "A2"])
        await Self.turn(store, thread, "q3", "a3")
        #expect(try await Self.shown(store, thread) == ["q1<", "a1", "Q2<a1{q2,Q2}", "A2", "q3<A2", "a3"])
        try await Self.answered(store, thread, .message(id: store.id(), content: "Q1", parent: nil), "A1")
        #expect(try await Self.shown(store, thread) == ["Q1<{q1,Q1}", "A1"])
        #expect(try await Self.select(store, thread, "q1") == .selected)
        #expect(
            try await Self.shown(store, thread) == ["q1<{q1,Q1}", "a1", "Q2<a1{q2,Q2}", "A2", "q3<A2", "a3"])
        #expect(try await Self.select(store, thread, "a2") == .selected)
        #expect(try await Self.shown(store, thread) == ["q1<{q1,Q1}", "a1", "q2<a1{q2,Q2}", "a2"])
        // What was not branched away from is gone on with.
        await Self.turn(store, thread, "q4", "a4")
        #expect(
            try await Self.shown(store, thread) == ["q1<{q1,Q1}", "a1", "q2<a1{q2,Q2}", "a2", "q4<a2", "a4"])
    }

    @Test("an answer stands beside another", arguments: ["q1", "a1", "b1"])
    func again(_ named: String) async throws {
        let store = try StoreFixture()
        let first = await Self.turn(store, nil, "q1", "a1", "b1")
        let thread = first.threadID
        await Self.turn(store, thread, "q2", "a2")
        let outcome = try await Self.answered(
            store, thread, .answer(to: Self.id(of: named, store, thread)), "A1", "B1")
        guard case .accepted(let conversation, let question, true, first.runID) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(question.content == "q1" && question.id == first.messageID && conversation.messageCount == 5)
        #expect(try await Self.shown(store, thread) == ["q1<", "A1{a1,A1}", "B1"])
        #expect(try await Self.select(store, thread, "b1") == .selected)
        #expect(try await Self.shown(store, thread) == ["q1<", "a1{a1,A1}", "b1", "q2<b1", "a2"])
        // The question alone: the newest below it, whichever answer that is behind.
        await Self.turn(store, thread, "q3", "a3")
        #expect(try await Self.select(store, thread, "A1") == .selected)
        #expect(try await Self.select(store, thread, "q1") == .selected)
        #expect(
            try await Self.shown(store, thread) == ["q1<", "a1{a1,A1}", "b1", "q2<b1", "a2", "q3<a2", "a3"])
    }

    @Test("a place that is none", arguments: ["q1", "a1", "another's", "unknown"])
    func noPlace(_ named: String) async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1", "b1").threadID
        let other = await Self.turn(store, nil, "another's").threadID
        let place: Identifier =
            switch named {
            case "unknown": store.id()
            case "another's": try await Self.id(of: named, store, other)
            default: try await Self.id(of: named, store, thread)
            }
        let outcome = try await Self.branch(
            store, thread, .message(id: store.id(), content: "Q", parent: place))
        #expect(outcome == .noSuchPlace)
        #expect(try await Self.shown(store, thread) == ["q1<", "a1", "b1"])
        let foreign = try await Self.branch(
            store, thread, .message(id: store.id(), content: "Q", parent: nil), user: "\(store.user) other")
        #expect(foreign == .threadNotFound)
    }

    @Test("a question whose answer is still to come can be followed")
    func followed() async throws {
        let store = try StoreFixture()
        let first = store.newTurn("q1")
        _ = await store.accept(first)
        let outcome = try await Self.branch(
            store, first.threadID, .message(id: store.id(), content: "q2", parent: first.messageID))
        guard case .accepted(_, _, isRunning: false, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(try await Self.shown(store, first.threadID) == ["q1<", "q2<q1"])
        _ = await store.end(store.ending(first, [store.reply("a1")]))
        #expect(try await Self.shown(store, first.threadID) == ["q1<", "a1", "q2<a1"])
    }

    @Test("the same branch again changes nothing; an id counts once, whatever it was used for")
    func idempotent() async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        let question = try await Self.id(of: "q1", store, thread)
        let run = store.id()
        let first = try await Self.branch(store, thread, .answer(to: question), client: "c", run: run)
        let repeated = try await Self.branch(store, thread, .answer(to: question), client: "c", run: run)
        guard case .accepted = first, case .accepted = repeated else {
            Issue.record("\(first) \(repeated)")
            return
        }
        let again = try await Self.branch(store, thread, .answer(to: question), client: "c")
        #expect(again == .duplicate(threadID: thread, messageID: question, runID: run, runEnded: false))
        let edited = try await Self.branch(
            store, thread, .message(id: store.id(), content: "x", parent: nil), client: "c")
        #expect(edited == .duplicate(threadID: thread, messageID: question, runID: run, runEnded: false))
        // As a plain message too, alone and behind others.
        let sent = await store.accept(store.turn(in: thread, "x", client: "c"))
        #expect(
            try sent.get() == .duplicate(threadID: thread, messageID: question, runID: run, runEnded: false))
        let found: Result<SentTurn?, StoreError> = await store.on { [user = store.user] store, resume in
            store.sentTurn(userID: user, clientID: "c", completion: resume)
        }
        #expect(try found.get()?.runID == run)
        let count = try store.value(
            "select count(*) from parley.runs where conversation_id = $1", [thread.description])
        #expect(count == "2")
    }

    @Test("nothing else is shown while a run is under way")
    func busy() async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        _ = try await Self.branch(store, thread, .message(id: store.id(), content: "Q1", parent: nil))
        #expect(try await Self.select(store, thread, "q1") == .busy)
    }

    @Test("pages of a path, in both directions", arguments: [1, 2, 3, 7, 50])
    func pages(_ limit: Int) async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        for number in 2...6 { await Self.turn(store, thread, "q\(number)", "a\(number)", "b\(number)") }
        try await Self.answered(
            store, thread, .message(id: store.id(), content: "Q3", parent: Self.id(of: "b2", store, thread)), "A3")
        await Self.turn(store, thread, "q7", "a7")
        let wanted = ["q1", "a1", "q2", "a2", "b2", "Q3", "A3", "q7", "a7"]
        var found: [String] = []
        var range = PathRange.newest
        while found.count < 20 {
            let page = try await Self.page(store, thread, range, limit)
            found = page.messages.map(\.content) + found
            guard page.hasMore, let first = page.messages.first else { break }
            range = .before(MessageAnchor(position: first.position, runID: first.runID))
        }
        #expect(found == wanted)
        found = ["q1"]
        let first = try await Self.page(store, thread, .newest, 50).messages[0]
        range = .after(MessageAnchor(position: first.position, runID: first.runID))
        while found.count < 20 {
            let page = try await Self.page(store, thread, range, limit)
            found += page.messages.map(\.content)
            guard page.hasMore, let last = page.messages.last else { break }
            range = .after(MessageAnchor(position: last.position, runID: last.runID))
        }
        #expect(found == wanted)
    }

    private static func page(
        _ store: StoreFixture, _ thread: Identifier, _ range: PathRange, _ limit: Int
    ) async throws -> MessagePage {
        let page: Result<MessagePage?, StoreError> = await store.on { [user = store.user] store, resume in
            store.shownMessages(userID: user, threadID: thread, range, limit: limit, completion: resume)
        }
        return try #require(try page.get())
    }

    @Test("branches go into the archive and come back")
    func archive() async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        try await Self.answered(store, thread, .answer(to: Self.id(of: "q1", store, thread)), "A1")
        await Self.turn(store, thread, "q2", "a2")
        let wanted = ["q1<", "A1{a1,A1}", "q2<A1", "a2"]
        #expect(try await Self.shown(store, thread) == wanted)
        for isArchived in [true, false] {
            let outcome: Result<ConversationChangeOutcome, StoreError> = await store.on {
                [user = store.user] store, resume in
                store.changeConversation(
                    userID: user, threadID: thread, ConversationChange(isArchived: isArchived), completion: resume)
            }
            guard case .success(.changed) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(try await Self.shown(store, thread) == wanted, "archived: \(isArchived)")
        }
        #expect(try await Self.select(store, thread, "a1") == .selected)
        #expect(try await Self.shown(store, thread) == ["q1<", "a1{a1,A1}"])
    }

    @Test("what followed a message that an admin deletes follows what that did", arguments: ["q2", "Q2"])
    func deletion(_ deleted: String) async throws {
        let store = try StoreFixture()
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        await Self.turn(store, thread, "q2", "a2")
        try await Self.answered(
            store, thread, .message(id: store.id(), content: "Q2", parent: Self.id(of: "a1", store, thread)), "A2")
        await Self.turn(store, thread, "q3", "a3")
        let id = try await Self.id(of: deleted, store, thread)
        let outcome: Result<MessageDeletion, StoreError> = await store.on { store, resume in
            store.deleteMessage(id: id, completion: resume)
        }
        #expect(try outcome.get() == .deleted(userID: store.user, threadID: thread))
        #expect(
            try await Self.shown(store, thread)
                == (deleted == "Q2" ? ["q1<", "a1", "q3<a1", "a3"] : ["q1<", "a1", "Q2<a1", "A2", "q3<A2", "a3"]))
    }

    @Test("a run that a dead process left is closed where it stands")
    func recovery() async throws {
        let store = try StoreFixture(node: "branches/dead")
        let thread = await Self.turn(store, nil, "q1", "a1").threadID
        let run = store.id()
        _ = try await Self.branch(store, thread, .message(id: store.id(), content: "Q1", parent: nil), run: run)
        _ = try store.value(
            "update parley.runs set checkpoint = $2 where id = $1 returning id",
            [
                run.description, #"[{"id":"\#(store.id())","content":"half"}]"#,
            ])
        _ = try store.value("delete from parley.nodes where id = 'branches/dead' returning id")
        let heir = try StoreFixture(node: "branches/heir")
        _ = try heir.value("select count(*) from parley.recover_runs('branches/heir', 100000000, 0, 1000)")
        #expect(try await Self.shown(store, thread) == ["Q1<{q1,Q1}", "half"])
    }
}
