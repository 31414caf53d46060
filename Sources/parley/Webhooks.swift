import ArgumentParser
import Command
import Gateway

struct Webhooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at webhooks that were not taken, send them again, or let go of them.",
        discussion: "Example: parley webhooks list", subcommands: [List.self, Resend.self, Discard.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The dead letters: what was tried as often as WEBHOOK_MAX_ATTEMPTS says, oldest first.",
            discussion: """
                An endpoint is named by the first 16 digits of the SHA-256 of its address.

                Example: parley webhooks list --all
                """)
        @OptionGroup var settings: SettingOptions
        @Flag(help: "Also what waits to be sent.") var all = false
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            try await reporting {
                try maintenance.listWebhooks(includesPending: all, asJSON: json) { print($0) }
            }
        }
    }

    struct Resend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send dead letters again, with all their attempts.",
            discussion: "Example: parley webhooks resend --all")
        @OptionGroup var settings: SettingOptions
        @OptionGroup var choice: WebhookChoice

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            try await reporting { print("\(try maintenance.resendWebhooks(choice.chosen)) are sent again") }
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let go of dead letters: nobody is told any more.",
            discussion: "Example: parley webhooks discard 4711")
        @OptionGroup var settings: SettingOptions
        @OptionGroup var choice: WebhookChoice

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            try await reporting { print("\(try maintenance.discardWebhooks(choice.chosen)) are gone") }
        }
    }
}

struct WebhookChoice: ParsableArguments {
    @Argument(help: "Numbers that the list shows.") var ids: [Int64] = []
    @Flag(help: "All dead letters.") var all = false

    func validate() throws {
        guard all != !ids.isEmpty else { throw ValidationError("say which, by number, or --all") }
    }

    var chosen: [Int64]? { all ? nil : ids }
}
