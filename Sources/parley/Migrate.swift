import ArgumentParser
import Command
import Gateway

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up or down.",
        subcommands: [Up.self, Down.self, Status.self, Redo.self])

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply the pending migrations, or the next N.",
            discussion: """
                Where MAX_CONTENT_LENGTH is set, the database bounds messages by it too.

                Example: DATABASE_URL=postgresql:///parley parley migrate up
                """)
        @OptionGroup var settings: SettingOptions
        @Argument(help: "How many.") var count: Int?

        func validate() throws { if let count { try checkCount(count) } }

        func run() async throws {
            try await perform(settings) { migrations, configuration throws(SchemaError) in
                let done = try migrations.up(count, contentLength: configuration.givenContentLength)
                if done.isEmpty { print("nothing to do") }
                for line in done { print(line) }
            }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back the last migration, or the last N.",
            discussion: """
                Not while a gateway is alive. Where data would be lost it says which, and wants --yes.

                Example: DATABASE_URL=postgresql:///parley parley migrate down 1
                """)
        @OptionGroup var settings: SettingOptions
        @Argument(help: "How many.") var count = 1
        @Flag(help: "Also where data is lost by it.") var yes = false

        func validate() throws { try checkCount(count) }

        func run() async throws {
            try await perform(settings) { migrations, _ throws(SchemaError) in
                let reverted = try migrations.down(count, losingData: yes)
                if reverted.isEmpty { print("nothing to do") }
                for name in reverted { print("took back \(name)") }
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the migrations.",
            discussion: """
                Exits 1 while some are pending, 78 where the database has others than this program.

                Example: parley migrate status || parley migrate up
                """)
        @OptionGroup var settings: SettingOptions

        func run() async throws {
            var isPending = false
            var problem: String?
            try await perform(settings) { migrations, _ throws(SchemaError) in
                let overview = try migrations.status()
                for line in overview.lines { print(line) }
                (isPending, problem) = (overview.isPending, overview.problem)
            }
            if let problem { throw ExitError(.configuration, problem) }
            if isPending { throw ExitCode(1) }
        }
    }

    struct Redo: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take the last migration back and apply it again.",
            discussion: """
                Not while a gateway is alive. Where data would be lost it says which, and wants --yes.

                Example: DATABASE_URL=postgresql:///parley parley migrate redo --yes
                """)
        @OptionGroup var settings: SettingOptions
        @Flag(help: "Also where data is lost by it.") var yes = false

        func run() async throws {
            try await perform(settings) { migrations, _ throws(SchemaError) in
                print(try migrations.redo(losingData: yes).map { "redid \($0)" } ?? "nothing to do")
            }
        }
    }

    private static func perform(
        _ settings: SettingOptions, _ body: (SchemaMigrations, GatewayConfiguration) throws(SchemaError) -> Void
    ) async throws {
        let configuration = try await settings.configuration()
        guard !configuration.databaseURL.isEmpty else { throw ExitError(.configuration, "DATABASE_URL is not set") }
        do throws(SchemaError) {
            try body(SchemaMigrations(databaseURL: configuration.databaseURL), configuration)
        } catch {
            let status: ExitError.Status =
                switch error.kind {
                case .unavailable: .unavailable
                case .unusable: .configuration
                case .refused: .usage
                }
            throw ExitError(status, error.description)
        }
    }
}

private func checkCount(_ count: Int) throws {
    guard count > 0 else { throw ValidationError("\(count) is not a number of migrations, 1 or more") }
}
