import ArgumentParser
import Command
import Foundation
import Gateway
import Logging
import Synchronization

struct Serve: ServingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway.",
        discussion: """
            Settings come from these flags, then the environment, then a file; parley config list shows them all.

            Example: DATABASE_URL=postgresql:///parley AUTH_JWT_SECRET=… parley serve --http-port 8080
            """)

    @OptionGroup var options: ServingOptions

    @Flag(
        help: "For a developer's machine: tokens for anybody at /dev/token, a visible pace, migrations at the start.")
    var dev = false

    func run() async throws {
        let sources = try await options.sources()
        var configuration = try sources.configuration(isDevelopment: dev)
        if dev, !["127.0.0.1", "::1", "localhost"].contains(configuration.host) {
            throw ExitError(
                .configuration, "--dev hands out tokens and so listens on 127.0.0.1 or ::1 only (HTTP_HOST)")
        }
        let (format, level) = (configuration.logFormat, configuration.logLevel)
        let lines = LineWriter(descriptor: STDERR_FILENO, capacity: configuration.logBufferBytes) { count in
            LineLogHandler.line(
                format, .warning, "log lines were lost: nobody read them fast enough", ["count": "\(count)"])
        }
        defer { lines.flush(within: .seconds(1)) }
        let logger = Logger(label: "parley") { _ in
            LineLogHandler(format: format, level: level) { lines.write($0) }
        }
        for suspicion in sources.suspicions { logger.warning("\(suspicion)") }
        if dev, configuration.jwtSecret.isEmpty {
            logger.notice("AUTH_JWT_SECRET is not set: tokens are good until this process ends")
            configuration.jwtSecret = Self.randomSecret()
        }
        let output = LineWriter(descriptor: STDOUT_FILENO)
        let hasStarted = Atomic<Bool>(false)
        let gateway = Gateway(configuration: configuration, logger: logger, lines: lines) { url in
            hasStarted.store(true, ordering: .relaxed)
            output.write("listening on \(url)\n")
        }
        try await runService(gateway, logger: logger)
        if !hasStarted.load(ordering: .relaxed) {
            // What the start waited for is still under way on some thread, inside a library that must not be cleaned up
            // under its feet.
            lines.flush(within: .seconds(1))
            _exit(0)
        }
    }

    private static func randomSecret() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in String(generator.next(), radix: 36) }.joined()
    }
}
