package import ArgumentParser
import Gateway
package import Logging
package import ServiceLifecycle
import UnixSignals

/// A command that stays until it is asked to stop.
package protocol ServingCommand: AsyncParsableCommand {}

/// Runs a service until SIGTERM or SIGINT, and turns what keeps it from starting into an exit status.
package func runService(_ service: some Service, logger: Logger) async throws {
    let group = ServiceGroup(
        configuration: .init(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
    do {
        try await group.run()
    } catch let error as StartError {
        switch error {
        case .configuration(let message): throw ExitError(.configuration, message)
        case .database(let message), .network(let message): throw ExitError(.unavailable, message)
        case .stopped: return
        }
    }
}

/// The group's own lines add nothing to the gateway's.
private func quiet(_ logger: Logger) -> Logger {
    var quiet = logger
    quiet.logLevel = .critical
    return quiet
}
