import Chat
import Dispatch
import EventLoop
import Foundation
import HTTP
import HTTPTypes
package import Logging
import Postgres
import ServiceLifecycle
import Store
import Strings
import Tracing

/// Why the gateway could not begin; one line for the operator.
package enum StartError: Error, CustomStringConvertible, Sendable {
    case configuration(String)
    case database(String)
    case network(String)
    /// It was asked to stop before it had begun.
    case stopped

    package var description: String {
        switch self {
        case .configuration(let text), .database(let text), .network(let text): text
        case .stopped: "stopped before it had started"
        }
    }
}

/// The whole program: shards, listener, start and end.
package struct Gateway: Service {
    let configuration: GatewayConfiguration
    let logger: Logger
    /// Where the log's lines go, which counts those that found no room.
    private let lines: LineWriter?
    /// Called once connections are accepted, with the address to use.
    private let started: @Sendable (_ url: String) -> Void

    package init(
        configuration: GatewayConfiguration, logger: Logger, lines: LineWriter? = nil,
        started: @escaping @Sendable (_ url: String) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.lines = lines
        self.started = started
    }

    /// Serves until a graceful shutdown is asked for, then lets what runs end (`DRAIN_SECONDS`) and stops. Asked for
    /// before it serves, it returns without having begun, and leaves what it waited for behind: the process is to end.
    ///
    /// - Throws: `StartError` when it can't begin.
    package func run() async throws {
        do {
            try await serve()
        } catch StartError.stopped {
            logger.info("\(StartError.stopped)")
        }
    }

    private func serve() async throws {
        let hangups = HangupSignal()
        defer { hangups.cancel() }
        let upgrades = UpgradeSignal()
        defer { upgrades.cancel() }
        let upgrade = UpgradeState()
        let manager = ServiceManager()
        let waits = StartWaits(logger: logger, manager: manager)
        let budget = try descriptorBudget()
        let registry = MetricsRegistry()
        ProcessFigures.register(in: registry)
        let webhookMetrics = WebhookMetrics(registry)
        if let lines { registry.makeReading(label: "parley_log_dropped_total") { Double(lines.dropped) } }
        let traces = try TraceExporter.start(configuration.traces, registry, logger: logger)
        let commons = GatewayCommons(
            verifier: try await waits.wait(for: "the keys that tokens are checked with") { try await verifier() },
            addresses: AddressLimits(
                handshakes: configuration.handshakeRate, failedSignIns: configuration.failedSignInRate),
            metrics: registry, schema: SchemaProbe(), tracer: traces?.tracer)
        let certificates =
            try configuration.certificates.isEmpty
            ? nil : Certificates(configuration.certificates, hangups, logger: logger)
        if let keySet = commons.verifier.keySet { hangups.observe { keySet.reload() } }
        let contentLength = try await waits.wait(for: "the database of DATABASE_URL: its schema") {
            try await checkDatabase()
        }
        let (listening, predecessor) = try await waits.wait(for: "the address \(address)") {
            try await listen(manager)
        }
        // A host name tells gateways on different machines apart, the port those on one machine: as it was bound, since
        // several may have asked for any.
        let place = "\(ProcessInfo.processInfo.hostName):\(listening.port)"
        let (node, epoch) = MembershipService.incarnation(
            at: place, shards: configuration.cluster.map { _ in configuration.shards })
        let openApprovals = OpenApprovals()
        let shards = try await makeShards(
            registry, traces?.tracer, node: node, epoch: epoch, contentLength: contentLength, openApprovals)
        let directory = ShardDirectory(configuration, budget)
        directory.fill(shards)
        let files = openFiles()

        try await waits.wait(for: "the database of DATABASE_URL: the first answer") {
            try await waitForDatabase(shards)
        }
        let membership = try await waits.wait(for: "the database of DATABASE_URL: what an earlier process left") {
            guard
                let membership = try await MembershipService.make(
                    configuration, shards, node: node, place: place, logger: logger),
                try await membership.join(
                    home: { directory.home(of: $0) }, recover: { await hasRecovered(shards, directory) })
            else { throw StartError.database("this gateway could not be enlisted in the database") }
            try await recover(shards, directory)
            return membership
        }
        try await joinCluster(shards, directory, commons)
        var servers: [LoopBound<ShardServer>] = []
        for shard in shards {
            servers.append(
                try await shard.loop.run { () throws in
                    let handler = GatewayHandler(
                        shard: shard.value, siblings: directory, commons: commons, files: files)
                    return LoopBound(
                        try ShardServer(handler: handler, listening: listening, tls: certificates?.context),
                        on: shard.loop)
                })
        }
        let watch = keepRecovering(shards, directory, membership)
        if let first = shards.first { commons.schema.start(on: first) }
        let retention = RetentionService(configuration, directory: directory, logger: logger).start(on: shards.first)
        let reminders = ReminderService(directory: directory, logger: logger).start(on: shards.first)
        let webhooks = try await WebhookService.start(
            configuration.webhooks, on: shards.first, webhookMetrics, logger: logger)
        let expiry = shards.first.map { ExpiryService($0, directory, openApprovals) }
        let keys = commons.verifier.keySet.map { keepRefreshing($0) }
        let address = try await AddressHolder.make(listening, servers, shards, upgrade)
        predecessor?.ready()
        if let shortage = budget.shortage { logger.warning("\(shortage)") }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let url = "\(certificates == nil ? "http" : "https")://\(host):\(listening.port)"
        logger.info("started", metadata: ["url": "\(url)", "shards": "\(shards.count)"])
        if !hangups.isObserved {
            hangups.observe { [logger] in logger.notice("SIGHUP: there is nothing to be read again") }
        }
        started(url)
        manager.say(.ready(url: url))
        let signs = keepAlive(shards, for: manager)

        let successor = await untilStopped(upgrades, upgrade, address, servers) { manager.say(.replaced(by: $0)) }
        logger.info("stopping")
        // What is not the service any more has nothing to say of it.
        if successor == nil { manager.say(.stopping) }
        watch.cancel()
        retention?.cancel()
        reminders?.stop()
        expiry?.stop()
        keys?.cancel()
        await stop(servers, shards, membership, webhooks, at: address)
        await traces?.stop(within: Self.lastTraces)
        signs?.cancel()
        logger.info("stopped")
    }

    /// Signs of life for a manager that wants them, each when all shards have come round: one that stands still is no
    /// life, and the process is started anew.
    private func keepAlive(_ shards: [LoopBound<Shard>], for manager: ServiceManager) -> Task<Void, Never>? {
        guard let interval = manager.watchdogInterval else { return nil }
        return Task.detached {
            while !Task.isCancelled {
                for shard in shards { _ = try? await shard.loop.run {} }
                manager.say(.alive)
                try? await Task.sleep(for: interval / 3)
            }
        }
    }

    /// For the spans that are left at a stop.
    private static let lastTraces = Duration.seconds(2)

    // MARK: The start

    private func verifier() async throws -> TokenVerifier {
        let keySet = try await keySet()
        guard !configuration.jwtSecret.isEmpty || keySet != nil else {
            throw StartError.configuration(
                "AUTH_JWT_SECRET is not set, nor AUTH_JWKS_URL or AUTH_JWKS_FILE: without one nobody could sign in")
        }
        if !configuration.jwtSecret.isEmpty, configuration.jwtSecret.utf8.count < TokenSigner.advisedSecretLength {
            logger.warning("\(TokenSigner.shortSecret)")
        }
        return try await TokenVerifier(
            secret: configuration.jwtSecret, keySet: keySet,
            rules: TokenRules(
                issuer: configuration.issuer, audience: configuration.audience, roleClaim: configuration.roleClaim))
    }

    /// A file must be good at the start. An issuer that is away then may come back: until it does, `/readyz` says so.
    private func keySet() async throws -> KeySet? {
        let source: KeySet.Source
        if let path = configuration.jwksFile {
            source = KeySet.file(path)
        } else if let text = configuration.jwksURL {
            do {
                source = try KeySet.url(text, caFile: configuration.jwksAuthorities)
            } catch {
                throw StartError.configuration("AUTH_JWKS_URL: \(error)")
            }
        } else {
            return nil
        }
        let log = KeySetLog(logger)
        let keySet = KeySet(source: source, report: { log.note($0) })
        do throws(KeySetError) {
            try await keySet.load()
        } catch {
            if configuration.jwksFile != nil { throw StartError.configuration("AUTH_JWKS_FILE: \(error)") }
        }
        return keySet
    }

    /// Asks for new keys when it is time.
    private func keepRefreshing(_ keySet: KeySet) -> Task<Void, Never> {
        let isFile = configuration.jwksFile != nil
        return Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                if !isFile { keySet.tick() }
            }
        }
    }

    /// The schema is brought up to date in development, and must be in production, where a person decides when.
    ///
    /// - Returns: code points of a user's message that the database takes.
    private func checkDatabase() async throws -> Int {
        guard !configuration.databaseURL.isEmpty else {
            throw StartError.configuration("DATABASE_URL is not set")
        }
        let migrator = Migrator(PostgresSettings(url: configuration.databaseURL))
        let (isDevelopment, contentLength) = (configuration.isDevelopment, configuration.givenContentLength)
        let outcome: Result<Int, MigrationError> = await offLoop {
            do throws(MigrationError) {
                if isDevelopment {
                    try migrator.up()
                    if let contentLength { try migrator.bound(contentLength: contentLength) }
                }
                return .success(try migrator.check(role: "parley_gateway", contentLength: contentLength))
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let bound):
            try await checkContentKeys()
            return bound
        case .failure(let error):
            switch error.kind {
            case .unreachable, .failed: throw StartError.database(error.description)
            case .newerDatabase, .changed, .pending, .unsuitable, .inUse, .losesData:
                throw StartError.configuration(error.description)
            }
        }
    }

    /// Before anything is read with the wrong key, or written with one that others don't have.
    private func checkContentKeys() async throws {
        var settings = PostgresSettings(url: configuration.databaseURL)
        settings.needsWrites = true
        let ring = ContentKeyRing(settings, configuration.contentKeys)
        let failure: ContentKeyRing.Failure? = await offLoop {
            do throws(ContentKeyRing.Failure) {
                try ring.check()
                return nil
            } catch {
                return error
            }
        }
        switch failure {
        case nil: break
        case .keys(let error): throw StartError.configuration(error.description)
        case .database: throw StartError.database(failure?.description ?? "")
        }
    }

    /// How the process's descriptors are shared out.
    private func descriptorBudget() throws -> DescriptorBudget {
        let limit = DescriptorLimit.current
        guard limit >= DescriptorBudget.minimum else {
            throw StartError.configuration(
                "the limit of \(limit) open files is too low: \(DescriptorBudget.minimum) at least")
        }
        var needs = DescriptorBudget.Needs()
        needs.shards = configuration.shards
        needs.database =
            (configuration.poolMaximum + configuration.poolOverflow) * (configuration.replicaURL == nil ? 1 : 2)
        needs.upstream = configuration.agent.isUpstream ? configuration.upstream.upstream.streams : 0
        needs.upstream += configuration.webhooks.endpoints.count * configuration.webhooks.connections
        if configuration.traces.endpoint != nil { needs.upstream += TraceExporter.connections }
        needs.isEncrypted = !configuration.certificates.isEmpty
        return DescriptorBudget(limit: limit, wanted: configuration.maximumSockets, needs: needs)
    }

    private var address: String { "\(configuration.host):\(configuration.port)" }

    private enum Attempt: Sendable {
        case listening(ListeningSocket, HandoverRequest.Predecessor?)
        /// Somebody has the address; how much of the patience that costs.
        case occupied(Int, reason: String)
        case failed(SystemError)
    }

    /// A gateway that was just told to stop may not have heard yet, and one that ends may have left just now.
    private static let patience = 12
    private static let listenPause = Duration.milliseconds(100)

    /// Takes the socket that a service manager hands over, binds the address, or takes it over from a gateway that stops.
    private func listen(_ manager: ServiceManager) async throws -> (ListeningSocket, HandoverRequest.Predecessor?) {
        if let place = getenv(Successor.variable).map({ String(cString: $0) }) {
            // For this process, and not for what it starts itself.
            unsetenv(Successor.variable)
            return try await succeed(at: place)
        }
        if let socket = try manager.listeningSocket() { return (socket, nil) }
        let (host, port, address) = (configuration.host, configuration.port, address)
        var patience = Self.patience
        while true {
            let attempt = await offLoop { () -> Attempt in
                do throws(SystemError) {
                    return .listening(try ListeningSocket(host: host, port: port), nil)
                } catch {
                    guard error.code == EADDRINUSE else { return .failed(error) }
                    switch HandoverRequest.ask(host: host, port: port) {
                    case .taken(let listening, let predecessor): return .listening(listening, predecessor)
                    case .serving: return .occupied(1, reason: "another gateway serves there")
                    case .nobody: return .occupied(4, reason: "\(error)")
                    }
                }
            }
            switch attempt {
            case .listening(let listening, let predecessor): return (listening, predecessor)
            case .failed(let error): throw StartError.network("cannot listen on \(address): \(error)")
            case .occupied(let cost, let reason):
                patience -= cost
                guard patience > 0 else { throw StartError.network("cannot listen on \(address): \(reason)") }
                try await Task.sleep(for: Self.listenPause)
            }
        }
    }

    /// Takes the socket of the process that has started this one.
    private func succeed(at place: String) async throws -> (ListeningSocket, HandoverRequest.Predecessor?) {
        guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]) else {
            throw StartError.network("\(Successor.variable): \"\(place)\" is no address with a port")
        }
        let host = place[..<colon].trimmingCharacters(in: ["[", "]"])
        let answer = await offLoop { HandoverRequest.ask(host: host, port: port) }
        guard case .taken(let listening, let predecessor) = answer else {
            throw StartError.network("the gateway at \(place), which this one was to replace, does not hand it over")
        }
        return (listening, predecessor)
    }

    private func openFiles() -> StaticFiles? {
        do {
            let libraries = configuration.widgetLibraries
            var settings = StaticFiles.Settings()
            settings.compactsScript = WidgetModules.contains
            let files = try StaticFiles(
                directory: configuration.publicDirectory,
                modules: libraries == WidgetLibraries.none ? [] : WidgetLibraries.modules, from: libraries,
                settings: settings)
            if !files.missingModules.isEmpty {
                logger.notice(
                    "the widget does without libraries that WIDGET_LIBRARIES does not hold",
                    metadata: [
                        "missing": "\(files.missingModules.joined(separator: " "))", "directory": "\(libraries)",
                    ])
            }
            return files
        } catch {
            logger.warning("PUBLIC_DIR can't be served", metadata: ["cause": "\(error)"])
            return nil
        }
    }

    private func makeShards(
        _ registry: MetricsRegistry, _ tracer: Tracer?, node: String, epoch: String, contentLength: Int,
        _ openApprovals: OpenApprovals
    ) async throws -> [LoopBound<Shard>] {
        var configuration = configuration
        configuration.maximumContentLength = min(configuration.maximumContentLength, contentLength)
        var shards: [LoopBound<Shard>] = []
        for index in 0..<configuration.shards {
            let loop = try EventLoop(
                label: "parley.shard.\(index)", gathering: UInt64(configuration.gatherMicroseconds) * 1_000)
            loop.start()
            let (configuration, logger) = (configuration, logger)
            shards.append(
                try await loop.run {
                    let shard = Shard(
                        loop: loop, index: index, configuration: configuration, epoch: epoch, node: node,
                        logger: logger, registry: registry, openApprovals: openApprovals, tracer: tracer)
                    shard.metrics.watchLag(of: loop)
                    shard.pool.start()
                    shard.replica?.start()
                    return LoopBound(shard, on: loop)
                })
        }
        return shards
    }

    /// Connections are being made: the first turns should find one.
    private func waitForDatabase(_ shards: [LoopBound<Shard>]) async throws {
        for shard in shards {
            let answered = await withCheckedContinuation { continuation in
                shard.loop.execute { shard.value.chatStore.ping { continuation.resume(returning: $0) } }
            }
            guard answered else {
                let cause = try await shard.loop.run { shard.value.pool.lastError.map { "\($0)" } }
                throw StartError.database("the database does not answer: \(cause ?? "no connection in time")")
            }
        }
    }

    /// How long the servers of the cluster are waited for: without them it begins all the same.
    private static let clusterPatience = 40
    private static let clusterLook = Duration.milliseconds(50)

    private func joinCluster(
        _ shards: [LoopBound<Shard>], _ directory: ShardDirectory, _ commons: GatewayCommons
    ) async throws {
        guard configuration.cluster != nil else { return }
        for shard in shards {
            try await shard.loop.run {
                shard.value.makeRelayServer = { shard in
                    let handler = GatewayHandler(
                        shard: shard, siblings: directory, commons: commons, files: nil, isRelayed: true)
                    return HTTPServer(on: shard.loop, handler: handler)
                }
                shard.value.joinCluster()
            }
        }
        for _ in 0..<Self.clusterPatience {
            var areUp = true
            for shard in shards where areUp {
                areUp = try await shard.loop.run { shard.value.relay?.isUp ?? false }
            }
            if areUp { return }
            try await Task.sleep(for: Self.clusterLook)
        }
    }

    // MARK: What dead processes left

    private func hasRecovered(_ shards: [LoopBound<Shard>], _ directory: ShardDirectory) async -> Bool {
        do {
            try await recover(shards, directory)
            return true
        } catch {
            return false
        }
    }

    private func recover(_ shards: [LoopBound<Shard>], _ directory: ShardDirectory) async throws {
        guard let first = shards.first else { return }
        var rounds = 0
        repeat {
            let (node, result) = await withCheckedContinuation { continuation in
                first.loop.execute {
                    let node = first.value.chatStore.node
                    first.value.chatStore.recover { continuation.resume(returning: (node, $0)) }
                }
            }
            guard case .success(let runs) = result else {
                throw StartError.database("what an earlier process left could not be recovered")
            }
            guard !runs.isEmpty else { return }
            let again = runs.filter { $0.fate != .interrupted }
            logger.notice(
                "recovered runs",
                metadata: ["interrupted": "\(runs.count - again.count)", "again": "\(again.count)"])
            // Waited for: whoever is let in behind it is told of all of them.
            for shard in shards {
                let own = runs.filter { directory.home(of: $0.userID)?.loop === shard.loop }
                guard !own.isEmpty else { continue }
                await withCheckedContinuation { continuation in
                    shard.loop.execute {
                        // Fenced since: they are another gateway's again.
                        guard !shard.value.isFenced, shard.value.chatStore.node == node else {
                            return continuation.resume()
                        }
                        shard.value.takeOver(own) { continuation.resume() }
                    }
                }
            }
            rounds += 1
        } while rounds < 10_000
    }

    /// Another gateway may have left the turns that wait to whoever is there. Of one that died the membership tells.
    private func keepRecovering(
        _ shards: [LoopBound<Shard>], _ directory: ShardDirectory, _ membership: MembershipService
    ) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(5))
                if !Task.isCancelled { await membership.look { await hasRecovered(shards, directory) } }
            }
        }
    }

    private func offLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: body()) }
        }
    }
}

