import ArgumentParser
import Command
import Foundation
import Gateway

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show and check the settings.", subcommands: [List.self, Check.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every setting, its value, and where that comes from.",
            discussion: "Secrets are not shown. Example: parley config list --config /etc/parley/parley.yaml")
        @OptionGroup var options: ServingOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let sources = try await options.sources()
            for suspicion in sources.suspicions { complain("parley: warning: \(suspicion)") }
            let lines = Setting.all.map { Line($0, sources) }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                for line in lines { print(String(decoding: try encoder.encode(line), as: UTF8.self)) }
                return
            }
            let widths = (
                lines.map(\.name.count).max() ?? 0, min(lines.map { $0.shown.count }.max() ?? 0, Self.widest)
            )
            for line in lines {
                let columns = [
                    line.name.padded(to: widths.0), line.shown.padded(to: widths.1), line.source.padded(to: 11),
                    line.about,
                ]
                print(columns.joined(separator: "  "))
            }
        }

        /// Columns that a value may take before the rest of its line is pushed to the right.
        private static let widest = 32
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whether the gateway would start with these settings: values, keys and files.",
            discussion: """
                Nothing is connected to. Ends with 78 and one line for the first that can't be used.

                Example: parley config check --config /etc/parley/parley.yaml
                """)
        @OptionGroup var options: ServingOptions

        func run() async throws {
            let sources = try await options.sources()
            for suspicion in sources.suspicions { complain("parley: warning: \(suspicion)") }
            let configuration = try sources.configuration(isDevelopment: false)
            do {
                for warning in try await configuration.check() { complain("parley: warning: \(warning)") }
            } catch let error as StartError {
                throw ExitError(.configuration, error.description)
            }
            print("the settings can be used")
        }
    }

    /// One setting as it is shown.
    private struct Line: Encodable {
        var name: String
        var key: String
        var value: String?
        var source: String
        /// What it is where nobody says; absent where that can't be said in a value.
        var standard: String?
        var isSecret: Bool
        var about: String

        init(_ setting: Setting, _ sources: SettingSources) {
            name = setting.name
            key = setting.key
            isSecret = setting.isSecret
            about = setting.about
            let found = sources.value(of: setting)
            source = found?.source ?? "default"
            switch setting.standard {
            case .none: break
            case .value(let text): (standard, value) = (text, text)
            case .found(let words): value = "(\(words))"
            }
            if let found { value = setting.isSecret ? "(hidden)" : found.text }
        }

        /// Nothing in it may steer a terminal.
        var shown: String {
            String(
                (value ?? "-").unicodeScalars.map {
                    $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "?" : Character($0)
                })
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
