package import ArgumentParser
import CStart
import Foundation
import Gateway

extension AsyncParsableCommand {
    /// Reads the command line and carries it out: an error is one line on standard error and a status of sysexits(3).
    ///
    /// - Parameter name: of the program, before that line.
    package static func run(as name: String) async {
        // A peer that has gone is an error of a write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        heedStopsAsFirstProcess()
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            try checkCommands(arguments, of: name)
            var command = try parseAsRoot(joined(arguments))
            if command is any ServingCommand {
                DescriptorLimit.raise()
            } else {
                parley_restore_hangup()
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
            let lines = fullMessage(for: error).split(whereSeparator: \.isNewline)
            let text = lines.first { $0.hasPrefix("Error: ") }?.dropFirst(7) ?? "wrong usage"
            complain("\(name): \(text) (see \(help(in: lines, of: name)))")
            Foundation.exit(ExitError.Status.usage.rawValue)
        }
    }

    /// A number below zero is an option's value, however wrong: so what is wrong with it is said, and not that it is missing.
    private static func joined(_ arguments: [String]) -> [String] {
        var joined: [String] = []
        for argument in arguments {
            let isNegative =
                argument.utf8.first == 0x2D && argument.utf8.dropFirst().first.map { 0x30...0x39 ~= $0 } ?? false
            if isNegative, let last = joined.last, last.hasPrefix("--"), last != "--", !last.contains("=") {
                joined[joined.count - 1] = "\(last)=\(argument)"
            } else {
                joined.append(argument)
            }
        }
        return joined
    }

    /// What to call for the options of the command that was meant.
    private static func help(in message: [Substring], of name: String) -> Substring {
        guard let line = message.last(where: { $0.contains("See '") }),
            let start = line.firstIndex(of: "'"), let end = line.lastIndex(of: "'"), start < end
        else { return "\(name) --help" }
        return line[line.index(after: start)..<end]
    }

    /// - Throws: for a word in the place of a command that is none.
    private static func checkCommands(_ arguments: [String], of name: String) throws(ExitError) {
        var command: any ParsableCommand.Type = Self.self
        var path = name
        var words = arguments.prefix { !$0.hasPrefix("-") }
        if words.first == "help" { words = words.dropFirst() }
        for word in words {
            let known = command.configuration.subcommands
            guard !known.isEmpty else { return }
            guard let next = known.first(where: { $0._commandName == word }) else {
                let near = NearestName.find(word, among: known.map { $0._commandName }, within: max(1, word.count / 3))
                let hint = near.map { ": is \(path) \($0) meant?" } ?? ""
                throw ExitError(.usage, "there is no command \(path) \(word)\(hint) (see \(path) --help)")
            }
            command = next
            path += " \(next._commandName)"
        }
    }

    /// The first process of a container is not ended by a signal that it does not handle: a stop that comes before the
    /// gateway listens for it would be lost.
    private static func heedStopsAsFirstProcess() {
        guard getpid() == 1 else { return }
        for number in [SIGTERM, SIGINT] { signal(number) { _exit(128 + $0) } }
    }
}

/// A line for whoever called, on standard error: one that reads no more does not keep the process from ending.
package func complain(_ line: String) {
    let lines = LineWriter(descriptor: STDERR_FILENO)
    lines.write(line + "\n")
    lines.flush(within: .seconds(1))
}
