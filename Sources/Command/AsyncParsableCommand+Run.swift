package import ArgumentParser
import Foundation
import Gateway

extension AsyncParsableCommand {
    /// Reads the command line and carries it out: an error is one line on standard error and a status of sysexits(3).
    ///
    /// - Parameter name: of the program, before that line.
    package static func run(as name: String) async {
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
            complain("\(name): \(error.message)")
            Foundation.exit(error.status.rawValue)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            // Usage and hints belong to --help; a wrong word gets one line.
            let text = message(for: error).split(whereSeparator: \.isNewline).first ?? "wrong usage"
            complain("\(name): \(text) (see \(name) --help)")
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
