import EventLoop
import Foundation
import Logging
import Postgres
import Store
import Synchronization

/// What the membership of this process means to its shards: how long they may speak, and what they do when it was taken
/// for dead.
final class MembershipService: Sendable {
    private let membership: LoopBound<Membership>
    private let shards: [LoopBound<Shard>]
    private let place: String
    /// Shards that others can reach; nil: they can't.
    private let reachable: Int?
    private let logger: Logger
    private let takeover = Mutex(Takeover())
    /// Where this process goes on once the database knows it, after it was fenced.
    private let next = Mutex<(node: String, epoch: String)?>(nil)

    /// Who waits for the next look at what silent gateways left.
    private struct Takeover: Sendable {
        var isUnderWay = false
        var count = 0
        var waiting: [@Sendable (Bool) -> Void] = []
    }

    /// - Parameters:
    ///   - place: host and port, the part of the name that people know.
    ///   - shards: at least one; the first one's loop has the membership.
    static func make(
        _ configuration: GatewayConfiguration, _ shards: [LoopBound<Shard>], node: String, place: String, logger: Logger
    ) async throws -> MembershipService? {
        guard let first = shards.first else { return nil }
        var settings = StoreSettings(node: node)
        settings.endpoints = configuration.webhooks.endpoints.map(\.name)
        let memberSettings = settings
        let membership = try await first.loop.run {
            LoopBound(
                Membership(
                    memberSettings, Shard.connectionSettings(configuration), process: .current,
                    on: first.loop, logger: logger),
                on: first.loop)
        }
        return MembershipService(
            membership, shards, place: place, reachable: configuration.cluster.map { _ in shards.count }, logger: logger
        )
    }

    private init(
        _ membership: LoopBound<Membership>, _ shards: [LoopBound<Shard>], place: String, reachable: Int?,
        logger: Logger
    ) {
        self.reachable = reachable
        self.membership = membership
        self.shards = shards
        self.place = place
        self.logger = logger
    }

    /// A name that no process has had, and the first part of the cursors that are its.
    ///
    /// - Parameter shards: of a gateway that can be reached by others, which then know which of them has a user; nil: it
    ///   can't be.
    static func incarnation(at place: String, shards: Int?) -> (node: String, epoch: String) {
        var generator = SystemRandomNumberGenerator()
        let incarnation = String(generator.next(), radix: 36)
        return ("\(place)/\(incarnation)\(shards.map { ".\($0)" } ?? "")", incarnation)
    }

    /// Of a gateway with that name, nil where it can't be reached.
    static func shards(of node: String) -> Int? {
        guard let slash = node.lastIndex(of: "/"), let dot = node[slash...].lastIndex(of: "."),
            let count = Int(node[node.index(after: dot)...]), (1...Int(UInt16.max)).contains(count)
        else { return nil }
        return count
    }

    /// Makes this process a member.
    ///
    /// - Parameters:
    ///   - home: the shard of a user.
    ///   - recover: takes over what gateways that are gone left, and says whether it could; not called again while it
    ///     runs.
    /// - Returns: false when the database did not answer.
    func join(
        home: @escaping @Sendable (String) -> LoopBound<Shard>?, recover: @escaping @Sendable () async -> Bool
    ) async throws -> Bool {
        for shard in shards {
            try await shard.loop.run { [self, membership] in
                shard.value.chatStore.onFenced = { node in
                    membership.loop.execute { membership.value.fenced(node) }
                }
                shard.value.ownership.takeOver = { done in self.takeOver(recover, done) }
                shard.value.ownership.looksAtOthers = {
                    self.takeover.withLock { ($0.count, $0.isUnderWay) }
                }
                shard.value.ownership.onRefused = {
                    membership.loop.execute { membership.value.lookAround() }
                }
            }
        }
        return await withCheckedContinuation { continuation in
            membership.loop.execute { [self] in
                membership.value.onLease = { [self] end in extendLease(to: end) }
                membership.value.onFenced = { [self] rejoin in letGo(rejoin) }
                membership.value.onMember = { [self] in begin(as: $0) }
                membership.value.onStale = { [self] in takeOver(recover) }
                membership.value.onGone = { [self] in
                    tell { $0.ownership.othersAreGone() }
                    takeOver(recover)
                }
                membership.value.onNews = { [self] news in pass(news, home) }
                membership.value.join { continuation.resume(returning: $0) }
            }
        }
    }

    /// Ends the membership, when nothing is left to write.
    func leave() async {
        await withCheckedContinuation { continuation in
            membership.loop.execute { [membership] in membership.value.leave { continuation.resume() } }
        }
    }

    private func pass(_ news: Membership.News, _ home: (String) -> LoopBound<Shard>?) {
        let others = news.others
        tell { $0.ownership.heard(others: others) }
        for (userID, epoch) in news.wished {
            guard let shard = home(userID) else { continue }
            shard.loop.execute { shard.value.ownership.wished(userID, epoch: epoch) }
        }
    }

    private func extendLease(to end: UInt64) {
        tell { $0.extendLease(to: end) }
    }

    /// Every shard, from the membership's loop; what is told one after the other is heard in that order.
    private func tell(_ body: @escaping @Sendable (Shard) -> Void) {
        for shard in shards {
            if shard.loop === membership.loop {
                body(shard.value)
            } else {
                shard.loop.execute { body(shard.value) }
            }
        }
    }

    /// Every shard lets go of what it has, then the process is enlisted under a new name.
    private func letGo(_ rejoin: @escaping (String) -> Void) {
        let rejoin = LoopBound(rejoin, on: membership.loop)
        visit({ $0.fence() }) { [self] in
            let (node, epoch) = Self.incarnation(at: place, shards: reachable)
            next.withLock { $0 = (node, epoch) }
            rejoin.loop.execute { rejoin.value(node) }
        }
    }

    /// All shards go on under one new name. The first one they have from the start.
    private func begin(as node: String) {
        let next = next.withLock { next in
            defer { next = nil }
            return next
        }
        guard let next, next.node == node else { return }
        tell { $0.rejoin(as: next.node, epoch: next.epoch) }
    }

    /// On the loop of each, one after the other.
    private func visit(
        _ body: @escaping @Sendable (Shard) -> Void, from index: Int = 0, _ done: @escaping @Sendable () -> Void
    ) {
        guard index < shards.count else { return done() }
        let shard = shards[index]
        shard.loop.execute { [self] in
            body(shard.value)
            visit(body, from: index + 1, done)
        }
    }

    /// A look at what others left, as part of what is counted.
    func look(_ recover: @escaping @Sendable () async -> Bool) async {
        await withCheckedContinuation { continuation in takeOver(recover) { _ in continuation.resume() } }
    }

    /// - Parameter done: hears of a look that began after it was asked for.
    private func takeOver(
        _ recover: @escaping @Sendable () async -> Bool, _ done: @escaping @Sendable (Bool) -> Void = { _ in }
    ) {
        let isFree = takeover.withLock { takeover in
            takeover.waiting.append(done)
            defer { takeover.isUnderWay = true }
            return !takeover.isUnderWay
        }
        guard isFree else { return }
        Task {
            while true {
                let waiting = takeover.withLock { takeover in
                    defer { takeover.waiting.removeAll() }
                    if takeover.waiting.isEmpty { takeover.isUnderWay = false }
                    return takeover.waiting
                }
                guard !waiting.isEmpty else { return }
                takeover.withLock { $0.count += 1 }
                let isDone = await recover()
                for done in waiting { done(isDone) }
            }
        }
    }
}
