import Logging
import Synchronization

/// What the log is told of attempts to have the key set: each failure when it is new, since an issuer that is away is
/// asked every few seconds, each key that is not used once, and the end of the failures.
final class KeySetLog: Sendable {
    private let logger: Logger
    private let failing = Mutex<KeySetError?>(nil)

    init(_ logger: Logger) {
        self.logger = logger
    }

    func note(_ outcome: Result<KeySet.Outcome, KeySetError>) {
        var failure: KeySetError?
        if case .failure(let error) = outcome { failure = error }
        let before = failing.withLock { failing in
            let before = failing
            failing = failure
            return before
        }
        switch outcome {
        case .success(let outcome):
            let level: Logger.Level = before == nil ? .debug : .notice
            logger.log(level: level, "key set read", metadata: ["keys": "\(outcome.count)"])
            for line in outcome.news { logger.notice("in the key set", metadata: ["cause": "\(line)"]) }
        case .failure(let error):
            let level: Logger.Level = before == error ? .debug : .warning
            logger.log(level: level, "no new key set", metadata: ["cause": "\(error)"])
        }
    }
}
