import ArgumentParser
import Command
import Gateway

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up or down.",
        subcommands: [Up.self, Down.self, Status.self, Redo.self])

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Apply the pending migrations, or the next N.")
        @OptionGroup var settings: SettingOptions
        @Argument(help: "How many.") var count: Int?

        func run() async throws {
            try await perform(settings) { migrations throws(SchemaError) in
                let applied = try migrations.up(count)
                if applied.isEmpty { print("nothing to do") }
                for name in applied { print("applied \(name)") }
            }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take back the last migration, or the last N.")
        @OptionGroup var settings: SettingOptions
        @Argument(help: "How many.") var count = 1

        func run() async throws {
            try await perform(settings) { migrations throws(SchemaError) in
                let reverted = try migrations.down(count)
                if reverted.isEmpty { print("nothing to do") }
                for name in reverted { print("took back \(name)") }
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the migrations.")
        @OptionGroup var settings: SettingOptions

        func run() async throws {
            try await perform(settings) { migrations throws(SchemaError) in
                for line in try migrations.status() { print(line) }
            }
        }
    }

    struct Redo: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take the last migration back and apply it again.")
        @OptionGroup var settings: SettingOptions

        func run() async throws {
            try await perform(settings) { migrations throws(SchemaError) in
                print(try migrations.redo().map { "redid \($0)" } ?? "nothing to do")
            }
        }
    }

    private static func perform(
        _ settings: SettingOptions, _ body: (SchemaMigrations) throws(SchemaError) -> Void
    ) async throws {
        let configuration = try await settings.configuration()
        guard !configuration.databaseURL.isEmpty else { throw ExitError(.configuration, "DATABASE_URL is not set") }
        do throws(SchemaError) {
            try body(SchemaMigrations(databaseURL: configuration.databaseURL))
        } catch {
            throw ExitError(error.isUnreachable ? .unavailable : .configuration, error.description)
        }
    }
}
