import Chat
import CoreMetrics
import EventLoop
import HTTP
import Postgres
import Store

/// The handles of one shard. Confined to its loop.
///
/// What the loop keeps as plain numbers anyway is read when somebody asks for the figures (`collect`): nothing is
/// walked, so that costs the same with no socket and with 19 000.
final class ShardMetrics {
    private static let lagInterval: UInt64 = 500_000_000

    let chat: ChatMetrics
    let slowCloses: Counter
    let undecidedSignIns: Counter
    private let factory: MetricsRegistry
    private let dimensions: [(String, String)]
    private let sockets: Meter
    private let sessions: Meter
    private let connections: Meter
    private let running: Meter
    private let waiting: Meter
    private let deltas: RisingCounter
    private let merged: RisingCounter
    private let catchUps: RisingCounter
    private let received: RisingCounter
    private let sent: RisingCounter
    private let lag: Timer
    private let poolWaiting: Meter
    private let pool: [(Meter, KeyPath<PoolFigures, Int>)]
    private let poolEvents: [(RisingCounter, KeyPath<PoolFigures, Int>)]
    private let auditQueue: Meter
    private let auditDropped: RisingCounter
    private let waitingRows: Meter
    private let batchRows: HistogramCopy
    private let commits: HistogramCopy
    private let rowEvents: [(RisingCounter, KeyPath<StoreFigures, UInt64>)]
    private let upstreams: [(Meter, KeyPath<UpstreamFigures, Int>)]
    private let upstreamEvents: [(RisingCounter, KeyPath<UpstreamFigures, Int>)]
    private let owned: Meter
    private let gateways: Meter
    private let ownership: [(RisingCounter, KeyPath<Ownership.Figures, Int>)]
    private let claims: Timer
    private let edgeSockets: Meter
    private let remoteSockets: Meter
    private let linked: Meter
    private let relayed: [(RisingCounter, KeyPath<Relay.Figures, Int>)]
    private var responses: [Counter] = []
    private var limited: [String: Counter] = [:]
    private var signIns: [String: Counter] = [:]

