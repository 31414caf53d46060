import Chat
import Store
import Testing

@Suite struct ReadingTests {
    @Test func pagesOfMessages() async throws {
        let store = try StoreFixture()
        let first = store.newTurn("1")
        _ = await store.accept([first] + (2...10).map { store.turn(in: first.threadID, String($0)) })
        let user = store.user
        func page(_ range: MessageRange, _ limit: Int) async -> (texts: String, more: Bool)? {
            let outcome: Result<MessagePage?, StoreError> = await store.on { store, resume in
                store.messages(userID: user, threadID: first.threadID, range, limit: limit, completion: resume)
            }
            guard let page = (try? outcome.get()) ?? nil else { return nil }
            return (page.messages.map(\.content).joined(separator: " "), page.hasMore)
        }
        let cases: [(MessageRange, Int, String, Bool)] = [
            (.newest, 3, "8 9 10", true), (.newest, 10, "1 2 3 4 5 6 7 8 9 10", false), (.before(8), 3, "5 6 7", true),
            (.before(3), 3, "1 2", false), (.before(1), 3, "", false), (.after(0), 3, "1 2 3", true),
            (.after(8), 3, "9 10", false), (.after(10), 3, "", false),
        ]
        for (range, limit, texts, more) in cases {
            let found = await page(range, limit)
            #expect(found?.texts == texts, "\(range)")
            #expect(found?.more == more, "\(range)")
        }
        #expect(await store.history(store.id()) == nil)
        #expect(await store.history(first.threadID, user: "stranger") == nil)
    }

    @Test func conversations() async throws {
        let store = try StoreFixture()
        var turns: [NewTurn] = []
        for _ in 0..<5 {
            let turn = store.newTurn()
            turns.append(turn)
            _ = await store.accept(turn)
        }
        let user = store.user
        func page(
            _ limit: Int, _ before: ConversationCursor?, _ status: ConversationStatus? = nil
        ) async throws -> ConversationPage {
            let outcome: Result<ConversationPage, StoreError> = await store.on { store, resume in
                store.conversations(userID: user, limit: limit, before: before, status: status, completion: resume)
            }
            return try outcome.get()
        }
        let ids = Array(turns.map(\.threadID).reversed())
        let first = try await page(3, nil)
        #expect(first.conversations.map(\.id) == Array(ids[0..<3]))
        let second = try await page(3, first.next)
        #expect(second.conversations.map(\.id) == Array(ids[3...]))
        #expect(second.next == nil)
        #expect(try await page(3, nil, .archived).conversations.isEmpty)
        let one: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.conversation(userID: user, threadID: ids[0], completion: resume)
        }
        #expect(try one.get() == first.conversations[0])
        let none: Result<Conversation?, StoreError> = await store.on { store, resume in
            store.conversation(userID: "stranger", threadID: ids[0], completion: resume)
        }
        #expect(try none.get() == nil)
    }
}
