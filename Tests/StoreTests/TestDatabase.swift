import Chat
import EventLoop
import Foundation
import Logging
import Postgres
import Store
import Synchronization
import Testing

/// A database for the tests of this target, made anew once a run. A missing variable fails the test: skipping would
/// look like success.
enum TestDatabase {
    static func url() throws -> String {
        try #require(
            ProcessInfo.processInfo.environment["PARLEY_TEST_DATABASE_URL"],
            "PARLEY_TEST_DATABASE_URL names no database")
    }

    /// An empty database of that name.
    static func fresh(_ name: String) throws -> PostgresSettings {
        var settings = PostgresSettings(url: try url())
        let connection = try BlockingConnection(settings)
        try connection.execute("drop database if exists \(name) with (force)")
        try connection.execute("create database \(name)")
        settings.database = name
        return settings
    }

    /// The database that most tests share: each has users of its own.
    static let common = "parley_test_store"
    private static let ready = Mutex<[String: Result<PostgresSettings, any Error>]>([:])

    /// A migrated database.
    static func migrated(_ name: String = common) throws -> PostgresSettings {
        try ready.withLock { ready in
            if let outcome = ready[name] { return outcome }
            let outcome = Result {
                let settings = try fresh(name)
                try Migrator(settings).up()
                return settings
            }
            ready[name] = outcome
            return outcome
        }.get()
    }

    /// As the login of the tests, who owns the schema.
    static func owner(_ name: String = common) throws -> BlockingConnection {
        try BlockingConnection(try migrated(name))
    }

    /// As the gateway's role, with a user or none.
    static func gateway(as user: String?) throws -> BlockingConnection {
        let connection = try owner()
        try connection.execute("set role parley_gateway")
        if let user { _ = try connection.query("select set_config('app.user_id', $1, false)", [user]) }
        return connection
    }
}

/// A store on a loop of its own.
final class StoreFixture: Sendable {
    let loop: EventLoop
    private let bound: LoopBound<PostgresChatStore>
    private let counter = Atomic<UInt64>(0)
    private let base = UInt64.random(in: 0 ... .max)
    let user: String
    let node: String
    private let name: String

    init(
        node: String = "test/1", database name: String = TestDatabase.common,
        configure: (inout StoreSettings, inout PoolSettings, inout PostgresSettings) -> Void = { _, _, _ in }
    ) throws {
        loop = try EventLoop(label: "store tests")
        self.name = name
        self.node = node
        var database = try TestDatabase.migrated(name)
        try Self.enlist(node, in: name)
        database.role = "parley_gateway"
        var limits = PoolSettings()
        limits.minimum = 1
        limits.maximum = 3
        limits.overflow = 0
        var settings = StoreSettings(node: node)
        configure(&settings, &limits, &database)
        let pool = PostgresPool(database, limits, on: loop)
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        bound = LoopBound(PostgresChatStore(settings, pool: pool, logger: logger), on: loop)
        user = "user \(base)"
        loop.start()
        let bound = bound
        let user = user
        loop.execute {
            bound.value.pool.start()
            bound.value.touch(UserRecord(id: user))
        }
    }

    /// As its process would: without a row it may not write.
    static func enlist(_ node: String, in name: String = TestDatabase.common) throws {
        _ = try TestDatabase.owner(name).query("select parley.enlist($1)", [node])
    }

    deinit { loop.stop() }

    func id() -> Identifier {
        Identifier(high: base, low: counter.add(1, ordering: .relaxed).newValue)
    }

    func on<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresChatStore, @escaping (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let bound = bound
            loop.execute { body(bound.value) { continuation.resume(returning: $0) } }
        }
    }

    /// The first message of a new conversation.
    func newTurn(_ content: String = "hello", client: String? = nil, user: String? = nil) -> NewTurn {
        NewTurn(
            userID: user ?? self.user, threadID: id(), isNewThread: true, title: "title", messageID: id(),
            clientID: client, content: content, runID: id(), startsNow: true)
    }

    /// A further message of a conversation.
    func turn(
        in thread: Identifier, _ content: String = "more", client: String? = nil, startsNow: Bool = false,
        user: String? = nil
    ) -> NewTurn {
        NewTurn(
            userID: user ?? self.user, threadID: thread, isNewThread: false, title: nil, messageID: id(),
            clientID: client, content: content, runID: id(), startsNow: startsNow)
    }

    func reply(_ content: String, status: MessageStatus = .complete) -> Message {
        Message(id: id(), role: .assistant, content: content, status: status)
    }

    func ending(_ turn: NewTurn, _ messages: [Message], next: Identifier? = nil) -> RunEnding {
        RunEnding(
            userID: turn.userID, threadID: turn.threadID, runID: turn.runID, status: .completed, messages: messages,
            nextRunID: next)
    }

    /// All in one tick, so in one batch as far as it allows.
    func accept(_ turns: [NewTurn]) async -> [Result<Acceptance, StoreError>] {
        await on { store, resume in
            let gathered = Gathered<Result<Acceptance, StoreError>>(turns.count, resume)
            for (index, turn) in turns.enumerated() { store.accept(turn) { gathered.set(index, $0.result) } }
        }
    }

    func accept(_ turn: NewTurn) async -> Result<Acceptance, StoreError> {
        await on { store, resume in store.accept(turn) { resume($0.result) } }
    }

    func end(_ ending: RunEnding) async -> Result<EndingOutcome, StoreError> {
        await on { store, resume in store.end(ending) { resume($0.result) } }
    }

    func perform(_ operation: ToolOperation) async -> Result<ToolOutcome, StoreError> {
        await on { store, resume in store.call(operation) { resume($0.result) } }
    }

    func history(_ thread: Identifier, limit: Int = 50, user: String? = nil) async -> MessagePage? {
        let user = user ?? self.user
        let outcome: Result<MessagePage?, StoreError> = await on { store, resume in
            store.newestMessages(userID: user, threadID: thread, limit: limit, completion: resume)
        }
        return (try? outcome.get()) ?? nil
    }

    /// One value, asked by the owner of the schema.
    func value(_ sql: String, _ parameters: [String?] = []) throws -> String? {
        try TestDatabase.owner(name).query(sql, parameters).first?.first ?? nil
    }
}

/// Outcomes that come one by one.
final class Gathered<Value> {
    private var values: [Value?]
    private var missing: Int
    private let completion: ([Value]) -> Void

    init(_ count: Int, _ completion: @escaping ([Value]) -> Void) {
        values = Array(repeating: nil, count: count)
        missing = count
        self.completion = completion
    }

    func set(_ index: Int, _ value: Value) {
        if values[index] == nil { missing -= 1 }
        values[index] = value
        if missing == 0 { completion(values.compactMap { $0 }) }
    }
}

extension MessagePage {
    /// Without the times at which they were stored, which are the database's.
    var undated: [Message] {
        messages.map { message in
            var message = message
            message.createdAt = 0
            message.place = nil
            return message
        }
    }
}

extension Result where Success == Acceptance {
    /// The position of an accepted message.
    var position: Int? {
        if case .success(.accepted(_, let position, _)) = self { position } else { nil }
    }
}
