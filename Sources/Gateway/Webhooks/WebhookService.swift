import Chat
import EventLoop
import HTTP
import HTTPTypes
import Logging
import Store

/// Sends what the outbox holds, from one shard's loop (``WebhookMachine`` decides when). Whatever ends in between, the row
/// stays until its endpoint has taken it: another gateway, or the next start, sends it again under the same id.
final class WebhookService: Sendable {
    private let shard: LoopBound<Shard>
    private let sender: LoopBound<WebhookSender>

    /// - Returns: `nil` where nobody is told anything.
    static func start(
        _ configuration: WebhookConfiguration, on shard: LoopBound<Shard>?, _ metrics: WebhookMetrics, logger: Logger
    ) async throws -> WebhookService? {
        guard let shard, !configuration.endpoints.isEmpty else { return nil }
        let sender = try await shard.loop.run {
            let sender = WebhookSender(configuration, shard.value, metrics, logger)
            sender.start()
            return LoopBound(sender, on: shard.loop)
        }
        return WebhookService(shard, sender)
    }

    private init(_ shard: LoopBound<Shard>, _ sender: LoopBound<WebhookSender>) {
        self.shard = shard
        self.sender = sender
    }

    /// Begins nothing new, and lets what is on its way end, for so long at most.
    func stop(within limit: Duration) async {
        shard.loop.execute { [sender] in sender.value.stop() }
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let underWay = (try? await shard.loop.run { [sender] in sender.value.underWay }) ?? 0
            if underWay == 0 { break }
            await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value
        }
        _ = try? await shard.loop.run { [sender] in sender.value.close() }
    }
}

/// Confined to its shard's loop.
final class WebhookSender {
    /// Nanoseconds between two looks at how much waits.
    private static let figureInterval: UInt64 = 15_000_000_000
    /// Looks between two removals of old dead letters.
    private static let looksPerPurge = 40
    /// Bytes of an answer that are read; what it says beyond its status is of no interest.
    private static let answerBytes = 64 << 10
    /// Milliseconds that a claim outlasts the longest request: what comes before it (the message is read) and behind it.
    static let leaseMargin = 45_000

    let configuration: WebhookConfiguration
    let shard: Shard
    let client: HTTPClient
    let logger: Logger
    private let metrics: WebhookMetrics
    private var outlets: [WebhookOutlet] = []
    private var timer: TimerToken?
    private var looks = 0
    private(set) var isStopped = false

    init(_ configuration: WebhookConfiguration, _ shard: Shard, _ metrics: WebhookMetrics, _ logger: Logger) {
        self.configuration = configuration
        self.shard = shard
        self.metrics = metrics
        self.logger = logger
        var settings = HTTPClientSettings()
        let limit = UInt64(configuration.timeoutSeconds) * 1_000_000_000
        settings.connectTimeout = min(settings.connectTimeout, limit)
        settings.firstByteTimeout = limit
        settings.idleTimeout = limit
        settings.totalTimeout = limit
        settings.limits.bodyBytes = Self.answerBytes
        settings.connections = configuration.endpoints.count * configuration.connections
        settings.idleConnectionsPerOrigin = configuration.connections
        settings.tls = configuration.trust
        let allowsPrivate = configuration.allowsPrivate
        // What is checked is what is connected to: a name that says something else the next time is checked again.
        let resolver = NameResolver(on: shard.loop) { host, port in
            ((try? SocketAddress.resolve(host: host, port: port)) ?? []).filter {
                allowsPrivate || PublicAddress.contains($0)
            }
        }
        client = HTTPClient(on: shard.loop, settings, resolver: resolver)
    }

    var underWay: Int { outlets.reduce(0) { $0 + $1.underWay } }

    func start() {
        outlets = configuration.endpoints.map { WebhookOutlet($0, self) }
        for outlet in outlets { outlet.start() }
        look()
    }

    func stop() {
        isStopped = true
        if let timer { shard.loop.cancel(timer) }
        timer = nil
        for outlet in outlets { outlet.stop() }
    }

    func close() {
        client.close()
        outlets = []
    }

    func count(_ outcome: WebhookOutcome) { metrics.count(outcome) }

    private func look() {
        guard !isStopped else { return }
        shard.chatStore.webhookFigures { [metrics] result in
            if case .success(let figures) = result { metrics.see(figures) }
        }
        looks += 1
        if looks % Self.looksPerPurge == 1, let keep = configuration.keep {
            shard.chatStore.purgeWebhooks(keep: keep)
        }
        timer = shard.loop.schedule(after: Self.figureInterval) { [weak self] in self?.look() }
    }
}

/// One endpoint: carries out what its machine says.
final class WebhookOutlet {
    private let endpoint: WebhookEndpoint
    private unowned let sender: WebhookSender
    private var machine: WebhookMachine
    private var timer: TimerToken?
    private var isTold = false

    init(_ endpoint: WebhookEndpoint, _ sender: WebhookSender) {
        self.endpoint = endpoint
        self.sender = sender
        var settings = WebhookMachine.Settings()
        settings.connections = sender.configuration.connections
        machine = WebhookMachine(settings)
    }

    var underWay: Int { machine.underWay }

    func start() { act(.tick) }

