import ArgumentParser
import Foundation

/// The command.
@main
struct Parley: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parley",
        abstract: "A streaming chat gateway between browsers and an assistant, durable in PostgreSQL.",
        subcommands: [
            Serve.self, Migrate.self, Retention.self, Reencrypt.self, Token.self, Audit.self, Echo.self, Load.self,
            StoreBench.self,
        ])

    static func main() async {
        // A peer that has gone is an error of a write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ExitError {
            FileHandle.standardError.write(Data("parley: \(error.message)\n".utf8))
            Foundation.exit(error.status.rawValue)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            // Usage and hints belong to --help; a wrong word gets one line.
            let text = message(for: error).split(whereSeparator: \.isNewline).first ?? "wrong usage"
            FileHandle.standardError.write(Data("parley: \(text) (see parley --help)\n".utf8))
            Foundation.exit(ExitError.Status.usage.rawValue)
        }
    }
}

/// An end with one line and a status of sysexits(3).
struct ExitError: Error {
    enum Status: Int32 {
        case usage = 64
        case unavailable = 69
        case software = 70
        case configuration = 78
    }

    var status: Status
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        // Whatever a library has put into it, the operator gets one line.
        self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
