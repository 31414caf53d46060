package import ArgumentParser
import Foundation
package import Gateway

/// Where settings come from: the environment, then a file.
package struct SettingOptions: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: "A YAML or JSON file with settings (default: parley.yaml or parley.json, if there).")
    package var file: String?

    package init() {}

    package func configuration() async throws -> GatewayConfiguration {
        let sources = try await SettingSources(file: file)
        for suspicion in sources.suspicions { complain("parley: warning: \(suspicion)") }
        return try sources.configuration(isDevelopment: false)
    }
}

/// The settings that are given more often than others, as flags, which come first.
package struct ServingOptions: ParsableArguments {
    @OptionGroup package var settings: SettingOptions

    @Option(help: "Address to listen on (HTTP_HOST).")
    package var httpHost: String?

    @Option(help: "Port to listen on, 0 for a free one (HTTP_PORT).")
    package var httpPort: String?

    @Option(help: "A certificate with its chain, for serving over TLS; again for each further one (TLS_CERTIFICATE).")
    package var tlsCertificate: [String] = []

    @Option(help: "The certificate's private key, in the same order (TLS_PRIVATE_KEY).")
    package var tlsPrivateKey: [String] = []

    @Option(help: "Event loops, one a core (SHARDS).")
    package var shards: String?

    @Option(help: "Directory of the widget and its page (PUBLIC_DIR).")
    package var publicDir: String?

    @Option(help: "The assistant: \(GatewayConfiguration.AgentKind.names) (AGENT).")
    package var agent: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical (LOG_LEVEL).")
    package var logLevel: String?

    package init() {}

    private var flags: [String: String] {
        var flags: [String: String] = [:]
        flags["http.host"] = httpHost
        flags["http.port"] = httpPort
        flags["tls.certificate"] = tlsCertificate.isEmpty ? nil : tlsCertificate.joined(separator: ",")
        flags["tls.private.key"] = tlsPrivateKey.isEmpty ? nil : tlsPrivateKey.joined(separator: ",")
        flags["shards"] = shards
        flags["public.dir"] = publicDir
        flags["agent"] = agent
        flags["log.level"] = logLevel
        return flags
    }

    package func sources() async throws -> SettingSources {
        try await SettingSources(file: settings.file, flags: flags)
    }
}
