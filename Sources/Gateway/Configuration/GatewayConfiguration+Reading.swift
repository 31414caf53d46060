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
        self.init()
        self.isDevelopment = isDevelopment
        let source = SettingReader(reader: reader)

        host = source.text("http.host") ?? host
        port = UInt16(try source.integer("http.port", 0...65_535) ?? Int(port))
        shards = try source.integer("shards", 1...256) ?? ProcessInfo.processInfo.activeProcessorCount
        publicDirectory = source.text("public.dir") ?? publicDirectory
        certificates = try Self.certificates(
            source.paths("tls.certificate"), keys: source.paths("tls.private.key"))

        databaseURL = source.secret("database.url") ?? ""
        replicaURL = source.secret("database.replica.url")
        preparesStatements = try source.boolean("database.prepared")
        poolMinimum = try source.integer("database.pool.min", 0...1_000) ?? poolMinimum
        poolMaximum = try source.integer("database.pool.max", 1...1_000) ?? poolMaximum
        poolOverflow = try source.integer("database.pool.overflow", 0...1_000) ?? poolOverflow
        guard poolMinimum <= poolMaximum else {
            throw ConfigurationError("DATABASE_POOL_MIN is larger than DATABASE_POOL_MAX")
        }

        jwtSecret = source.secret("auth.jwt.secret") ?? ""
        issuer = source.text("auth.issuer")
        audience = source.text("auth.audience")
        cookieName = source.text("auth.cookie")
        allowedOrigins = try source.origins("allowed.origins")
        try readSignIn(source)
        try readLimits(source)

        if let name = source.text("agent") {
            guard let kind = AgentKind(rawValue: name) else {
                let known = AgentKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError("AGENT: this version has \(known)")
            }
            agent = kind
        }
        upstream = try UpstreamConfiguration(reading: source)
        try readAgent(source)
        tokenPaceMilliseconds = try source.integer("token.pace.ms", 0...60_000) ?? (isDevelopment ? 25 : 0)
        scriptedTokens = try source.integer("scripted.tokens", 0...100_000) ?? scriptedTokens
        scriptedPaceMilliseconds = try source.integer("scripted.pace.ms", 0...60_000) ?? scriptedPaceMilliseconds
        coalescingMilliseconds = try source.integer("coalesce.ms", 0...10_000) ?? coalescingMilliseconds
        gatherMicroseconds = try source.integer("gather.us", 0...10_000) ?? gatherMicroseconds
        receiveBufferBytes = try source.integer("receive.buffer.bytes", 0...(1 << 30)) ?? receiveBufferBytes
        contextMessages = try source.integer("context.messages", 1...1_000) ?? contextMessages

        maximumMessageBytes = try source.integer("max.message.bytes", 1_024...(16 << 20)) ?? maximumMessageBytes
        maximumContentLength = try source.integer("max.content.length", 1...200_000) ?? maximumContentLength
        maximumMessagesPerConversation =
            try source.integer("max.messages.per.conversation", 2...1_000_000) ?? maximumMessagesPerConversation
        maximumSocketsPerUser = try source.integer("max.sockets.per.user", 1...100_000) ?? maximumSocketsPerUser
        maximumSockets = try source.integer("max.sockets", 1...1_000_000) ?? maximumSockets
        maximumSocketsPerAddress =
            try source.integer("max.sockets.per.address", 1...1_000_000) ?? maximumSocketsPerAddress
        handshakeSeconds = try source.integer("handshake.seconds", 1...3_600) ?? handshakeSeconds
        keepAliveSeconds = try source.integer("keep.alive.seconds", 1...3_600) ?? keepAliveSeconds
        pingSeconds = try source.integer("ping.seconds", 1...3_600) ?? pingSeconds
        pongSeconds = try source.integer("pong.seconds", 1...7_200) ?? pongSeconds
        guard pingSeconds < pongSeconds else { throw ConfigurationError("PONG_SECONDS must be more than PING_SECONDS") }
        deflate = try source.deflate()
        streamKeepAliveSeconds =
            try source.integer("stream.keep.alive.seconds", 1...300) ?? streamKeepAliveSeconds
        drainSeconds = try source.integer("drain.seconds", 0...3_600) ?? drainSeconds
        // On a developer's machine nobody sends requests that could learn of a stop.
        drainDelaySeconds =
            try source.integer("drain.delay.seconds", 0...600) ?? (isDevelopment ? 0 : drainDelaySeconds)

        if let text = source.secret("content.keys") {
            do throws(ContentKeyError) {
                contentKeys = try ContentCipher(parsing: text)
            } catch {
                throw ConfigurationError(error.description)
            }
        }
        retention.dormantAfter = try source.age("dormant.after", default: retention.dormantAfter)
        retention.archiveAfter = try source.age("archive.after", default: retention.archiveAfter)
        retention.deleteAfter = try source.age("delete.after", default: retention.deleteAfter)
        retention.purgeAfter = try source.age("purge.after", default: retention.purgeAfter)
        retention.auditKeep = try source.age("audit.keep", default: retention.auditKeep)
        let interval = try source.age("retention.interval", default: retentionInterval.map { Int64($0) * 1_000_000 })
        retentionInterval = interval.map { max(Int($0 / 1_000_000), 1) }
        keepsSingleConversation = try source.boolean("single.conversation") ?? keepsSingleConversation

        metricsToken = source.secret("metrics.token") ?? ""
        if let name = source.text("log.format") {
            guard let format = LogFormat(rawValue: name.lowercased()) else {
                throw ConfigurationError("LOG_FORMAT: \"\(name)\" is neither text nor json")
            }
            logFormat = format
        }
        logBufferBytes = try source.integer("log.buffer.bytes", 65_536...(1 << 30)) ?? logBufferBytes
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
        messageRate = try source.integer("rate.limit.messages", 0...1_000_000) ?? messageRate
        messageBurst = try source.integer("rate.limit.burst", 1...1_000_000) ?? messageBurst
        handshakeRate = try source.integer("rate.limit.handshakes", 0...1_000_000) ?? handshakeRate
        failedSignInRate = try source.integer("rate.limit.failed.sign.ins", 0...1_000_000) ?? failedSignInRate
        maximumRunsPerUser = try source.integer("max.runs.per.user", 1...512) ?? maximumRunsPerUser
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
        if let text = source.secret("agent.base.url") {
            do { agentURL = try HTTPURL(text) } catch { throw ConfigurationError("AGENT_BASE_URL: \(error)") }
        }
        if let key = source.secret("agent.api.key") {
            // It becomes a header: nothing in it may end one.
            guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw ConfigurationError("AGENT_API_KEY: it holds a space or a character that no header can hold")
            }
            agentKey = key
        }
        agentModel = source.text("agent.model") ?? agentModel
        agentInstructions = source.text("agent.instructions") ?? agentInstructions
        agentSteps = try source.integer("agent.max.steps", 1...64) ?? agentSteps
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

    static func name(_ key: String) -> String {
        key.uppercased().replacing(".", with: "_")
    }

    func text(_ key: String) -> String? {
        value(key, isSecret: false)
    }

    func secret(_ key: String) -> String? {
        value(key, isSecret: true)
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        guard let text = text(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(
                "\(Self.name(key)): \"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func boolean(_ key: String) throws(ConfigurationError) -> Bool? {
        switch text(key)?.lowercased() {
        case nil: nil
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        case let text?: throw ConfigurationError("\(Self.name(key)): \"\(text)\" is neither true nor false")
        }
    }

    func deflate() throws(ConfigurationError) -> DeflateConfiguration {
        var deflate = DeflateConfiguration()
        deflate.isOffered = try boolean("deflate") ?? deflate.isOffered
        deflate.threshold = try integer("deflate.threshold", 0...(16 << 20)) ?? deflate.threshold
        deflate.windowBits = try integer("deflate.window.bits", 9...15) ?? deflate.windowBits
        deflate.memory = try integer("deflate.memory", 0...(1 << 40)) ?? deflate.memory
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
            throw ConfigurationError("\(Self.name(key)): \"\(text)\" is no age such as 30d, 12h or never")
        }
        return age
    }

    /// A list separated by commas.
    func paths(_ key: String) -> [String] {
        text(key)?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty } ?? []
    }

    /// A list separated by commas, each with scheme and host as a browser sends it, or an app shell.
    func origins(_ key: String) throws(ConfigurationError) -> Set<Origin> {
        guard let text = text(key) else { return [] }
        var origins: Set<Origin> = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let origin = Origin(String(part)), !["ws", "wss"].contains(origin.scheme) else {
                throw ConfigurationError(
                    "\(Self.name(key)): \"\(part)\" is no origin such as https://example.com or capacitor://localhost")
            }
            origins.insert(origin)
        }
        return origins
    }

    private func value(_ key: String, isSecret: Bool) -> String? {
        let name = ConfigKey(key.split(separator: ".").map(String.init))
        var text = reader.string(forKey: name, isSecret: isSecret)
        if text == nil, let value = reader.int(forKey: name, isSecret: isSecret) { text = String(value) }
        if text == nil, let value = reader.bool(forKey: name, isSecret: isSecret) { text = String(value) }
        if text == nil, let values = reader.stringArray(forKey: name, isSecret: isSecret) {
            text = values.joined(separator: ",")
        }
        return text?.isEmpty == true ? nil : text
    }
}
