import Chat
import Dispatch
import EventLoop
import Foundation
import HTTP
package import Logging
import Postgres
import ServiceLifecycle
import Store
import Strings

/// Why the gateway could not begin; one line for the operator.
package enum StartError: Error, CustomStringConvertible, Sendable {
    case configuration(String)
    case database(String)
    case network(String)

    package var description: String {
        switch self {
        case .configuration(let text), .database(let text), .network(let text): text
        }
    }
}

/// The whole program: shards, listener, start and end.
package struct Gateway: Service {
    private let configuration: GatewayConfiguration
    private let logger: Logger
    /// Called once connections are accepted, with the address to use.
    private let started: @Sendable (_ url: String) -> Void

    package init(
        configuration: GatewayConfiguration, logger: Logger, started: @escaping @Sendable (_ url: String) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.started = started
    }

    /// Serves until a graceful shutdown is asked for, then lets what runs end (`DRAIN_SECONDS`) and stops.
    ///
    /// - Throws: `StartError` when it can't begin.
    package func run() async throws {
        let registry = MetricsRegistry()
        let commons = GatewayCommons(
            verifier: try await verifier(),
            addresses: AddressLimits(
                handshakes: configuration.handshakeRate, failedSignIns: configuration.failedSignInRate),
            metrics: registry, schema: SchemaProbe(PostgresSettings(url: configuration.databaseURL)))
        let certificates =
            try configuration.certificates.isEmpty ? nil : Certificates(configuration.certificates, logger: logger)
        defer { certificates?.close() }
        try await checkDatabase()
        let listening = try listen()
        // A host name tells gateways on different machines apart, the port those on one machine: as it was bound, since
        // several may have asked for any.
        let place = "\(ProcessInfo.processInfo.hostName):\(listening.port)"
        let (node, epoch) = MembershipService.incarnation(at: place)
        let shards = try await makeShards(registry, node: node, epoch: epoch)
        let directory = ShardDirectory(configuration)
        directory.fill(shards)
        let files = openFiles()

        try await waitForDatabase(shards)
        guard
            let membership = try await MembershipService.make(
                configuration, shards, node: node, place: place, logger: logger),
            try await membership.join(recover: { try? await recover(shards, directory) })
        else { throw StartError.database("this gateway could not be enlisted in the database") }
        try await recover(shards, directory)
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
        let watch = keepRecovering(shards, directory)
        let retention = RetentionService(configuration, directory: directory, logger: logger).start(on: shards.first)
        let keys = commons.verifier.keySet.map { keepRefreshing($0) }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let url = "\(certificates == nil ? "http" : "https")://\(host):\(listening.port)"
        logger.info("started", metadata: ["url": "\(url)", "shards": "\(shards.count)"])
        started(url)

        try? await gracefulShutdown()
        logger.info("stopping")
        watch.cancel()
        retention?.cancel()
        keys?.cancel()
        listening.close()
        await stop(servers, shards, membership)
        logger.info("stopped")
    }

    // MARK: The start

    private func verifier() async throws -> TokenVerifier {
        let keySet = try await keySet()
        guard !configuration.jwtSecret.isEmpty || keySet != nil else {
            throw StartError.configuration(
                "AUTH_JWT_SECRET is not set, nor AUTH_JWKS_URL or AUTH_JWKS_FILE: without one nobody could sign in")
        }
        if !configuration.jwtSecret.isEmpty, configuration.jwtSecret.utf8.count < 32 {
            logger.warning("AUTH_JWT_SECRET is shorter than the 32 bytes that HS256 asks for (RFC 7518 section 3.2)")
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
        let logger = logger
        let report: @Sendable (Result<Int, KeySetError>) -> Void = { outcome in
            switch outcome {
            case .success(let count): logger.debug("key set read", metadata: ["keys": "\(count)"])
            case .failure(let error): logger.warning("no new key set", metadata: ["cause": "\(error)"])
            }
        }
        let keySet = KeySet(source: source, report: report)
        do throws(KeySetError) {
            try await keySet.load()
        } catch {
            if configuration.jwksFile != nil { throw StartError.configuration("AUTH_JWKS_FILE: \(error)") }
        }
        return keySet
    }

    /// Asks for new keys when it is time, and at SIGHUP.
    private func keepRefreshing(_ keySet: KeySet) -> Task<Void, Never> {
        let isFile = configuration.jwksFile != nil
        return Task {
            let hangup = HangupSignal { keySet.reload() }
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                if !isFile { keySet.tick() }
            }
            hangup.cancel()
        }
    }

    /// The schema is brought up to date in development, and must be in production, where a person decides when.
    private func checkDatabase() async throws {
        guard !configuration.databaseURL.isEmpty else {
            throw StartError.configuration("DATABASE_URL is not set")
        }
        let migrator = Migrator(PostgresSettings(url: configuration.databaseURL))
        let isDevelopment = configuration.isDevelopment
        let failure: MigrationError? = await offLoop {
            do throws(MigrationError) {
                if isDevelopment { try migrator.up() }
                try migrator.check()
                return nil
            } catch {
                return error
            }
        }
        switch failure?.kind {
        case nil: break
        case .unreachable, .failed: throw StartError.database(failure?.description ?? "")
        case .newerDatabase, .changed, .pending: throw StartError.configuration(failure?.description ?? "")
        }
        try await checkContentKeys()
    }

    /// Before anything is read with the wrong key, or written with one that others don't have.
    private func checkContentKeys() async throws {
        let ring = ContentKeyRing(PostgresSettings(url: configuration.databaseURL), configuration.contentKeys)
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

    private func listen() throws -> ListeningSocket {
        do {
            return try ListeningSocket(host: configuration.host, port: configuration.port)
        } catch {
            throw StartError.network("cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
    }

    private func openFiles() -> StaticFiles? {
        do {
            return try StaticFiles(directory: configuration.publicDirectory)
        } catch {
            logger.warning("PUBLIC_DIR can't be served", metadata: ["cause": "\(error)"])
            return nil
        }
    }

    private func makeShards(
        _ registry: MetricsRegistry, node: String, epoch: String
    ) async throws -> [LoopBound<Shard>] {
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
                        logger: logger, registry: registry)
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

    // MARK: What dead processes left

    private func recover(_ shards: [LoopBound<Shard>], _ directory: ShardDirectory) async throws {
        guard let first = shards.first else { return }
        var rounds = 0
        repeat {
            let result = await withCheckedContinuation { continuation in
                first.loop.execute { first.value.chatStore.recover { continuation.resume(returning: $0) } }
            }
            guard case .success(let runs) = result else {
                throw StartError.database("what an earlier process left could not be recovered")
            }
            guard !runs.isEmpty else { return }
            let again = runs.filter { $0.fate != .interrupted }
            logger.notice(
                "recovered runs",
                metadata: ["interrupted": "\(runs.count - again.count)", "again": "\(again.count)"])
            for run in runs {
                guard let home = directory.home(of: run.userID) else { continue }
                home.loop.execute {
                    if run.fate == .interrupted {
                        home.value.sessions[ExactString(run.userID)]?.refresh(threadID: run.threadID)
                    } else {
                        home.value.session(of: run.userID).adopt(
                            threadID: run.threadID, message: run.message, runID: run.runID,
                            isRunning: run.fate == .running)
                    }
                }
            }
            rounds += 1
        } while rounds < 10_000
    }

    /// Another gateway may have left the turns that wait to whoever is there. Of one that died the membership tells.
    private func keepRecovering(_ shards: [LoopBound<Shard>], _ directory: ShardDirectory) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(5))
                if !Task.isCancelled { try? await recover(shards, directory) }
            }
        }
    }

    // MARK: The end

    private func stop(
        _ servers: [LoopBound<ShardServer>], _ shards: [LoopBound<Shard>], _ membership: MembershipService
    ) async {
        for server in servers { server.loop.execute { server.value.stopAccepting() } }
        for shard in shards { shard.loop.execute { shard.value.drain() } }
        await wait(atMost: .seconds(configuration.drainSeconds), for: shards) { !$0.hasWork }
        for shard in shards { shard.loop.execute { shard.value.interrupt() } }
        await wait(atMost: .seconds(5), for: shards) { !$0.hasWork }
        for shard in shards { shard.loop.execute { shard.value.closeSockets() } }
        await wait(atMost: .seconds(6), for: shards) { $0.socketCount == 0 }
        // Answers on their way; a stream that a client does not read is cut.
        await wait(atMost: .seconds(1), for: shards) { $0.httpConnectionCount() == 0 }
        for server in servers { server.loop.execute { server.value.http.closeAll() } }
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

    private func wait(
        atMost limit: Duration, for shards: [LoopBound<Shard>], until isDone: @escaping @Sendable (Shard) -> Bool
    ) async {
        let deadline = ContinuousClock.now + limit
        for shard in shards {
            while ContinuousClock.now < deadline {
                let done = (try? await shard.loop.run { isDone(shard.value) }) ?? true
                if done { break }
                await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value
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
            metrics.limitReached(.sockets)
            return false
        }
        let server = HTTPServer(
            on: handler.shard.loop, handler: handler, settings: settings, limiter: handler.siblings.limiter, full: full)
        http = server
        handler.shard.httpConnectionCount = { [weak server] in server?.count ?? 0 }
        let logger = handler.shard.logger
        entrance = try Entrance(
            listening, to: server, on: handler.shard.loop, receiveBuffer: configuration.receiveBufferBytes, tls: tls,
            timeout: settings.headTimeout
        ) { logger.debug("no TLS handshake", metadata: ["cause": "\($0)"]) }
    }

    func stopAccepting() {
        entrance?.close()
        entrance = nil
        http.drain {}
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
