import Chat
import EventLoop
import Foundation
import Logging
import Postgres
import Store

/// Load on the store of one shard. Confined to its loop.
final class StoreLoad {
    struct Plan: Sendable {
        var databaseURL = ""
        var messagesPerConversation = 1_000
        var conversations = 1_000
        var length = 100
        var flights: Int?
        var flightRows: Int?
        var reads: [Read] = []
    }

    /// A conversation to read.
    struct Read: Sendable {
        var user: String
        var thread: Identifier

        init?(_ line: some StringProtocol) {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let thread = Identifier(String(parts[1])) else { return nil }
            user = String(parts[0])
            self.thread = thread
        }
    }

    struct Results: Encodable, Sendable {
        var count = 0
        var failed = 0
        var seconds = 0.0
        var perSecond = 0.0
        /// Of this process, user and system.
        var microsecondsOfCPU = 0.0
        var p50Milliseconds = 0.0
        var p99Milliseconds = 0.0
        var rowsPerBatch = 0.0
    }

    private struct Conversation {
        var user: String
        var thread: Identifier
        var hasBegun = false
    }

    private let store: PostgresChatStore
    private let loop: EventLoop
    private let content: String
    private var conversations: [Conversation] = []
    private let reads: [Read]
    private let membership: Membership
    private var latencies: [UInt32] = []
    private var failed = 0
    private var isMeasuring = false
    private var isStopping = false
    private var underWay = 0
    private var stopped: (() -> Void)?
    private var random = UInt64.random(in: 0 ... .max)

    private init(_ plan: Plan, on loop: EventLoop) {
        self.loop = loop
        content = String(
            String(repeating: "All work and no play makes Jack a dull boy. ", count: 1 + plan.length / 44)
                .prefix(plan.length))
        reads = plan.reads
        var settings = StoreSettings(node: "store-bench/\(UInt32.random(in: 0 ... .max))")
        settings.messagesPerConversation = plan.messagesPerConversation
        if let flights = plan.flights { settings.flights = flights }
        if let rows = plan.flightRows { settings.flightRows = rows }
        let database = PostgresSettings(url: plan.databaseURL, role: "parley_gateway")
        let logger = Logger(label: "store-bench") { StreamLogHandler.standardError(label: $0) }
        let pool = PostgresPool(database, PoolSettings(), on: loop)
        store = PostgresChatStore(settings, pool: pool, logger: logger)
        membership = Membership(settings, database, on: loop, logger: logger)
        pool.start()
        for _ in 0..<plan.conversations {
            let thread = makeIdentifier()
            let user = "bench-\(thread)"
            conversations.append(Conversation(user: user, thread: thread))
        }
    }

    /// - Parameter reads: reads one conversation of the plan after the other, instead of writing.
    static func measure(
        _ plan: Plan, shards: Int, warmUp: Double, seconds: Double, reads: Bool
    ) async throws -> Results {
        var loads: [LoopBound<StoreLoad>] = []
        for shard in 0..<shards {
            let loop = try EventLoop(label: "store-bench.\(shard)")
            loop.start()
            var part = plan
            part.conversations = max(1, plan.conversations / shards)
            let share = part
            loads.append(
                await withCheckedContinuation { continuation in
                    loop.execute { continuation.resume(returning: LoopBound(StoreLoad(share, on: loop), on: loop)) }
                })
        }
        for load in loads {
            // Only who is enlisted may write.
            await withCheckedContinuation { continuation in
                load.loop.execute { load.value.membership.join { _ in continuation.resume() } }
            }
            load.loop.execute { load.value.start(reads: reads) }
        }
        try await Task.sleep(for: .seconds(warmUp))
        let began = ContinuousClock.now
        let cpu = ProcessUsage.ownCPU()
        for load in loads { load.loop.execute { load.value.isMeasuring = true } }
        try await Task.sleep(for: .seconds(seconds))
        var results = Results()
        let used = ProcessUsage.ownCPU() - cpu
        let passed = ContinuousClock.now - began
        results.seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        var latencies: [UInt32] = []
        for load in loads {
            let (part, failed, rows): ([UInt32], Int, Double) = await withCheckedContinuation { continuation in
                load.loop.execute {
                    load.value.isMeasuring = false
                    let figures = load.value.store.figures
                    let rows = Double(figures.rows) / Double(max(figures.batches, 1))
                    continuation.resume(returning: (load.value.latencies, load.value.failed, rows))
                }
            }
            latencies += part
            results.failed += failed
            results.rowsPerBatch += rows / Double(shards)
        }
        for load in loads {
            await withCheckedContinuation { continuation in
                load.loop.execute { load.value.stop { continuation.resume() } }
            }
            load.loop.stop()
        }
        latencies.sort()
        results.count = latencies.count
        results.perSecond = Double(latencies.count) / results.seconds
        results.microsecondsOfCPU = used / Double(max(latencies.count, 1))
        func percentile(_ share: Double) -> Double {
            latencies.isEmpty ? 0 : Double(latencies[Int(Double(latencies.count - 1) * share)]) / 1_000
        }
        results.p50Milliseconds = percentile(0.5)
        results.p99Milliseconds = percentile(0.99)
        return results
    }

    private func start(reads: Bool) {
        // Not before: who is not enlisted makes nobody known.
        for conversation in conversations { store.touch(UserRecord(id: conversation.user)) }
        if reads { return read(0) }
        for index in conversations.indices { send(index) }
    }

    private func stop(_ completion: @escaping () -> Void) {
        isStopping = true
        stopped = completion
        if underWay == 0 { close() }
    }

    private func close() {
        guard let stopped else { return }
        self.stopped = nil
        store.close { [self] in
            membership.leave { [self] in store.pool.close(within: 1_000_000_000, stopped) }
        }
    }

    private func send(_ index: Int) {
        let conversation = conversations[index]
        let message = makeIdentifier()
        let turn = NewTurn(
            userID: conversation.user, threadID: conversation.thread, isNewThread: !conversation.hasBegun,
            title: "bench", messageID: message, clientID: message.description, content: content,
            runID: makeIdentifier(), startsNow: false)
        let began = nanoseconds()
        underWay += 1
        store.accept(turn) { [self] outcome in
            underWay -= 1
            switch outcome {
            case .stored(.accepted):
                conversations[index].hasBegun = true
                note(began)
            default: failed += 1
            }
            if isStopping { return underWay == 0 ? close() : () }
            send(index)
        }
    }

    private func read(_ index: Int) {
        guard !reads.isEmpty else { return }
        let target = reads[index]
        let began = nanoseconds()
        underWay += 1
        store.newestMessages(userID: target.user, threadID: target.thread, limit: 50) { [self] outcome in
            underWay -= 1
            if case .success(.some(let page)) = outcome, page.messages.count == 50 { note(began) } else { failed += 1 }
            if isStopping { return close() }
            read((index + 1) % reads.count)
        }
    }

    private func note(_ began: UInt64) {
        if isMeasuring { latencies.append(UInt32(clamping: (nanoseconds() &- began) / 1_000)) }
    }

    /// The loop's own clock stands still during a tick.
    private func nanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    private func makeIdentifier() -> Identifier {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let milliseconds = UInt64(Date().timeIntervalSince1970 * 1_000)
        return Identifier(
            version7: milliseconds, sequence: UInt16(truncatingIfNeeded: random >> 40) & 0xFFF, random: random)
    }
}