    init(_ factory: MetricsRegistry, shard: Int) {
        let own = [("shard", "\(shard)")]
        dimensions = own
        self.factory = factory
        func meter(_ name: String, _ key: String? = nil, _ value: String = "") -> Meter {
            Meter(label: name, dimensions: own + (key.map { [($0, value)] } ?? []), factory: factory)
        }
        func rising(_ name: String, _ key: String? = nil, _ value: String = "") -> RisingCounter {
            RisingCounter(
                Counter(label: name, dimensions: own + (key.map { [($0, value)] } ?? []), factory: factory))
        }
        chat = ChatMetrics(factory: factory, dimensions: own)
        slowCloses = Counter(label: "parley_slow_socket_closes_total", dimensions: own, factory: factory)
        undecidedSignIns = Counter(label: "parley_sign_ins_undecided_total", dimensions: own, factory: factory)
        sockets = meter("parley_sockets")
        sessions = meter("parley_sessions")
        connections = meter("parley_http_connections")
        running = meter("parley_runs", "state", "running")
        waiting = meter("parley_runs", "state", "waiting")
        deltas = rising("parley_deltas_total")
        merged = rising("parley_merged_deltas_total")
        catchUps = rising("parley_catch_ups_total")
        received = rising("parley_bytes_total", "direction", "received")
        sent = rising("parley_bytes_total", "direction", "sent")
        upstreamEvents = [
            (rising("parley_upstream_calls_total", "outcome", "completed"), \.completed),
            (rising("parley_upstream_calls_total", "outcome", "cancelled"), \.cancelled),
            (rising("parley_upstream_calls_total", "outcome", "unavailable"), \.unavailable),
            (rising("parley_upstream_calls_total", "outcome", "error"), \.errors),
            (rising("parley_upstream_calls_total", "outcome", "truncated"), \.truncated),
            (rising("parley_upstream_calls_total", "outcome", "timeout"), \.timedOut),
            (rising("parley_upstream_events_total", "event", "retried"), \.retries),
            (rising("parley_upstream_events_total", "event", "breaker_refused"), \.rejected),
            (rising("parley_upstream_events_total", "event", "crowded_out"), \.crowdedOut),
            (rising("parley_upstream_events_total", "event", "breaker_opened"), \.opened),
        ]
        upstreams = [
            (meter("parley_upstream_streams", "state", "in_use"), \.inUse),
            (meter("parley_upstream_streams", "state", "waiting"), \.waiting),
        ]
        owned = meter("parley_cluster_sessions")
        gateways = Meter(label: "parley_cluster_gateways", factory: factory)
        ownership = [
            (rising("parley_cluster_claims_total", "outcome", "granted"), \.granted),
            (rising("parley_cluster_claims_total", "outcome", "passed"), \.passed),
            (rising("parley_cluster_claims_total", "outcome", "refused"), \.refused),
            (rising("parley_cluster_claims_total", "outcome", "unanswered"), \.unanswered),
            (rising("parley_cluster_released_total"), \.released),
            (rising("parley_cluster_lost_total"), \.lost),
        ]
        edgeSockets = meter("parley_cluster_remote_sockets", "end", "edge")
        remoteSockets = meter("parley_cluster_remote_sockets", "end", "owner")
        linked = meter("parley_cluster_connected")
        relayed = [
            (rising("parley_cluster_frames_total"), \.frames),
            (rising("parley_cluster_messages_total"), \.messages),
            (rising("parley_cluster_bytes_total"), \.bytes),
            (rising("parley_cluster_requests_total"), \.requests),
            (rising("parley_cluster_attaches_total"), \.attaches),
            (rising("parley_cluster_links_total"), \.begun),
            (rising("parley_cluster_unused_messages_total", "reason", "malformed"), \.malformed),
            (rising("parley_cluster_unused_messages_total", "reason", "stranger"), \.strangers),
        ]
        claims = Timer(label: "parley_cluster_claim_seconds", dimensions: own, factory: factory)
        lag = Timer(label: "parley_loop_lag_seconds", dimensions: own, factory: factory)
        poolWaiting = meter("parley_pool_waiting")
        pool = [
            (meter("parley_pool_connections", "state", "in_use"), \.inUse),
            (meter("parley_pool_connections", "state", "idle"), \.idle),
            (meter("parley_pool_connections", "state", "opening"), \.opening),
            (meter("parley_pool_connections", "state", "left_behind"), \.leftBehind),
        ]
        poolEvents = [
            (rising("parley_pool_events_total", "event", "opened"), \.opened),
            (rising("parley_pool_events_total", "event", "failed"), \.failed),
            (rising("parley_pool_events_total", "event", "lost"), \.lost),
            (rising("parley_pool_events_total", "event", "timed_out"), \.timedOut),
            (rising("parley_pool_events_total", "event", "refused"), \.refused),
        ]
        auditQueue = meter("parley_audit_queue")
        auditDropped = rising("parley_audit_dropped_total")
        waitingRows = meter("parley_waiting_rows")
        batchRows = factory.makeCopy(label: "parley_batch_rows", dimensions: own)
        commits = factory.makeCopy(label: "parley_commit_seconds", dimensions: own)
        rowEvents = [
            (rising("parley_batch_events_total", "event", "retried"), \.retried),
            (rising("parley_batch_events_total", "event", "rejected_row"), \.rejected),
            (rising("parley_batch_events_total", "event", "unavailable_row"), \.unavailable),
            (rising("parley_reads_total", "from", "replica"), \.replicaReads),
            (rising("parley_reads_total", "from", "primary"), \.primaryReads),
        ]
        responses = (1...5).map {
            Counter(label: "parley_http_responses_total", dimensions: own + [("class", "\($0)xx")], factory: factory)
        }
        // All there are, so that a rate can be taken from the first one on.
        for limit in LimitName.allCases {
            limited[limit.rawValue] = counter("parley_limited_total", "limit", limit.rawValue)
        }
        for outcome in SignInOutcome.allCases {
            signIns[outcome.rawValue] = counter("parley_sign_ins_total", "outcome", outcome.rawValue)
        }
    }

