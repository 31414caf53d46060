import COpenSSL
package import EventLoop
package import HTTP
import Strings

/// Where webhooks go.
package struct WebhookEndpoint: Sendable {
    /// The first 16 digits of the address' SHA-256: stands for it in the database and in logs, since an address may be a
    /// secret itself.
    package let name: String
    package let url: HTTPURL

    init(_ url: HTTPURL, text: String) {
        self.url = url
        let bytes = Array(text.utf8)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(bytes, bytes.count, &digest)
        let digits = Array("0123456789abcdef".utf8)
        name = String(
            decoding: digest.prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// Webhooks (documentation, page Webhooks).
package struct WebhookConfiguration: Sendable {
    package static let mostEndpoints = 16
    package static let mostSecrets = 4

    package var endpoints: [WebhookEndpoint] = []
    /// The first one first; all sign.
    package var secrets: [WebhookSecret] = []
    package var allowsPrivate = false
    /// Whether contents of messages go along.
    package var hasContents = true
    package var caFile: String?
    package var timeoutSeconds = 15
    package var attempts = 12
    /// Requests at once, to each endpoint.
    package var connections = 8
    /// Microseconds that dead letters are kept; `nil`: for good.
    package var keep: Int64? = 30 * 86_400_000_000
    package var trust: TLSClientContext?

    package init() {}

    /// - Parameter isSealed: contents are encrypted at rest: then they go along only where somebody says so.
    init(reading source: SettingReader, isSealed: Bool) throws {
        allowsPrivate = try source.boolean("webhook.allow.private") ?? allowsPrivate
        hasContents = try source.boolean("webhook.contents") ?? !isSealed
        caFile = source.text("webhook.ca.file")
        timeoutSeconds = try source.integer("webhook.timeout.seconds") ?? timeoutSeconds
        attempts = try source.integer("webhook.max.attempts") ?? attempts
        connections = try source.integer("webhook.max.connections") ?? connections
        keep = try source.age("webhook.keep", default: keep)
        for text in source.paths("webhook.secrets") {
            guard let secret = WebhookSecret(text) else {
                throw ConfigurationError(
                    "WEBHOOK_SECRETS: one of them is not whsec_ and 24 to 64 bytes in base64; "
                        + "one is made by: echo whsec_$(openssl rand -base64 32)")
            }
            secrets.append(secret)
        }
        guard secrets.count <= Self.mostSecrets else {
            throw ConfigurationError("WEBHOOK_SECRETS: \(Self.mostSecrets) at most")
        }
        for text in source.paths("webhook.urls") { try add(text) }
        guard endpoints.count <= Self.mostEndpoints else {
            throw ConfigurationError("WEBHOOK_URLS: \(Self.mostEndpoints) at most")
        }
        guard !endpoints.isEmpty else { return }
        guard !secrets.isEmpty else {
            throw ConfigurationError("WEBHOOK_SECRETS is required with WEBHOOK_URLS: receivers check who sends")
        }
        if endpoints.contains(where: { $0.url.scheme == .https }) || caFile != nil {
            do throws(TLSConfigurationError) {
                trust = try TLSClientContext(extraCAFile: caFile)
            } catch {
                throw ConfigurationError("WEBHOOK_CA_FILE: \(error.description)")
            }
        }
    }

    /// The address is not repeated: it may be a secret.
    private mutating func add(_ text: String) throws(ConfigurationError) {
        let place = "WEBHOOK_URLS, number \(endpoints.count + 1)"
        let url: HTTPURL
        do throws(HTTPURLError) {
            url = try HTTPURL(text)
        } catch {
            throw ConfigurationError("\(place): \(error)")
        }
        if !allowsPrivate {
            guard url.scheme == .https else {
                throw ConfigurationError("\(place): only https, unless WEBHOOK_ALLOW_PRIVATE is true")
            }
            if let address = IPAddress(url.host), !PublicAddress.contains(address) {
                throw ConfigurationError("\(place): a private address, which WEBHOOK_ALLOW_PRIVATE allows")
            }
        }
        let endpoint = WebhookEndpoint(url, text: text)
        guard !endpoints.contains(where: { $0.name == endpoint.name }) else {
            throw ConfigurationError("\(place): the same as one before")
        }
        endpoints.append(endpoint)
    }
}
