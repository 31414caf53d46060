import ArgumentParser
import Command

/// The command.
@main
struct Parley: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parley",
        abstract: "A streaming chat gateway between browsers and an assistant, durable in PostgreSQL.",
        version: Version.text,
        subcommands: [
            Serve.self, Config.self, Check.self, Migrate.self, Retention.self, Reencrypt.self, Import.self, User.self,
            Token.self, Audit.self, Webhooks.self, TerminalChat.self, Top.self,
        ])

    static func main() async { await run(as: "parley") }
}
