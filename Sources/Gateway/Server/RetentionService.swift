import Chat
import EventLoop
import Logging
import Store
import Strings

/// The retention in the background of `serve`: a sweep every `RETENTION_INTERVAL`, a fifth of that earlier or later, so
/// that gateways that were started together don't stay together. Of several gateways one does each batch.
struct RetentionService: Sendable {
    private let policy: RetentionPolicy
    private let interval: Int?
    private let directory: ShardDirectory
    private let logger: Logger

    init(_ configuration: GatewayConfiguration, directory: ShardDirectory, logger: Logger) {
        policy = configuration.retention
        interval = configuration.retentionInterval
        self.directory = directory
        self.logger = logger
    }

    /// - Returns: `nil` where nothing is to be done in the background.
    func start(on shard: LoopBound<Shard>?) -> Task<Void, Never>? {
        guard let shard, let interval else { return nil }
        return Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(Double(interval) * Double.random(in: 0.8...1.2)))
                if !Task.isCancelled { await sweep(on: shard) }
            }
        }
    }

    private func sweep(on shard: LoopBound<Shard>) async {
        let (policy, directory) = (policy, directory)
        let report = await withCheckedContinuation { continuation in
            shard.loop.execute {
                RetentionSweep(
                    policy, store: shard.value.chatStore, now: wallClockMicroseconds(),
                    moved: { announce($0, directory) }, completion: { continuation.resume(returning: $0) }
                ).start()
            }
        }
        let moves = RetentionPolicy.Move.allCases.compactMap { move -> String? in
            guard let count = report.counts[move], count > 0 else { return nil }
            return "\(move.rawValue) \(count)"
        }
        if !moves.isEmpty || report.usersDeleted > 0 {
            logger.info(
                "retention", metadata: ["moved": "\(moves.joined(separator: ", "))", "users": "\(report.usersDeleted)"])
        }
        if report.failure != nil { logger.warning("the retention was not finished and goes on with its next sweep") }
    }
}

/// Users who are connected here see what became of their conversations.
private func announce(_ moved: [RetainedConversation], _ directory: ShardDirectory) {
    for retained in moved {
        guard let home = directory.home(of: retained.userID) else { continue }
        home.loop.execute {
            guard let session = home.value.sessions[ExactString(retained.userID)] else { return }
            if retained.conversation.status == .deleted {
                session.deleted(retained.conversation)
            } else {
                session.announce(retained.conversation)
            }
        }
    }
}