    func claimAnswered(after nanoseconds: UInt64) {
        claims.recordNanoseconds(Int64(clamping: nanoseconds))
    }

    private func counter(_ name: String, _ key: String, _ value: String) -> Counter {
        Counter(label: name, dimensions: dimensions + [(key, value)], factory: factory)
    }

    func limitReached(_ limit: LimitName) {
        limited[limit.rawValue]?.increment()
    }

    func signIn(_ outcome: SignInOutcome) {
        signIns[outcome.rawValue]?.increment()
    }

    func responded(_ status: Int) {
        let index = status / 100 - 1
        if responses.indices.contains(index) { responses[index].increment() }
    }

    /// Takes the plain numbers over.
    func collect(_ shard: Shard, httpConnections: Int) {
        sockets.set(shard.socketCount)
        sessions.set(shard.sessions.count)
        connections.set(httpConnections)
        running.set(chat.running)
        waiting.set(chat.waiting)
        deltas.reached(chat.deltas)
        merged.reached(max(chat.deltas - chat.textEvents, 0))
        catchUps.reached(chat.catchUps)
        let stored = shard.chatStore.figures
        let figures = stored.pool
        poolWaiting.set(figures.waiting)
        for (meter, path) in pool { meter.set(figures[keyPath: path]) }
        for (counter, path) in poolEvents { counter.reached(figures[keyPath: path]) }
        received.reached(shard.loop.bytesReceived)
        sent.reached(shard.loop.bytesSent)
        let calls = shard.upstreamFigures()
        for (meter, path) in upstreams { meter.set(calls[keyPath: path]) }
        for (counter, path) in upstreamEvents { counter.reached(calls[keyPath: path]) }
        let users = shard.ownership.figures
        owned.set(users.owned)
        gateways.set(users.others + 1)
        for (counter, path) in ownership { counter.reached(users[keyPath: path]) }
        edgeSockets.set(shard.relay?.edges.count ?? 0)
        remoteSockets.set(shard.relay?.remotes.count ?? 0)
        linked.set(shard.relay?.isUp == true ? 1 : 0)
        for (counter, path) in relayed { counter.reached(shard.relayFigures[keyPath: path]) }
        auditQueue.set(shard.audit.waiting)
        auditDropped.reached(shard.audit.dropped)
        waitingRows.set(stored.waitingRows)
        batchRows.set(
            bounds: stored.batchRows.bounds, counts: stored.batchRows.counts, sum: stored.batchRows.sum)
        commits.set(
            bounds: stored.commitSeconds.bounds, counts: stored.commitSeconds.counts, sum: stored.commitSeconds.sum)
        for (counter, path) in rowEvents { counter.reached(Int(clamping: stored[keyPath: path])) }
    }

    /// Sets a timer again and again and notes by how much it is late, which is what everybody's events are.
    func watchLag(of loop: EventLoop) {
        let due = loop.now + Self.lagInterval
        _ = loop.schedule(after: Self.lagInterval) { [weak self, weak loop] in
            guard let self, let loop else { return }
            // The wheel counts whole milliseconds: up to one is no lag.
            let late = Int64(clamping: monotonicNanoseconds()) - Int64(clamping: due) - 1_000_000
            self.lag.recordNanoseconds(max(late, 0))
            self.watchLag(of: loop)
        }
    }
}

/// A counter that is told where something else, which only rises, stands.
final class RisingCounter {
    private let counter: Counter
    private var last = 0

    init(_ counter: Counter) {
        self.counter = counter
    }

    func reached(_ value: Int) {
        guard value > last else { return }
        counter.increment(by: value - last)
        last = value
    }
}

/// The limits that are counted when they are reached.
enum LimitName: String, CaseIterable {
    case messages, creations, runs, handshakes, descriptors
    case failedSignIns = "failed_sign_ins"
    case sockets
    case socketsPerUser = "sockets_per_user"
    case badFrames = "bad_frames"
}

enum SignInOutcome: String, CaseIterable {
    case accepted, missing, malformed, algorithm, signature, claims, expired, issuer, audience
    case unknownKey = "unknown_key"
    case notYetValid = "not_yet_valid"
    case origin
}