/// A shard's side of the network: its share of the listener and its HTTP connections.
final class ShardServer {
    let http: HTTPServer
    private let handler: GatewayHandler
    private var entrance: Entrance?
    private var nextNotice: UInt64 = 0
    /// Nanoseconds between two lines about descriptors.
    private static let noticeInterval: UInt64 = 60_000_000_000

    init(
        handler: GatewayHandler, listening: ListeningSocket, tls: TLSServerContext?
    ) throws(SystemError) {
        self.handler = handler
        let configuration = handler.shard.configuration
        var settings = HTTPServerSettings()
        settings.headTimeout = UInt64(configuration.handshakeSeconds) * 1_000_000_000
        settings.idleTimeout = UInt64(configuration.keepAliveSeconds) * 1_000_000_000
        // Who looks after the gateway is answered also when nobody else is.
        let full = FullHandler(handler) { [metrics = handler.shard.metrics] request in
            if ["healthz", "readyz", "metrics"].contains(request.segments.first), request.segments.count == 1 {
                return true
            }
            if request.method == .options, request.segments.isEmpty || request.rawPath == "*" { return true }
            metrics.limitReached(.sockets)
            return false
        }
        let server = HTTPServer(
            on: handler.shard.loop, handler: handler, settings: settings, limiter: handler.siblings.limiter, full: full,
            refusals: handler.siblings.budget.refusals)
        http = server
        handler.shard.httpConnectionCount = { [weak server] in server?.count ?? 0 }
        let logger = handler.shard.logger
        var limits = HandshakeLimits()
        limits.timeout = settings.headTimeout
        limits.concurrent = handler.siblings.budget.handshakes
        entrance = try Entrance(
            listening, to: server, on: handler.shard.loop, receiveBuffer: configuration.receiveBufferBytes, tls: tls,
            limits: limits, exhausted: { [weak self] in self?.noteExhaustion() },
            failed: { logger.debug("no TLS handshake", metadata: ["cause": "\($0)"]) })
    }

    /// A connection was cut since the process, or the system, has no descriptors left.
    private func noteExhaustion() {
        let shard = handler.shard
        shard.metrics.limitReached(.descriptors)
        guard shard.loop.now >= nextNotice else { return }
        nextNotice = shard.loop.now + Self.noticeInterval
        shard.logger.error("no descriptors left: connections are cut (LimitNOFILE, ulimit -n, fs.file-max)")
    }

    /// Another gateway accepts from here on; connections that a proxy keeps go there with their next answer.
    func handOver() {
        entrance?.handOver()
        entrance = nil
        http.endWithAnswers()
    }

    /// Takes what has been waiting to be accepted, and no more.
    func stopAccepting() {
        entrance?.close()
        entrance = nil
    }
}

extension EventLoop {
    /// Runs `body` on the loop and waits for what it returns.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            execute { continuation.resume(with: Result { try body() }) }
        }
    }
}
