package import Logging

/// Everything that can be configured, as a plain value (README, table of configuration). Times are in the unit that
/// their name says.
package struct GatewayConfiguration: Sendable {
    package enum AgentKind: String, Sendable, CaseIterable {
        case todo, scripted
    }

    package var isDevelopment = false

    package var host = "127.0.0.1"
    package var port: UInt16 = 8080
    package var shards = 1
    package var publicDirectory = "public"

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
    /// Origins beside the gateway's own, as browsers send them.
    package var allowedOrigins: Set<String> = []

    package var agent = AgentKind.todo
    package var tokenPaceMilliseconds = 0
    package var scriptedTokens = 20
    package var scriptedPaceMilliseconds = 0
    package var coalescingMilliseconds = 0
    package var contextMessages = 10

    package var maximumMessageBytes = 256 * 1024
    package var maximumContentLength = 10_000
    package var maximumMessagesPerConversation = 1_000
    package var maximumSocketsPerUser = 50
    package var maximumSockets = 20_000
    package var drainSeconds = 20

    package var logLevel = Logger.Level.info

    package init() {}
}

/// A setting that can't be used; one line for the operator.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
