import ArgumentParser
import Foundation
import Gateway

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
        // Nothing ends a command that serves but a stop: not even before it knows what it has to read again.
        let hangup = signal(SIGHUP, SIG_IGN)
        heedStopsAsFirstProcess()
        do {
            var command = try parseAsRoot()
            if command is any ServingCommand {
                DescriptorLimit.raise()
            } else {
                signal(SIGHUP, hangup)
            }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ExitError {
            complain("parley: \(error.message)")
            Foundation.exit(error.status.rawValue)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            // Usage and hints belong to --help; a wrong word gets one line.
            let text = message(for: error).split(whereSeparator: \.isNewline).first ?? "wrong usage"
            complain("parley: \(text) (see parley --help)")
            Foundation.exit(ExitError.Status.usage.rawValue)
        }
    }

    /// The last line, for whoever reads it: one that has stalled does not keep the process from ending.
    private static func complain(_ line: String) {
        let lines = LineWriter(descriptor: STDERR_FILENO)
        lines.write(line + "\n")
        lines.flush(within: .seconds(1))
    }

    /// The first process of a container is not ended by a signal that it does not handle: a stop that comes before the
    /// gateway listens for it would be lost.
    private static func heedStopsAsFirstProcess() {
        guard getpid() == 1 else { return }
        for number in [SIGTERM, SIGINT] { signal(number) { _exit(128 + $0) } }
    }
}

/// A command that stays until it is asked to stop.
protocol ServingCommand: AsyncParsableCommand {}

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
