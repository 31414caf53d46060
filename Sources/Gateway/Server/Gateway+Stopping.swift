import EventLoop
import HTTP
import Logging
import Postgres
import Store
import Synchronization

/// The gateway's hold on its address, until another takes it over or it ends.
final class AddressHolder: Sendable {
    private let listening: ListeningSocket
    private let offer: LoopBound<HandoverOffer>?
    private let replaced: Flag

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    /// From the moment of a stop on, whoever replaces this gateway may have its socket.
    static func make(
        _ listening: ListeningSocket, _ servers: [LoopBound<ShardServer>], _ shards: [LoopBound<Shard>],
        _ upgrade: UpgradeState
    ) async throws -> AddressHolder {
        let replaced = Flag()
        guard let first = shards.first else { return AddressHolder(listening, nil, replaced) }
        let offer: LoopBound<HandoverOffer>? = try await first.loop.run {
            let offer = HandoverOffer(
                listening, on: first.loop,
                isStopping: {
                    first.value.isDraining || upgrade.isUnderWay
                }
            ) {
                for server in servers { server.loop.execute { server.value.handOver() } }
                replaced.isSet.store(true, ordering: .relaxed)
            }
            return offer.map { LoopBound($0, on: first.loop) }
        }
        return AddressHolder(listening, offer, replaced)
    }

    private init(_ listening: ListeningSocket, _ offer: LoopBound<HandoverOffer>?, _ replaced: Flag) {
        self.listening = listening
        self.offer = offer
        self.replaced = replaced
    }

    /// As it is bound.
    var place: String? { listening.address.map { "\($0)" } }

    /// Whether another gateway accepts the connections now.
    var isReplaced: Bool { replaced.isSet.load(ordering: .relaxed) }

    /// Gives the address up; once.
    func close() async {
        // The offer first: what it gives away must not be another file by then.
        if let offer { _ = try? await offer.loop.run { offer.value.close() } }
        listening.close()
    }
}

/// The end: whoever sends requests here is told before anything else ends, so that nobody is refused or cut who could have
/// gone elsewhere.
extension Gateway {
    /// Seconds, each at most, for interrupted runs to be stored, for clients to answer the close, and for answers on their
    /// way. A stop takes no longer than these with the larger of `DRAIN_DELAY_SECONDS` and `DRAIN_SECONDS`.
    private static let interruption = Duration.seconds(5)
    private static let closing = Duration.seconds(6)
    private static let lastAnswers = Duration.seconds(1)
    /// For webhooks on their way; what is not taken by then is sent by whoever comes next.
    private static let lastWebhooks = Duration.seconds(2)
    private static let waitingAnswers = Duration.milliseconds(200)
    private static let pause = Duration.milliseconds(10)
    /// Looks at what still runs between two rounds of closing idle users' sockets.
    private static let looksPerRound = 25

    func stop(
        _ servers: [LoopBound<ShardServer>], _ shards: [LoopBound<Shard>], _ membership: MembershipService,
        _ webhooks: WebhookService?, at address: AddressHolder
    ) async {
        let signals = StopSignals { [logger] in logger.notice("asked again: what still runs is interrupted") }
        defer { signals.cancel() }
        for shard in shards { shard.loop.execute { shard.value.drain() } }
        await drain(shards, at: address, signals)
        for shard in shards { shard.loop.execute { shard.value.interrupt() } }
        await wait(atMost: Self.interruption, for: shards) { !$0.hasWork }
        for shard in shards { shard.loop.execute { shard.value.closeSockets() } }
        await wait(atMost: Self.closing, for: shards) { $0.socketCount == 0 }
        for shard in shards { shard.loop.execute { shard.value.leaveCluster() } }
        // Who got through to this gateway is answered by it.
        for server in servers { _ = try? await server.loop.run { server.value.stopAccepting() } }
        await address.close()
        await wait(atMost: Self.waitingAnswers, for: shards) { $0.httpConnectionCount() == 0 }
        // Answers on their way; a stream that a client does not read is cut.
        for server in servers { server.loop.execute { server.value.http.drain {} } }
        await wait(atMost: Self.lastAnswers, for: shards) { $0.httpConnectionCount() == 0 }
        for server in servers { server.loop.execute { server.value.http.closeAll() } }
        await webhooks?.stop(within: Self.lastWebhooks)
        for shard in shards {
            await withCheckedContinuation { continuation in
                shard.loop.execute {
                    shard.value.replica?.close(within: 0) {}
                    shard.value.chatStore.close {
                        shard.value.audit.close {
                            shard.value.pool.close(within: 2_000_000_000) { continuation.resume() }
                        }
                    }
                }
            }
        }
        await membership.leave()
        for shard in shards { shard.loop.stop() }
    }

    /// Until everybody knows, and what runs has ended or had its time.
    private func drain(_ shards: [LoopBound<Shard>], at address: AddressHolder, _ signals: StopSignals) async {
        let rules = StopRules(
            delay: Double(configuration.drainDelaySeconds), drain: Double(configuration.drainSeconds))
        let start = ContinuousClock.now
        var looks = 0
        while true {
            var hasWork = false
            for shard in shards where !hasWork {
                hasWork = (try? await shard.loop.run { shard.value.hasWork }) ?? false
            }
            let progress = StopRules.Progress(
                elapsed: (ContinuousClock.now - start) / .seconds(1), hasWork: hasWork,
                isReplaced: address.isReplaced, isHurried: signals.isHurried)
            guard !rules.isDrained(progress) else { return }
            if rules.isKnown(progress) {
                if looks % Self.looksPerRound == 0 {
                    for shard in shards { shard.loop.execute { shard.value.closeSockets(idleOnly: true) } }
                }
                looks += 1
            }
            await Self.sleep(Self.pause)
        }
    }

    private func wait(
        atMost limit: Duration, for shards: [LoopBound<Shard>], until isDone: @escaping @Sendable (Shard) -> Bool
    ) async {
        let deadline = ContinuousClock.now + limit
        for shard in shards {
            while ContinuousClock.now < deadline {
                let done = (try? await shard.loop.run { isDone(shard.value) }) ?? true
                if done { break }
                await Self.sleep(Self.pause)
            }
        }
    }

    /// Detached: the stop goes on where its task was cancelled.
    private static func sleep(_ pause: Duration) async {
        await Task.detached { try? await Task.sleep(for: pause) }.value
    }
}