    func stop() {
        if let timer { sender.shard.loop.cancel(timer) }
        timer = nil
        act(.stop)
    }

    private func act(_ event: WebhookMachine.Event) {
        let loop = sender.shard.loop
        switch machine.next(event, at: Int64(loop.now / 1_000_000)) {
        case .none: break
        case .wait(let milliseconds):
            if let timer { loop.cancel(timer) }
            timer = loop.schedule(after: UInt64(milliseconds) * 1_000_000) { [weak self] in
                self?.timer = nil
                self?.act(.tick)
            }
        case .claim(let limit):
            // Who may write nothing leaves them to the others.
            guard sender.shard.holdsLease else { return act(.claimFailed) }
            let lease = sender.configuration.timeoutSeconds * 1_000 + WebhookSender.leaseMargin
            sender.shard.chatStore.claimWebhooks(for: endpoint.name, limit: limit, lease: lease) { [weak self] result in
                guard let self else { return }
                switch result {
                case .failure: act(.claimFailed)
                case .success(let events):
                    act(.claimed(events.count))
                    for event in events { prepare(event) }
                }
            }
        }
    }

    /// Reads what the event is about, as it is now.
    private func prepare(_ event: WebhookEvent) {
        let store = sender.shard.chatStore
        switch event.kind {
        case .messageCreated, .reminderFired:
            let hasContents = sender.configuration.hasContents
            store.webhookMessage(event) { [weak self] result in
                self?.send(event, result.map { WebhookPayload.message(event, $0, hasContents: hasContents) })
            }
        case .runEnded:
            store.webhookRun(event) { [weak self] result in
                self?.send(event, result.map { WebhookPayload.run(event, $0) })
            }
        case .userDeleted: send(event, .success(WebhookPayload.user(event)))
        }
    }

    private func send(_ event: WebhookEvent, _ body: Result<[UInt8], StoreError>) {
        switch body {
        // The database is away, or the message can't be opened: the claim ends by itself.
        case .failure(.rejected): settle(event, again(event, "the message could not be read", nil), isIll: false)
        case .failure: act(.settled(isIll: false))
        case .success(let body):
            guard !sender.isStopped else { return act(.settled(isIll: false)) }
            let id = "msg_\(event.eventID)"
            let timestamp = wallClockMicroseconds() / 1_000_000
            let headers = [
                ("Content-Type", "application/json"), ("User-Agent", "parley-webhooks/1"), ("webhook-id", id),
                ("webhook-timestamp", "\(timestamp)"),
                (
                    "webhook-signature",
                    sender.configuration.secrets.signatures(id: id, timestamp: timestamp, body: body)
                ),
            ]
            let request = HTTPClientRequest(.post, endpoint.url, headers: headers, body: body)
            sender.client.start(request, StatusReply { [weak self] answer in self?.answered(event, answer) })
        }
    }

    private func answered(_ event: WebhookEvent, _ answer: StatusReply.Answer) {
        switch answer {
        case .status(let status, let retryAfter):
            switch WebhookRules.verdict(status: status) {
            case .taken: settle(event, .taken, isIll: false)
            case .gone: settle(event, .givenUp(reason: "answered 410: nobody is there any more"), isIll: false)
            case .failed(let isIll): settle(event, again(event, "answered \(status)", retryAfter), isIll: isIll)
            }
        case .failure(let failure):
            let hint =
                failure == .unresolved && !sender.configuration.allowsPrivate
                ? ", or has no address but private ones, which WEBHOOK_ALLOW_PRIVATE allows" : ""
            settle(event, again(event, "\(failure)\(hint)", nil), isIll: true)
        }
    }

    private func again(_ event: WebhookEvent, _ reason: String, _ retryAfter: Int64?) -> WebhookOutcome {
        guard event.attempts < sender.configuration.attempts else { return .givenUp(reason: reason) }
        return .again(
            reason: reason,
            delay: WebhookRules.delay(
                attempts: event.attempts, retryAfter: retryAfter, chance: Double.random(in: 0...1)))
    }

    private func settle(_ event: WebhookEvent, _ outcome: WebhookOutcome, isIll: Bool) {
        sender.count(outcome)
        report(event, outcome)
        sender.shard.chatStore.settle(event, outcome) { [weak self] _ in
            // Where it could not be noted the claim ends by itself, and the event is sent once more.
            self?.act(.settled(isIll: isIll))
        }
    }

    /// The first failure after a success, each dead letter, and that it is well again.
    private func report(_ event: WebhookEvent, _ outcome: WebhookOutcome) {
        var metadata: Logger.Metadata = [
            "endpoint": "\(endpoint.name)", "event": "\(event.eventID)", "type": "\(event.kind.rawValue)",
            "attempts": "\(event.attempts)",
        ]
        switch outcome {
        case .taken:
            if isTold { sender.logger.notice("webhooks are taken again", metadata: metadata) }
            isTold = false
        case .again(let reason, _):
            metadata["cause"] = "\(reason)"
            sender.logger.log(
                level: isTold ? .debug : .warning, "a webhook was not taken and is tried again", metadata: metadata)
            isTold = true
        case .givenUp(let reason):
            metadata["cause"] = "\(reason)"
            sender.logger.error("a webhook is given up: parley webhooks list", metadata: metadata)
        }
    }
}
