package import Agents
package import Chat
package import Cluster
package import EventLoop
package import HTTP
package import Logging
package import Store
import WebSocket

/// Everything that can be configured, as a plain value (documentation, page Configuration). Times are in the unit that
/// their name says.
package struct GatewayConfiguration: Sendable {
    package enum AgentKind: String, Sendable, CaseIterable {
        case todo, scripted, agui
        case chatCompletions = "chat-completions"

        /// Whether it is another program, reached at `AGENT_BASE_URL`.
        package var isUpstream: Bool { self == .chatCompletions || self == .agui }

        /// All of them, for those who choose.
        package static var names: String {
            allCases.map(\.rawValue).sorted().joined(separator: ", ")
        }
    }

    package enum LogFormat: String, Sendable, CaseIterable {
        case text, json
    }

    package var isDevelopment = false

    package var host = "127.0.0.1"
    package var port: UInt16 = 8080
    package var shards = 1
    package var publicDirectory = "public"
    /// The directory that holds the libraries of the widget as Debian's packages lay them out, or `none`.
    package var widgetLibraries = WidgetLibraries.defaultDirectory
    /// Served over TLS when there are any; the first is for clients that ask for no name or a strange one.
    package var certificates: [TLSCertificateFiles] = []

    /// libpq's connection string or URI. A secret: it may hold a password.
    package var databaseURL = ""
    /// A server that follows the first, for reads; a secret likewise.
    package var replicaURL: String?
    /// Whether statements are prepared once a connection; `nil`: unless a pooler is found in between.
    package var preparesStatements: Bool?
    package var poolMinimum = 5
    package var poolMaximum = 20
    package var poolOverflow = 10

    /// The key of HS256, a secret.
    package var jwtSecret = ""
    package var issuer: String?
    package var audience: String?
    package var cookieName: String?
    /// Where the public keys of asymmetric tokens come from: at most one of the two.
    package var jwksURL: String?
    package var jwksFile: String?
    /// A file with authorities that are believed beside the system's when the keys are fetched.
    package var jwksAuthorities: String?
    /// The claim with the user's role or roles.
    package var roleClaim = "role"
    /// Origins beside the gateway's own.
    package var allowedOrigins: Set<Origin> = []

    package var agent = AgentKind.todo
    package var upstream = UpstreamConfiguration()
    /// Where the assistant is, when it is another program: `…/v1` of a chat completions server, or an AG-UI agent.
    package var agentURL: HTTPURL?
    /// Sent as a bearer token, a secret.
    package var agentKey: String?
    package var agentModel = ""
    package var agentInstructions = ChatCompletionsAgent.Settings.standardInstructions
    /// As the widget introduces it.
    package var agentPresentation = AgentPresentation()
    package var agentSteps = 8
    /// Tools that ask a person first.
    package var approvedTools = ChatLimits.ApprovedTools.named([])
    /// Tasks that the to-do assistant deletes or changes at once without asking.
    package var approveBulk = 3
    /// Seconds for which a person may answer.
    package var approvalExpires = 86_400
    /// What the assistant thinks is streamed; it is never stored.
    package var showsReasoning = false
    /// What is known of the assistant's server, for all shards: `AGENT_COMPAT`, and what is found out.
    package var agentProfile = UpstreamProfile()
    package var tokenPaceMilliseconds = 0
    package var scriptedTokens = 20
    package var scriptedPaceMilliseconds = 0
    package var coalescingMilliseconds = 0
    /// Microseconds between the ticks of a shard that take what peers send without waiting (`Gathering`), 0: they are not
    /// kept apart.
    package var gatherMicroseconds = Int(EventLoop.defaultGathering / 1_000)
    /// See `Listener`.
    package var receiveBufferBytes = Listener.defaultReceiveBuffer
    package var contextMessages = 10

    package var maximumMessageBytes = 256 * 1024
    package var maximumContentLength = 10_000
    /// The same where somebody has said it: migrating sets the database's own bound to it.
    package var givenContentLength: Int?
    package var maximumMessagesPerConversation = 1_000
    package var maximumSocketsPerUser = 50
    package var maximumSockets = 20_000
    package var maximumSocketsPerAddress = 1_000
    package var handshakeSeconds = 10
    package var keepAliveSeconds = 75
    package var pingSeconds = 30
    package var pongSeconds = 60
    package var deflate = DeflateConfiguration()
    package var drainSeconds = 20
    /// How long a stop waits for whoever sends requests here to learn of it.
    package var drainDelaySeconds = 5
    /// Between comments on an event stream over HTTP that says nothing.
    package var streamKeepAliveSeconds = 15

    package var traces = TraceConfiguration()
    package var webhooks = WebhookConfiguration()
    /// How the other gateways of the database are reached; `nil`: not at all.
    package var cluster: CarrierOptions?

    /// `CONTENT_KEYS`, a secret: what seals and opens contents.
    package var contentKeys = ContentCipher()
    package var retention = RetentionPolicy()
    /// Seconds between two sweeps of the retention; `nil`: none in the background.
    package var retentionInterval: Int? = 600
    package var keepsSingleConversation = false

    /// A minute and user, and at once; 0 a minute: not limited.
    package var messageRate = 60_000
    package var messageBurst = 5_000
    /// Conversations and tasks of a user, a minute and at once; 0 a minute: not limited.
    package var creationRate = 600
    package var creationBurst = 100
    /// Conversations of one user that are answered at once.
    package var maximumRunsPerUser = 32
    /// A minute and address; 0: not limited.
    package var handshakeRate = 1_200
    package var failedSignInRate = 60
    /// Who is believed about the address that it was asked from.
    package var trustedProxies: [IPNetwork] = []

    /// Who may read the figures; empty: this machine. A secret.
    package var metricsToken = ""
    package var logFormat = LogFormat.text
    /// Bytes of log lines that may wait for a reader that stalls.
    package var logBufferBytes = LineWriter.defaultCapacity

    package var logLevel = Logger.Level.info

    package init() {}
}

/// How messages are compressed (permessage-deflate, RFC 7692).
package struct DeflateConfiguration: Sendable {
    package enum Takeover: String, Sendable, CaseIterable {
        case none, server, client, both
    }

    /// Whether it is offered at all.
    package var isOffered = true
    /// Messages under so many bytes are not compressed.
    package var threshold = 512
    /// Whose window may live on between messages.
    package var takeover = Takeover.none
    /// The largest window, 9 to 15.
    package var windowBits = 15
    /// Bytes that windows which live on may take in the whole process; connections beyond go without takeover.
    package var memory = 64 << 20

    package init() {}

    /// - Parameter budget: made once for the process by `makeBudget`.
    func policy(_ budget: DeflateBudget) -> DeflatePolicy? {
        guard isOffered else { return nil }
        return DeflatePolicy(
            serverContextTakeover: takeover == .server || takeover == .both,
            clientContextTakeover: takeover == .client || takeover == .both, maxWindowBits: windowBits, budget: budget)
    }

    func makeBudget() -> DeflateBudget { DeflateBudget(bytes: memory) }
}

/// A setting that can't be used; one line for the operator.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
