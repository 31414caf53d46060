import Agents
import Chat
package import Configuration
import Foundation
import HTTP
import Logging
import Store

extension GatewayConfiguration {
    /// Reads all settings from a reader over flags, environment and file, in that order of precedence. The key
    /// `http.port` is `HTTP_PORT` in the environment and `http: {port: …}` in a file.
    ///
    /// - Throws: `ConfigurationError` for the first value that can't be used.
    package init(reading reader: ConfigReader, isDevelopment: Bool) throws {
        try self.init(reading: reader, isDevelopment: isDevelopment) { _ in }
    }

    /// - Parameter asked: hears of each key that is read.
    package init(reading reader: ConfigReader, isDevelopment: Bool, asked: @escaping (_ key: String) -> Void) throws {
        self.init()
        self.isDevelopment = isDevelopment
        let source = SettingReader(reader: reader, asked: asked)

        host = source.text("http.host") ?? host
        port = UInt16(try source.integer("http.port") ?? Int(port))
        shards = try source.integer("shards") ?? ProcessInfo.processInfo.activeProcessorCount
        publicDirectory = source.text("public.dir") ?? publicDirectory
        widgetLibraries = source.text("widget.libraries") ?? widgetLibraries
        certificates = try Self.certificates(
            source.paths("tls.certificate"), keys: source.paths("tls.private.key"))

        databaseURL = source.text("database.url") ?? ""
        replicaURL = source.text("database.replica.url")
        preparesStatements = try source.boolean("database.prepared")
        poolMinimum = try source.integer("database.pool.min") ?? poolMinimum
        poolMaximum = try source.integer("database.pool.max") ?? poolMaximum
        poolOverflow = try source.integer("database.pool.overflow") ?? poolOverflow
        guard poolMinimum <= poolMaximum else {
            throw ConfigurationError("DATABASE_POOL_MIN is larger than DATABASE_POOL_MAX")
        }

        jwtSecret = source.text("auth.jwt.secret") ?? ""
        issuer = source.text("auth.issuer")
        audience = source.text("auth.audience")
        cookieName = source.text("auth.cookie")
        allowedOrigins = try source.origins("allowed.origins")
        try readSignIn(source)
        try readLimits(source)

        if let name = source.text("agent") {
            guard let kind = AgentKind(rawValue: name) else {
                throw ConfigurationError("AGENT: this version has \(AgentKind.names)")
            }
            agent = kind
        }
        upstream = try UpstreamConfiguration(reading: source)
        try readAgent(source)
        tokenPaceMilliseconds = try source.integer("token.pace.ms") ?? (isDevelopment ? 25 : 0)
        scriptedTokens = try source.integer("scripted.tokens") ?? scriptedTokens
        scriptedPaceMilliseconds = try source.integer("scripted.pace.ms") ?? scriptedPaceMilliseconds
        coalescingMilliseconds = try source.integer("coalesce.ms") ?? coalescingMilliseconds
        gatherMicroseconds = try source.integer("gather.us") ?? gatherMicroseconds
        receiveBufferBytes = try source.integer("receive.buffer.bytes") ?? receiveBufferBytes
        contextMessages = try source.integer("context.messages") ?? contextMessages

        maximumMessageBytes = try source.integer("max.message.bytes") ?? maximumMessageBytes
        givenContentLength = try source.integer("max.content.length")
        maximumContentLength = givenContentLength ?? maximumContentLength
        maximumMessagesPerConversation =
            try source.integer("max.messages.per.conversation") ?? maximumMessagesPerConversation
        maximumSocketsPerUser = try source.integer("max.sockets.per.user") ?? maximumSocketsPerUser
        maximumSockets = try source.integer("max.sockets") ?? maximumSockets
        maximumSocketsPerAddress =
            try source.integer("max.sockets.per.address") ?? maximumSocketsPerAddress
        handshakeSeconds = try source.integer("handshake.seconds") ?? handshakeSeconds
        keepAliveSeconds = try source.integer("keep.alive.seconds") ?? keepAliveSeconds
        pingSeconds = try source.integer("ping.seconds") ?? pingSeconds
        pongSeconds = try source.integer("pong.seconds") ?? pongSeconds
        guard pingSeconds < pongSeconds else { throw ConfigurationError("PONG_SECONDS must be more than PING_SECONDS") }
        deflate = try source.deflate()
        streamKeepAliveSeconds =
            try source.integer("stream.keep.alive.seconds") ?? streamKeepAliveSeconds
        drainSeconds = try source.integer("drain.seconds") ?? drainSeconds
        // On a developer's machine nobody sends requests that could learn of a stop.
        drainDelaySeconds =
            try source.integer("drain.delay.seconds") ?? (isDevelopment ? 0 : drainDelaySeconds)

        if let text = source.text("content.keys") {
            do throws(ContentKeyError) {
                contentKeys = try ContentCipher(parsing: text)
            } catch {
                throw ConfigurationError(error.description)
            }
        }
        traces = try TraceConfiguration(reading: source)
        webhooks = try WebhookConfiguration(reading: source, isSealed: contentKeys.sealingKey != nil)
        cluster = try source.cluster()
        retention.dormantAfter = try source.age("dormant.after", default: retention.dormantAfter)
        retention.archiveAfter = try source.age("archive.after", default: retention.archiveAfter)
        retention.deleteAfter = try source.age("delete.after", default: retention.deleteAfter)
        try checkOrder(of: retention, source)
        retention.purgeAfter = try source.age("purge.after", default: retention.purgeAfter)
        retention.taskUndo = try source.age("task.undo", default: retention.taskUndo)
        retention.auditKeep = try source.age("audit.keep", default: retention.auditKeep)
        let interval = try source.age("retention.interval", default: retentionInterval.map { Int64($0) * 1_000_000 })
        retentionInterval = interval.map { max(Int($0 / 1_000_000), 1) }
        keepsSingleConversation = try source.boolean("single.conversation") ?? keepsSingleConversation

        metricsToken = source.text("metrics.token") ?? ""
        if let name = source.text("log.format") {
            guard let format = LogFormat(rawValue: name.lowercased()) else {
                throw ConfigurationError("LOG_FORMAT: \"\(name)\" is neither text nor json")
            }
            logFormat = format
        }
        logBufferBytes = try source.integer("log.buffer.bytes") ?? logBufferBytes
        if let name = source.text("log.level") {
            guard let level = Logger.Level(rawValue: name.lowercased()) else {
                let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError("LOG_LEVEL: \"\(name)\" is none of \(known)")
            }
            logLevel = level
        }
    }
}

