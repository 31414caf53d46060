import JSON
import ArgumentParser
import Command
import Foundation
import Gateway

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the audit trail: sign-ins, refusals, admin actions, exports and deletions.",
        discussion: "Example: parley audit --user alice --since 7d")

    @OptionGroup var settings: SettingOptions

    @Option(help: "Only what this user did.")
    var user: String?

    @Option(help: "From when on: a time such as 2026-11-21T09:00:00Z, a day such as 2026-11-21, or 90m, 24h, 7d ago.")
    var since = "24h"

    @Flag(help: "One JSON object a line.")
    var json = false

    func validate() throws {
        guard Self.time(since, now: 0) != nil else {
            throw ValidationError("--since is a time such as 2026-11-21T09:00:00Z, a day, or 90m, 24h, 7d")
        }
    }

    func run() async throws {
        let configuration = try await settings.configuration()
        guard !configuration.databaseURL.isEmpty else { throw ExitError(.configuration, "DATABASE_URL is not set") }
        let start = Self.time(since, now: Date().timeIntervalSince1970) ?? 0
        do throws(SchemaError) {
            try AuditTrail(databaseURL: configuration.databaseURL).read(actor: user, since: start, asJSON: json) {
                print($0)
            }
        } catch {
            throw ExitError(error.kind == .unavailable ? .unavailable : .configuration, error.description)
        }
    }

    /// Seconds since 1970.
    static func time(_ text: String, now: Double) -> Double? {
        if let unit = text.last, let factor = ["m": 60.0, "h": 3_600, "d": 86_400][unit] {
            guard let count = Int(text.dropLast()), (0...100_000).contains(count) else { return nil }
            return now - Double(count) * factor
        }
        if let date = try? Date(text, strategy: .iso8601) { return date.timeIntervalSince1970 }
        return (try? Date(text + "T00:00:00Z", strategy: .iso8601))?.timeIntervalSince1970
    }
}
