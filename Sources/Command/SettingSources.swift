import Configuration
import Foundation
package import Gateway
import SystemPackage
import Yams

/// All sources of one start, the one that wins first.
package struct SettingSources {
    /// What a source is called, and what it has.
    private let sources: [(name: String, provider: any ConfigProvider)]
    /// Variables of the environment that look like a slip.
    package let suspicions: [String]

    /// - Throws: `ExitError` when the file can't be read, or has a key that no setting has.
    package init(file: String?, flags: [String: String] = [:]) async throws {
        let environment = ProcessInfo.processInfo.environment
        suspicions = environment.sorted { $0.key < $1.key }.compactMap {
            Setting.suspicion(ofVariable: $0.key) ?? Setting.suspicion(ofValue: $0.value, of: $0.key)
        }
        var sources: [(String, any ConfigProvider)] = [
            (
                "flag",
                InMemoryProvider(
                    name: "flags",
                    values: Dictionary(
                        uniqueKeysWithValues: flags.filter { !$0.value.isEmpty }.map {
                            (
                                AbsoluteConfigKey($0.key.split(separator: ".").map(String.init)),
                                ConfigValue(.string($0.value), isSecret: false)
                            )
                        }))
            ),
            (
                "environment",
                // An empty variable is none: what the file says is not hidden by it.
                EnvironmentVariablesProvider(
                    environmentVariables: environment.filter { !$0.value.isEmpty },
                    secretsSpecifier: .specific(Set(Setting.all.filter(\.isSecret).map(\.name))))
            ),
        ]
        if let path = file ?? ["parley.yaml", "parley.json"].first(where: FileManager.default.fileExists(atPath:)) {
            guard let content = FileManager.default.contents(atPath: path) else {
                throw ExitError(.configuration, "\(path) can't be read")
            }
            do {
                let keys = try SettingFile.keys(content, isJSON: path.hasSuffix(".json"))
                for key in keys where !key.isEmpty {
                    if let problem = Setting.problem(withKey: key, of: path) {
                        throw ExitError(.configuration, problem)
                    }
                }
                let provider = try await Self.provider(path, isEmpty: keys.isEmpty)
                sources.append((path, provider))
            } catch let error as ExitError {
                throw error
            } catch {
                throw ExitError(.configuration, "\(path) can't be read: \(error)")
            }
        }
        self.sources = sources
    }

    private static func provider(_ path: String, isEmpty: Bool) async throws -> any ConfigProvider {
        if path.hasSuffix(".json") { return try await FileProvider<JSONSnapshot>(filePath: FilePath(path)) }
        // One in which all is commented out says nothing.
        if isEmpty { return InMemoryProvider(name: path, values: [:]) }
        return try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
    }

    /// - Throws: `ExitError` with the first setting that can't be used.
    package func configuration(isDevelopment: Bool) throws -> GatewayConfiguration {
        do {
            return try GatewayConfiguration(
                reading: ConfigReader(providers: sources.map(\.provider)), isDevelopment: isDevelopment)
        } catch let error as ConfigurationError {
            throw ExitError(.configuration, error.description)
        } catch {
            throw ExitError(.configuration, "the configuration can't be read: \(error)")
        }
    }

    /// The value that wins and where it comes from; nil where no source has one.
    package func value(of setting: Setting) -> (text: String, source: String)? {
        for (name, provider) in sources {
            if let text = setting.text(in: ConfigReader(provider: provider)) { return (text, name) }
        }
        return nil
    }
}

/// The keys of a file with settings, which the reader of its values does not tell.
enum SettingFile {
    /// Objects within objects; deeper ones are nobody's setting.
    private static let maximumDepth = 16

    static func keys(_ content: Data, isJSON: Bool) throws -> [String] {
        let value: Any? =
            isJSON
            ? try JSONSerialization.jsonObject(with: content)
            : try Yams.load(yaml: String(decoding: content, as: UTF8.self))
        var keys: [String] = []
        collect(value, under: "", depth: 0, &keys)
        return keys.sorted()
    }

    private static func collect(_ value: Any?, under path: String, depth: Int, _ keys: inout [String]) {
        guard let members = value as? [AnyHashable: Any], depth < maximumDepth else {
            // What is no object at all is for the reader of the values to refuse; one without members says nothing.
            if !(value is NSNull), !path.isEmpty || value != nil { keys.append(path) }
            return
        }
        for (key, member) in members {
            collect(member, under: path.isEmpty ? "\(key)" : "\(path).\(key)", depth: depth + 1, &keys)
        }
    }
}