extension GatewayConfiguration {
    /// A step that was set to come after the next one would never be seen.
    private func checkOrder(of retention: RetentionPolicy, _ source: SettingReader) throws(ConfigurationError) {
        let steps = [
            ("dormant.after", retention.dormantAfter), ("archive.after", retention.archiveAfter),
            ("delete.after", retention.deleteAfter),
        ].filter { source.text($0.0) != nil }.compactMap { key, age in age.map { (Setting.name(key), $0) } }
        for (earlier, later) in zip(steps, steps.dropFirst()) where earlier.1 > later.1 {
            throw ConfigurationError("\(earlier.0) is longer than \(later.0), which would come first")
        }
    }

    private mutating func readSignIn(_ source: SettingReader) throws(ConfigurationError) {
        jwksURL = source.text("auth.jwks.url")
        jwksFile = source.text("auth.jwks.file")
        guard jwksURL == nil || jwksFile == nil else {
            throw ConfigurationError("AUTH_JWKS_URL and AUTH_JWKS_FILE: only one of them can be set")
        }
        jwksAuthorities = source.text("auth.ca.file")
        roleClaim = source.text("auth.role.claim") ?? roleClaim
    }

    private mutating func readLimits(_ source: SettingReader) throws(ConfigurationError) {
        messageRate = try source.integer("rate.limit.messages") ?? messageRate
        messageBurst = try source.integer("rate.limit.burst") ?? messageBurst
        creationRate = try source.integer("rate.limit.create") ?? creationRate
        creationBurst = try source.integer("rate.limit.create.burst") ?? creationBurst
        handshakeRate = try source.integer("rate.limit.handshakes") ?? handshakeRate
        failedSignInRate = try source.integer("rate.limit.failed.sign.ins") ?? failedSignInRate
        maximumRunsPerUser = try source.integer("max.runs.per.user") ?? maximumRunsPerUser
        for part in (source.text("trusted.proxies") ?? "").split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let network = IPNetwork(part) else {
                throw ConfigurationError("TRUSTED_PROXIES: \"\(part)\" is no network such as 10.0.0.0/8 or fd00::/8")
            }
            trustedProxies.append(network)
        }
    }

    /// What belongs to an assistant that is another program. Read also where it is not used, so that a mistake in it
    /// shows at once.
    private mutating func readAgent(_ source: SettingReader) throws {
        if let text = source.text("agent.base.url") {
            do { agentURL = try HTTPURL(text) } catch { throw ConfigurationError("AGENT_BASE_URL: \(error)") }
        }
        if let key = source.text("agent.api.key") {
            // It becomes a header: nothing in it may end one.
            guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw ConfigurationError("AGENT_API_KEY: it holds a space or a character that no header can hold")
            }
            agentKey = key
        }
        agentModel = source.text("agent.model") ?? agentModel
        agentInstructions = source.text("agent.instructions") ?? agentInstructions
        try agentPresentation.read(source)
        agentSteps = try source.integer("agent.max.steps") ?? agentSteps
        approvedTools = try source.tools("approve.tools") ?? approvedTools
        approveBulk = try source.integer("approve.bulk") ?? approveBulk
        // What never ends to be open is bounded by what the database counts in, 68 years.
        let expires = try source.age("approval.expires", default: Int64(approvalExpires) * 1_000_000) ?? .max
        approvalExpires = Int(Int32(clamping: expires / 1_000_000))
        if let word = source.text("agent.reasoning") {
            guard ["show", "hide"].contains(word) else {
                throw ConfigurationError("AGENT_REASONING: \"\(word)\" is neither show nor hide")
            }
            showsReasoning = word == "show"
        }
        if let text = source.text("agent.compat") {
            do throws(DialectError) {
                agentProfile = UpstreamProfile(try ChatDialect(text))
            } catch {
                throw ConfigurationError("AGENT_COMPAT: \(error)")
            }
        }
        guard agent.isUpstream else { return }
        guard agentURL != nil else {
            throw ConfigurationError("AGENT_BASE_URL is required with AGENT=\(agent.rawValue)")
        }
        if agent == .chatCompletions, agentModel.isEmpty {
            throw ConfigurationError("AGENT_MODEL is required with AGENT=\(agent.rawValue)")
        }
        if agentURL?.scheme == .https || upstream.caFile != nil { try upstream.loadTrust() }
    }
}

