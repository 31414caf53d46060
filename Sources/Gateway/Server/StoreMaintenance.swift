import EventLoop
import Foundation
import Logging
import Postgres
import Store

/// What the commands `retention` and `reencrypt` do, without a gateway. An error is one line for the operator.
package struct StoreMaintenance: Sendable {
    let configuration: GatewayConfiguration

    package init(_ configuration: GatewayConfiguration) {
        self.configuration = configuration
    }

    var settings: PostgresSettings {
        var settings = PostgresSettings(url: configuration.databaseURL)
        settings.needsWrites = true
        return settings
    }

    /// Whether schema and keys are what this program and its configuration expect.
    func check() throws(StartError) {
        guard !configuration.databaseURL.isEmpty else { throw .configuration("DATABASE_URL is not set") }
        do throws(MigrationError) {
            try Migrator(settings).check(role: "parley_gateway")
        } catch {
            throw error.kind == .unreachable ? .database(error.description) : .configuration(error.description)
        }
        do throws(ContentKeyRing.Failure) {
            try ContentKeyRing(settings, configuration.contentKeys).check()
        } catch {
            if case .keys(let error) = error { throw .configuration(error.description) }
            throw .database(error.description)
        }
    }

    /// One sweep now.
    ///
    /// - Parameter isDryRun: counts what each move would find, and changes nothing.
    /// - Returns: a line for each move.
    package func retain(isDryRun: Bool) async throws -> [String] {
        try check()
        let loop = try EventLoop(label: "parley.retention")
        loop.start()
        defer { loop.stop() }
        let store = try await store(on: loop)
        let now = wallClockMicroseconds()
        return isDryRun ? try await count(store, now) : try await sweep(store, now)
    }

    /// A store of the command's own.
    func store(on loop: EventLoop) async throws -> LoopBound<PostgresChatStore> {
        let (settings, configuration) = (settings, configuration)
        return try await loop.run {
            var database = settings
            database.role = "parley_gateway"
            database.needsWrites = true
            // A batch may take longer than a request of a user's.
            database.statementTimeout = 60_000
            database.silenceLimit = 65_000_000_000
            var limits = PoolSettings()
            limits.minimum = 1
            limits.maximum = 2
            limits.overflow = 0
            let pool = PostgresPool(database, limits, on: loop)
            pool.start()
            var settings = StoreSettings(node: "retention")
            settings.contents = configuration.contentKeys
            let logger = Logger(label: "parley") { StreamLogHandler.standardError(label: $0) }
            return LoopBound(PostgresChatStore(settings, pool: pool, logger: logger), on: loop)
        }
    }

    private func sweep(_ store: LoopBound<PostgresChatStore>, _ now: Int64) async throws -> [String] {
        let policy = configuration.retention
        let report = await withCheckedContinuation { continuation in
            store.loop.execute {
                RetentionSweep(policy, store: store.value, now: now) { continuation.resume(returning: $0) }.start()
            }
        }
        if report.failure != nil {
            throw StartError.database("the retention was not finished: the database refused it")
        }
        var lines = policy.due(at: now).map { "\($0.move.rawValue): \(report.counts[$0.move] ?? 0)" }
        if report.usersDeleted > 0 { lines.append("users: \(report.usersDeleted)") }
        if report.wasBusy { lines.append("another gateway is at it: the rest is left to that") }
        return lines
    }

    private func count(_ store: LoopBound<PostgresChatStore>, _ now: Int64) async throws -> [String] {
        var lines: [String] = []
        for due in configuration.retention.due(at: now) {
            let result = await withCheckedContinuation { continuation in
                store.loop.execute { store.value.count(due) { continuation.resume(returning: $0) } }
            }
            guard case .success(let count) = result else {
                throw StartError.database("the rows could not be counted")
            }
            lines.append("\(due.move.rawValue): \(count)")
        }
        return lines
    }

    /// All texts under the key that seals now.
    package func reencrypt() throws -> [String] {
        guard !configuration.contentKeys.isEmpty else { throw StartError.configuration("CONTENT_KEYS is not set") }
        try check()
        do throws(PostgresError) {
            let report = try Reencryption(settings, configuration.contentKeys).run()
            let goal = configuration.contentKeys.sealingKey.map { "under the key \($0)" } ?? "plain"
            return ["\(report.texts) texts are now \(goal)"]
                + report.retired.map { "the key \($0) is no longer used: take it from CONTENT_KEYS" }
                + report.inUse.map {
                    "the key \($0) is still written with: run this again when no gateway has it first"
                }
        } catch {
            if error.isConnectionLoss { throw StartError.database("\(error)") }
            throw StartError.configuration("not finished: \(error)")
        }
    }
}
