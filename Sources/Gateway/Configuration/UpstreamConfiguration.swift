import EventLoop
import Foundation
package import HTTP

/// How an assistant that is another program is reached and treated (documentation, pages Configuration and Limits).
package struct UpstreamConfiguration: Sendable {
    package var client = HTTPClientSettings()
    package var upstream = UpstreamSettings()
    /// PEM file with further certificate authorities.
    package var caFile: String?

    package init() {}

    init(reading source: SettingReader) throws {
        func seconds(_ key: String, _ time: inout UInt64) throws {
            if let value = try source.integer(key) { time = UInt64(value) * 1_000_000_000 }
        }
        func number(_ key: String, _ value: inout Int) throws {
            value = try source.integer(key) ?? value
        }
        try seconds("agent.connect.timeout.seconds", &client.connectTimeout)
        try seconds("agent.first.byte.timeout.seconds", &client.firstByteTimeout)
        try seconds("agent.idle.timeout.seconds", &client.idleTimeout)
        try seconds("agent.total.timeout.seconds", &client.totalTimeout)
        try number("agent.max.header.bytes", &client.limits.headerBytes)
        try number("agent.max.reply.bytes", &upstream.replyBytes)
        try number("agent.max.event.bytes", &upstream.eventBytes)
        try number("agent.max.retries", &upstream.retries)
        try seconds("agent.retry.after.max.seconds", &upstream.retryAfterLimit)
        try number("agent.breaker.failures", &upstream.breakerFailures)
        try seconds("agent.breaker.seconds", &upstream.breakerPause)
        try number("agent.max.streams", &upstream.streams)
        try number("agent.max.waiting", &upstream.waiting)
        try seconds("agent.wait.seconds", &upstream.waitLimit)
        // What is skipped of a stream does not count, so the bound is that of the events that are used; an answer that is
        // no stream has the bound of one event.
        client.limits.bodyBytes = 1 << 50
        // A connection for each stream, those that are kept, and some in the making.
        client.connections = upstream.streams + client.idleConnections + 64
        caFile = source.text("agent.ca.file")
        client.proxies = try Self.proxies(source)
    }

    /// Reads the authorities that `https` servers are believed by: the system's and those of `AGENT_CA_FILE`. Once, since
    /// it takes milliseconds.
    mutating func loadTrust() throws(ConfigurationError) {
        do throws(TLSConfigurationError) {
            client.tls = try TLSClientContext(extraCAFile: caFile)
        } catch {
            throw ConfigurationError("AGENT_CA_FILE: \(error.description)")
        }
    }

    /// HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and in the environment their names in small letters too, which many programs
    /// look for first. A proxy's address may hold a password.
    private static func proxies(_ source: SettingReader) throws -> HTTPProxySettings {
        let environment = ProcessInfo.processInfo.environment
        func text(_ key: String, _ name: String) -> String? { source.text(key) ?? environment[name] }
        let http = text("http.proxy", "http_proxy")
        let https = text("https.proxy", "https_proxy")
        do {
            return try HTTPProxySettings(http: http, https: https, none: text("no.proxy", "no_proxy"))
        } catch {
            throw ConfigurationError("HTTPS_PROXY or HTTP_PROXY: \(error)")
        }
    }
}