/// Settings as text, whichever source they come from: a number in a file and a string in the environment are the same
/// setting, and a value of the wrong kind is an error and not an absent one.
struct SettingReader {
    let reader: ConfigReader
    /// Hears of each key that is read.
    var asked: (_ key: String) -> Void = { _ in }

    /// The value of a declared setting. One that is not declared is none: the tests of the declarations find it.
    func text(_ key: String) -> String? {
        asked(key)
        return Setting.declared(key)?.text(in: reader)
    }

    func integer(_ key: String) throws(ConfigurationError) -> Int? {
        guard let text = text(key), case .integer(let range) = Setting.declared(key)?.kind else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(
                "\(Setting.name(key)): \"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    func boolean(_ key: String) throws(ConfigurationError) -> Bool? {
        switch text(key)?.lowercased() {
        case nil: nil
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        case let text?: throw ConfigurationError("\(Setting.name(key)): \"\(text)\" is neither true nor false")
        }
    }

    func deflate() throws(ConfigurationError) -> DeflateConfiguration {
        var deflate = DeflateConfiguration()
        deflate.isOffered = try boolean("deflate") ?? deflate.isOffered
        deflate.threshold = try integer("deflate.threshold") ?? deflate.threshold
        deflate.windowBits = try integer("deflate.window.bits") ?? deflate.windowBits
        deflate.memory = try integer("deflate.memory") ?? deflate.memory
        if let name = text("deflate.takeover") {
            guard let takeover = DeflateConfiguration.Takeover(rawValue: name.lowercased()) else {
                let known = DeflateConfiguration.Takeover.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError("DEFLATE_TAKEOVER: \"\(name)\" is none of \(known)")
            }
            deflate.takeover = takeover
        }
        return deflate
    }

    /// An age such as `30d`, `12h` or `never`, in microseconds.
    func age(_ key: String, default standard: Int64?) throws(ConfigurationError) -> Int64? {
        guard let text = text(key) else { return standard }
        guard let age = RetentionPolicy.age(text) else {
            throw ConfigurationError("\(Setting.name(key)): \"\(text)\" is no age such as 30d, 12h or never")
        }
        return age
    }

    /// A list separated by commas.
    func paths(_ key: String) -> [String] {
        text(key)?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty } ?? []
    }

    /// Names of tools separated by commas, or `*`.
    func tools(_ key: String) throws(ConfigurationError) -> ChatLimits.ApprovedTools? {
        guard let text = text(key) else { return nil }
        let names = text.split(whereSeparator: { $0 == "," || $0.isWhitespace }).map(String.init)
        if names == ["*"] { return .all }
        for name in names where ToolName(rawValue: name) == nil {
            throw ConfigurationError("\(Setting.name(key)): there is no tool \"\(name)\"")
        }
        return .named(Set(names))
    }

    /// A list separated by commas, each with scheme and host as a browser sends it, or an app shell.
    func origins(_ key: String) throws(ConfigurationError) -> Set<Origin> {
        guard let text = text(key) else { return [] }
        var origins: Set<Origin> = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let origin = Origin(String(part)), !["ws", "wss"].contains(origin.scheme) else {
                throw ConfigurationError(
                    "\(Setting.name(key)): \"\(part)\" is no origin such as https://example.com or capacitor://localhost"
                )
            }
            origins.insert(origin)
        }
        return origins
    }
}
