package import Chat
import Cluster
package import EventLoop
import HTTP
import JSON
import Logging
import Postgres
import Store
import Strings
package import Tracing
import WebSocket

/// Everything of one core: its loop with sockets, sessions, assistant and database connections. A user belongs to one
/// shard, so all of this is used from its loop only and needs no lock.
package final class Shard: SessionEnvironment {
    package let loop: EventLoop
    let configuration: GatewayConfiguration
    let logger: Logger
    let pool: PostgresPool
    let replica: PostgresPool?
    let chatStore: PostgresChatStore
    let hub: WebSocketHub
    package let agents: any AgentHost
    package let limits: ChatLimits
    package private(set) var epoch: String
    let index: Int
    package let tracer: Tracer?
    let audit: AuditWriter
    let metrics: ShardMetrics
    let openApprovals: OpenApprovals
    private var messages: UserRate
    private var creations: UserRate

    private(set) var sessions: [ExactString: Session] = [:]
    let turnClients: TurnClients
    private(set) lazy var ownership = Ownership(shard: self, staleAfter: StoreSettings(node: "").staleAfter)
    private(set) var isDraining = false
    private var connections: [ObjectIdentifier: any ChatCarrier] = [:]
    /// Those of them that are event streams.
    private var streams: [Identifier: ChatStream] = [:]
    private var userAgents: Set<String> = []
    private static let userAgentLimit = 256
    private var lastMillisecond: UInt64 = 0
    private var sequence: UInt16 = 0
    private var lastPosition: UInt64
    private var random = SystemRandomNumberGenerator()

    init(
        loop: EventLoop, index: Int, configuration: GatewayConfiguration, epoch: String, node: String, logger: Logger,
        registry: MetricsRegistry, openApprovals: OpenApprovals, tracer: Tracer? = nil
    ) {
        self.openApprovals = openApprovals
        self.loop = loop
        self.configuration = configuration
        self.epoch = epoch
        self.index = index
        self.tracer = tracer
        self.logger = logger
        lastPosition = 0
        turnClients = TurnClients(limit: configuration.maximumSocketsPerUser)
        let settings = Self.connectionSettings(configuration)
        var poolSettings = PoolSettings()
        poolSettings.minimum = configuration.poolMinimum
        poolSettings.maximum = configuration.poolMaximum
        poolSettings.overflow = configuration.poolOverflow
        poolSettings = poolSettings.share(of: configuration.shards)
        pool = PostgresPool(settings, poolSettings, on: loop)
        var storeSettings = StoreSettings(node: node)
        storeSettings.messagesPerConversation = configuration.maximumMessagesPerConversation
        storeSettings.contents = configuration.contentKeys
        storeSettings.keepsSingleConversation = configuration.keepsSingleConversation
        replica = configuration.replicaURL.map { url in
            PostgresPool(.replica(url, like: settings), poolSettings.forReplica, on: loop)
        }
        chatStore = PostgresChatStore(storeSettings, pool: pool, replica: replica, logger: logger)
        audit = AuditWriter(pool: pool, logger: logger)
        metrics = ShardMetrics(registry, shard: index)
        messages = UserRate(perMinute: configuration.messageRate, burst: configuration.messageBurst)
        creations = UserRate(perMinute: configuration.creationRate, burst: configuration.creationBurst)

        var limits = ChatLimits()
        limits.contentLength = configuration.maximumContentLength
        limits.messagesPerConversation = configuration.maximumMessagesPerConversation
        limits.messageBytes = configuration.maximumMessageBytes
        limits.runsPerUser = configuration.maximumRunsPerUser
        limits.contextMessages = configuration.contextMessages
        limits.keepsSingleConversation = configuration.keepsSingleConversation
        limits.approvedTools = configuration.approvedTools
        limits.approvalExpires = configuration.approvalExpires
        limits.coalescingWindow = UInt64(configuration.coalescingMilliseconds)
        self.limits = limits
        hub = WebSocketHub(
            loop: loop,
            options: WebSocketOptions(
                maxMessageBytes: configuration.maximumMessageBytes,
                pingInterval: UInt64(configuration.pingSeconds) * 1_000_000_000,
                pongTimeout: UInt64(configuration.pongSeconds) * 1_000_000_000,
                compressionThreshold: configuration.deflate.threshold))

        let assistant = ConfiguredAssistant(configuration, on: loop, logger)
        agents = SingleAgentHost(assistant.agent)
        upstreamFigures = assistant.figures
        chatStore.onMissing = { [weak self] userID, threadID in
            guard let self else { return }
            audit.record(
                .refused, by: userID, on: "conversation/\(threadID)", from: origin(of: userID), allowed: false,
                detail: ["reason": "not_owner"])
        }
        chatStore.onDisowned = { [unowned self] in ownership.lost($0) }
    }

    /// How the gateway reaches its database.
    static func connectionSettings(_ configuration: GatewayConfiguration) -> PostgresSettings {
        var settings = PostgresSettings(url: configuration.databaseURL, role: "parley_gateway")
        settings.applicationName = "parley"
        settings.needsWrites = true
        if let prepares = configuration.preparesStatements { settings.sharesSession = !prepares }
        return settings
    }

    /// Host and port of the gateway, which tell people which one it is.
    var place: String { String(chatStore.node.prefix { $0 != "/" }) }

    // MARK: Users and their sockets

    /// Sockets of this shard; those of clients at other gateways are theirs.
    var socketCount: Int { connections.count - (relay?.remotes.count ?? 0) }

    /// The way to the other gateways of the cluster; nil: there is none.
    private(set) var relay: Relay?

    /// As the node by which the database knows this process. At the start, and again after it was fenced.
    func joinCluster() {
        guard let options = configuration.cluster else { return }
        let relay = Relay(options, shard: self)
        relay.remotes.server = makeRelayServer(self)
        self.relay = relay
        relay.start()
    }

    /// Since the start.
    var relayFigures = Relay.Figures()

    /// Makes what answers the requests that other gateways pass on.
    var makeRelayServer: (Shard) -> HTTPServer? = { _ in nil }

    func leaveCluster() {
        relay?.stop()
        relay = nil
    }

    func session(of userID: String) -> Session {
        let key = ExactString(userID)
        if let session = sessions[key] { return session }
        let session = Session(userID: userID, environment: self)
        // The session holds both: itself through its own closure, and the shard as its environment.
        session.becameIdle = { [unowned self, unowned session] in
            guard session.isIdle, sessions[key] === session else { return }
            sessions[key] = nil
            ownership.left(userID)
        }
        sessions[key] = session
        return session
    }

    /// Where a user's sockets come from; `nil`: from nowhere, or from several places.
    private func origin(of userID: String) -> String? {
        let origins = Set(connections.values.filter { $0.userID.isExactly(userID) }.map(\.origin))
        return origins.count == 1 ? origins.first : nil
    }

    /// Begins a chat on a socket whose handshake has been answered, for a user whose session is held for it.
    func open(_ socket: Socket, _ opening: ChatOpening, _ agreement: SocketAgreement, leftover: [UInt8]) {
        withSuspended(opening.principal.userID) { [self] suspended in
            let connection = ChatConnection(socket, opening, agreement, shard: self)
            connections[ObjectIdentifier(connection)] = connection
            connection.start(leftover: leftover, suspended: suspended)
        }
    }

    /// Milliseconds for which a socket waits to be told of what its user is asked; without an answer it is told by the
    /// conversations.
    private static let suspendedWait: UInt64 = 1_000

    /// The same where another gateway has the session.
    func open(
        _ socket: Socket, _ opening: ChatOpening, _ agreement: SocketAgreement, leftover: [UInt8],
        at owner: ClusterAddress
    ) {
        guard let relay else { return socket.close() }
        let connection = ChatConnection(socket, opening, agreement, shard: self, EdgeSocket(opening, relay, at: owner))
        connections[ObjectIdentifier(connection)] = connection
        connection.start(leftover: leftover, suspended: [])
    }

    /// A client at another gateway has come to its session, which is here.
    func came(_ client: RemoteClient) { connections[ObjectIdentifier(client)] = client }

    /// Goes on with the runs of a user that wait for a person: at once where nothing is open anywhere.
    func withSuspended(_ userID: String, _ then: @escaping ([SuspendedRun]) -> Void) {
        guard openApprovals.isPossible, pool.isAvailable else { return then([]) }
        var then: (([SuspendedRun]) -> Void)? = then
        let timer = schedule(after: Self.suspendedWait) {
            let told = then
            then = nil
            told?([])
        }
        chatStore.suspendedRuns(userID: userID) { [self] result in
            cancel(timer: timer)
            let told = then
            then = nil
            told?((try? result.get()) ?? [])
        }
    }

    /// Begins an event stream on a connection whose response head has been written; or goes on with the one that was cut,
    /// where the client says what it has of it and the rest is still there.
    func openStream(_ socket: Socket, _ opening: ChatOpening, after cursor: StreamCursor?) {
        if let cursor, let stream = stream(cursor.stream, of: opening.principal.userID) {
            if stream.canGoOn(after: cursor.number) {
                withSuspended(opening.principal.userID) {
                    stream.goOn(on: socket, opening, after: cursor.number, suspended: $0)
                }
                return
            }
            // Its client begins anew.
            stream.giveUp()
        }
        withSuspended(opening.principal.userID) { [self] suspended in
            let stream = ChatStream(opening, shard: self)
            connections[ObjectIdentifier(stream)] = stream
            streams[stream.id] = stream
            stream.start(on: socket, suspended: suspended)
        }
    }

    /// Another user's looks like one that does not exist.
    func stream(_ id: Identifier, of userID: String) -> ChatStream? {
        guard let stream = streams[id], stream.isOpen, stream.userID.isExactly(userID) else { return nil }
        return stream
    }

    /// One copy of what many sockets say alike: there are few kinds of browsers.
    func shared(_ userAgent: String) -> String {
        if userAgents.count > Self.userAgentLimit { userAgents.removeAll() }
        return userAgents.insert(userAgent).memberAfterInsert
    }

    func closed(_ carrier: any ChatCarrier) {
        connections[ObjectIdentifier(carrier)] = nil
        if let stream = carrier as? ChatStream { streams[stream.id] = nil }
        ownership.left(carrier.userID)
    }

    /// Closes a user's sockets and forgets the session, with all that it keeps for those that come back.
    func forget(_ userID: String) {
        for connection in Array(connections.values) where connection.userID.isExactly(userID) {
            connection.close(CloseCode(rawValue: 4401), "the user was deleted")
        }
        sessions[ExactString(userID)] = nil
        ownership.deleted(userID)
    }

    /// What is in memory of a user's session, with nobody there, was overtaken by what another gateway did.
    func dropSession(of userID: String) {
        sessions.removeValue(forKey: ExactString(userID))?.abandon()
    }

    /// Another gateway has the session of this user: nothing of it is said or stored here any more, and who is there goes
    /// where it is.
    func evict(_ userID: String) {
        logger.notice("a session is another gateway's", metadata: ["user": "\(userID)"])
        dropSession(of: userID)
        turnClients.cut(userID)
        for connection in Array(connections.values) where connection.userID.isExactly(userID) {
            connection.close(.serviceRestart, "the session moved")
        }
    }

    // MARK: The end

    /// Tells everybody and takes no new turns; what runs may end.
    func drain() {
        isDraining = true
        for session in sessions.values { session.drain(reconnectAfter: reconnectAfter) }
        turnClients.drain()
        ownership.drain()
    }

    /// Users are shared out over the shards evenly enough.
    var reconnectAfter: Int { ChatPeer.reconnectAfter(sockets: socketCount * configuration.shards) }

    var hasWork: Bool { sessions.values.contains { $0.hasWork } }

    func interrupt() {
        for session in Array(sessions.values) { session.interrupt() }
    }

    /// - Parameter idleOnly: not those of users with work: a reply goes to its end where it is shown.
    func closeSockets(idleOnly: Bool = false) {
        for connection in Array(connections.values) {
            if idleOnly, sessions[ExactString(connection.userID)]?.hasWork == true { continue }
            connection.close(.serviceRestart, "the server restarts")
        }
    }

    // MARK: Membership

    /// Up to when this process may hand out events and take turns; on the loop's clock.
    private var leaseEnd: UInt64 = 0

    package var holdsLease: Bool { loop.now < leaseEnd }

    /// Between being fenced and being known under another name nobody is let in, and nothing written.
    private(set) var isFenced = false

    /// A sign of life was stored: what was held back goes out.
    func extendLease(to end: UInt64) {
        guard !isFenced else { return }
        let wasHeld = holdsLease
        leaseEnd = end
        guard !wasHeld, holdsLease else { return }
        for session in Array(sessions.values) { session.goOn() }
    }

    /// This process was taken for dead: what it has under way is another gateway's. Nothing of it is stored or told any
    /// more, and its sockets come back to what is stored.
    func fence() {
        guard !isFenced else { return }
        isFenced = true
        leaseEnd = 0
        chatStore.fence()
        let abandoned = Array(sessions.values)
        sessions.removeAll()
        for session in abandoned { session.abandon() }
        turnClients.cut()
        ownership.reset()
        for connection in Array(connections.values) { connection.close(.serviceRestart, "the session moved") }
        leaveCluster()
    }

    /// Goes on as a new incarnation, which the database knows by now.
    func rejoin(as node: String, epoch: String) {
        self.epoch = epoch
        chatStore.rejoin(as: node)
        isFenced = false
        joinCluster()
    }

    // MARK: SessionEnvironment

    package var store: any ChatStore { chatStore }
    package var tools: any ToolHost { chatStore }

    package var nowMilliseconds: UInt64 { loop.now / 1_000_000 }

    package func makeIdentifier() -> Identifier {
        let millisecond = UInt64(wallClockMicroseconds() / 1_000)
        if millisecond > lastMillisecond {
            lastMillisecond = millisecond
            // Beginning in the lower half leaves room for 2048 ids that sort within the millisecond.
            sequence = UInt16.random(in: 0...0x7FF, using: &random)
        } else {
            sequence &+= 1
            if sequence > 0xFFF {
                sequence = 0
                lastMillisecond += 1
            }
        }
        return Identifier(version7: lastMillisecond, sequence: sequence, random: random.next())
    }

    package func freshPosition() -> UInt64 {
        // The clock counts units of 64 ns, which rise faster (15 MB/s) than any thread's text can grow between its
        // release and its return, and stay exact in a client's double for 18 years.
        lastPosition = max(lastPosition + 1, loop.now >> 6)
        return lastPosition
    }

    package func schedule(after milliseconds: UInt64, _ action: @escaping () -> Void) -> UInt64 {
        loop.schedule(after: milliseconds &* 1_000_000, action).packed
    }

    package func cancel(timer: UInt64) {
        loop.cancel(TimerToken(packed: timer))
    }

    package func report(_ incident: String) {
        logger.warning("\(incident)")
    }

    // MARK: Figures and limits

    /// HTTP connections of this shard; set by who has them.
    var httpConnectionCount: () -> Int = { 0 }

    /// Calls of the assistant's upstream; none where it has none.
    let upstreamFigures: () -> UpstreamFigures

    func collect() {
        metrics.collect(self, httpConnections: httpConnectionCount())
    }

    package var chatMetrics: ChatMetrics { metrics.chat }

    package var nowNanoseconds: UInt64 { loop.now }

    package func admitMessage(of userID: String) -> Int? {
        messages.take(for: userID, at: loop.now)
    }

    package func admitCreation(by userID: String) -> Int? {
        guard let seconds = creations.take(for: userID, at: loop.now) else { return nil }
        metrics.limitReached(.creations)
        return seconds
    }

    package var mayAsk: Bool { openApprovals.isPossible }

    package func somethingAsks() { openApprovals.somethingIsOpen() }

    package var wallClock: Int64 { wallClockMicroseconds() }

    package func limitReached(_ limit: StaticString) {
        if let name = LimitName(rawValue: "\(limit)") { metrics.limitReached(name) }
    }

    package func runEnded(
        _ run: Identifier, userID: String, threadID: Identifier, _ status: RunStatus, _ code: RunErrorCode?
    ) {
        // What went well is for those who look closely.
        let level: Logger.Level = code == nil ? .debug : .warning
        guard level >= logger.logLevel else { return }
        var metadata: Logger.Metadata = [
            "run": "\(run)", "thread": "\(threadID)", "user": "\(userID)", "status": "\(status.rawValue)",
        ]
        if let session = sessions[ExactString(userID)] { metadata["session"] = "\(session.id)" }
        if let code { metadata["code"] = "\(code.rawValue)" }
        logger.log(level: level, "run ended", metadata: metadata)
    }
}
