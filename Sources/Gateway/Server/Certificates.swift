import EventLoop
import Logging

/// The certificates of a server that is reached over TLS, read at the start and again at each SIGHUP.
final class Certificates: Sendable {
    let context: TLSServerContext

    /// - Throws: `StartError.configuration` when one can't be used.
    init(_ files: [TLSCertificateFiles], _ hangups: HangupSignal, logger: Logger) throws(StartError) {
        let context: TLSServerContext
        do {
            context = try TLSServerContext(files)
        } catch {
            throw .configuration("TLS_CERTIFICATE: \(error)")
        }
        if let warning = context.warning { logger.warning("\(warning)") }
        self.context = context
        hangups.observe { Self.reload(context, logger) }
    }

    /// Sockets that are open keep what they began with; when the new ones can't be used, the old ones stay.
    private static func reload(_ context: TLSServerContext, _ logger: Logger) {
        do throws(TLSConfigurationError) {
            try context.reload()
            logger.notice("certificates read again")
        } catch {
            logger.error("certificates not changed", metadata: ["cause": "\(error)"])
        }
    }
}
