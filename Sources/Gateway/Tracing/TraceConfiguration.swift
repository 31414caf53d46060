package import EventLoop
import Foundation
package import HTTP
package import Tracing

/// Traces, by the variables that OpenTelemetry's programs have in common (documentation, page Operations, "Traces").
package struct TraceConfiguration: Sendable {
    /// Where they go; `nil`: there are none.
    package var endpoint: HTTPURL?
    /// Sent with each request; secrets.
    package var headers: [(String, String)] = []
    package var resource: [(key: String, value: String)] = []
    package var sampler = Sampler(ratio: 1, heedsParent: true)
    package var timeoutMilliseconds = 10_000
    package var delayMilliseconds = 5_000
    package var queue = 2_048
    package var batch = 512
    package var caFile: String?
    package var trust: TLSClientContext?

    package init() {}

    init(reading source: SettingReader) throws {
        // Read also where it is off, so that a mistake shows at once.
        let base = source.text("otel.exporter.otlp.endpoint")
        let own = source.text("otel.exporter.otlp.traces.endpoint")
        let isDisabled = try source.boolean("otel.sdk.disabled") ?? false
        if let name = source.text("otel.exporter.otlp.protocol"), name != "http/json" {
            throw ConfigurationError("OTEL_EXPORTER_OTLP_PROTOCOL: this program speaks http/json")
        }
        do throws(HTTPURLError) {
            // What is meant for traces alone is the whole address, the other one where all signals begin.
            endpoint = try own.map { text throws(HTTPURLError) in try HTTPURL(text) }
            if endpoint == nil {
                endpoint = try base.map { text throws(HTTPURLError) in
                    let url = try HTTPURL(text)
                    // Written out whole already, which many do: it is not meant twice.
                    if url.target.hasSuffix("/v1/traces") { return url }
                    if url.target.hasSuffix("/v1/traces/") { return try HTTPURL(String(text.dropLast())) }
                    return url.appending(path: "v1/traces")
                }
            }
        } catch {
            throw ConfigurationError("OTEL_EXPORTER_OTLP_ENDPOINT: \(error)")
        }
        headers = try Self.pairs(source, "otel.exporter.otlp.headers").map { ($0.key, $0.value) }
        for (name, value) in headers
        where name.isEmpty || !(name + value).utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            throw ConfigurationError("OTEL_EXPORTER_OTLP_HEADERS: one of them can't be sent")
        }
        resource = try Self.pairs(source, "otel.resource.attributes")
        if let name = source.text("otel.service.name") {
            resource.removeAll { $0.key == "service.name" }
            resource.insert(("service.name", name), at: 0)
        } else if !resource.contains(where: { $0.key == "service.name" }) {
            resource.insert(("service.name", "parley"), at: 0)
        }
        let name = source.text("otel.traces.sampler") ?? "parentbased_always_on"
        guard let sampler = Sampler(name: name, argument: source.text("otel.traces.sampler.arg")) else {
            throw ConfigurationError(
                "OTEL_TRACES_SAMPLER: one of \(Sampler.names.joined(separator: ", ")), "
                    + "and OTEL_TRACES_SAMPLER_ARG a ratio from 0 to 1")
        }
        self.sampler = sampler
        timeoutMilliseconds = try source.integer("otel.exporter.otlp.timeout") ?? timeoutMilliseconds
        delayMilliseconds = try source.integer("otel.bsp.schedule.delay") ?? delayMilliseconds
        queue = try source.integer("otel.bsp.max.queue.size") ?? queue
        batch = min(try source.integer("otel.bsp.max.export.batch.size") ?? batch, queue)
        caFile = source.text("otel.exporter.otlp.certificate")
        if isDisabled { endpoint = nil }
        guard endpoint?.scheme == .https else { return }
        do throws(TLSConfigurationError) {
            trust = try TLSClientContext(extraCAFile: caFile)
        } catch {
            throw ConfigurationError("OTEL_EXPORTER_OTLP_CERTIFICATE: \(error.description)")
        }
    }

    /// `key=value,key=value`, percent-encoded as in a W3C Baggage header.
    private static func pairs(
        _ source: SettingReader, _ key: String
    ) throws(ConfigurationError) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for part in source.paths(key) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let name = String(sides[0]).removingPercentEncoding,
                let value = String(sides[1]).removingPercentEncoding, !name.isEmpty
            else { throw ConfigurationError("\(Setting.name(key)): a list of key=value, separated by commas") }
            pairs.append((name.trimmingCharacters(in: .whitespaces), value.trimmingCharacters(in: .whitespaces)))
        }
        return pairs
    }
}
