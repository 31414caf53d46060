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
        func seconds(_ key: String, _ range: ClosedRange<Int>, _ time: inout UInt64) throws {
            if let value = try source.integer(key, range) { time = UInt64(value) * 1_000_000_000 }
        }
        func number(_ key: String, _ range: ClosedRange<Int>, _ value: inout Int) throws {
            value = try source.integer(key, range) ?? value
        }
        try seconds("agent.connect.timeout.seconds", 1...300, &client.connectTimeout)
        try seconds("agent.first.byte.timeout.seconds", 1...3_600, &client.firstByteTimeout)
        try seconds("agent.idle.timeout.seconds", 1...3_600, &client.idleTimeout)
        try seconds("agent.total.timeout.seconds", 1...86_400, &client.totalTimeout)
        try number("agent.max.header.bytes", 1_024...(1 << 20), &client.limits.headerBytes)
        try number("agent.max.reply.bytes", 1_024...(1 << 30), &client.limits.bodyBytes)
        try number("agent.max.event.bytes", 1_024...(64 << 20), &upstream.eventBytes)
        try number("agent.max.retries", 0...10, &upstream.retries)
        try seconds("agent.retry.after.max.seconds", 0...600, &upstream.retryAfterLimit)
        try number("agent.breaker.failures", 0...1_000, &upstream.breakerFailures)
        try seconds("agent.breaker.seconds", 1...3_600, &upstream.breakerPause)
        try number("agent.max.streams", 1...1_000_000, &upstream.streams)
        try number("agent.max.waiting", 0...1_000_000, &upstream.waiting)
        try seconds("agent.wait.seconds", 1...600, &upstream.waitLimit)
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
        func text(_ key: String, _ name: String) -> String? { source.secret(key) ?? environment[name] }
        let http = text("http.proxy", "http_proxy")
        let https = text("https.proxy", "https_proxy")
        do {
            return try HTTPProxySettings(http: http, https: https, none: text("no.proxy", "no_proxy"))
        } catch {
            throw ConfigurationError("HTTPS_PROXY or HTTP_PROXY: \(error)")
        }
    }
}
