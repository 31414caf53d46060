import ArgumentParser
import Command
import Foundation
import Gateway

struct Retention: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What becomes of conversations that nobody writes to.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make dormant, archive, delete and purge now what is due.",
            discussion: """
                What is due when: DORMANT_AFTER, ARCHIVE_AFTER, DELETE_AFTER and the like (parley config list).

                Example: parley retention run --dry-run
                """)
        @OptionGroup var settings: SettingOptions
        @Flag(help: "Only count.") var dryRun = false

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            try await reporting { for line in try await maintenance.retain(isDryRun: dryRun) { print(line) } }
        }
    }
}

struct Reencrypt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring all stored contents under the first key of CONTENT_KEYS.",
        discussion: """
            While gateways serve, and again from where it was when it is interrupted.

            Example: parley reencrypt --config /etc/parley/parley.yaml
            """)
    @OptionGroup var settings: SettingOptions

    func run() async throws {
        let maintenance = StoreMaintenance(try await settings.configuration())
        try await reporting { for line in try maintenance.reencrypt() { print(line) } }
    }
}

func reporting(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as StartError {
        switch error {
        case .configuration(let message): throw ExitError(.configuration, message)
        case .database(let message), .network(let message): throw ExitError(.unavailable, message)
        case .stopped: return
        }
    }
}
