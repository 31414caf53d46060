package import ArgumentParser
import Configuration
import Foundation
package import Gateway
import Logging
import SystemPackage

/// Where settings come from: flags, then the environment, then a file.
package struct SettingOptions: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: "A YAML or JSON file with settings (default: parley.yaml or parley.json, if there).")
    package var file: String?

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

    @Option(help: "The assistant: todo or scripted (AGENT).")
    package var agent: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical (LOG_LEVEL).")
    package var logLevel: String?

    package init() {}

    package func configuration(isDevelopment: Bool = false) async throws -> GatewayConfiguration {
        do {
            let reader = ConfigReader(providers: try await providers())
            return try GatewayConfiguration(reading: reader, isDevelopment: isDevelopment)
        } catch let error as ConfigurationError {
            throw ExitError(.configuration, error.description)
        } catch let error as ExitError {
            throw error
        } catch {
            throw ExitError(.configuration, "the configuration can't be read: \(error)")
        }
    }

    private func providers() async throws -> [any ConfigProvider] {
        var flags: [AbsoluteConfigKey: ConfigValue] = [:]
        func add(_ key: [String], _ value: String?) {
            if let value { flags[AbsoluteConfigKey(key)] = ConfigValue(.string(value), isSecret: false) }
        }
        add(["http", "host"], httpHost)
        add(["http", "port"], httpPort)
        add(["tls", "certificate"], tlsCertificate.isEmpty ? nil : tlsCertificate.joined(separator: ","))
        add(["tls", "private", "key"], tlsPrivateKey.isEmpty ? nil : tlsPrivateKey.joined(separator: ","))
        add(["shards"], shards)
        add(["public", "dir"], publicDir)
        add(["agent"], agent)
        add(["log", "level"], logLevel)
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: flags),
            EnvironmentVariablesProvider(
                secretsSpecifier: .specific([
                    "DATABASE_URL", "DATABASE_REPLICA_URL", "AUTH_JWT_SECRET", "AGENT_API_KEY", "CONTENT_KEYS",
                    "METRICS_TOKEN",
                ])),
        ]
        let path = file ?? ["parley.yaml", "parley.json"].first { FileManager.default.fileExists(atPath: $0) }
        if let path {
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw ExitError(.configuration, "\(path) can't be read")
            }
            if path.hasSuffix(".json") {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } else {
                providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(path)))
            }
        }
        return providers
    }
}
