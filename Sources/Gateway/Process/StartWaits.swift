import Logging
import ServiceLifecycle
import Synchronization

/// What the start waits for: it is said when it takes long, and given up when a stop is asked for.
struct StartWaits: Sendable {
    let logger: Logger
    let manager: ServiceManager
    /// Until a wait is said, and said again.
    private static let first = Duration.seconds(1)
    private static let interval = Duration.seconds(10)

    /// - Parameters:
    ///   - what: for the operator; no secrets.
    ///   - body: left behind when a stop is asked for, since what it waits for may never come: the process ends then.
    /// - Throws: `StartError.stopped`, or what `body` throws.
    func wait<Value: Sendable>(
        for what: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let outcome = Outcome<Value>()
        let work = Task {
            do { outcome.settle(.success(try await body())) } catch { outcome.settle(.failure(error)) }
        }
        let reports = Task { [logger, manager] in
            var pause = Self.first
            var waited = Duration.zero
            while (try? await Task.sleep(for: pause)) != nil {
                waited += pause
                logger.notice(
                    "starting: waiting", metadata: ["for": "\(what)", "seconds": "\(waited.components.seconds)"])
                manager.say(.waiting(for: what))
                pause = Self.interval
            }
        }
        defer {
            work.cancel()
            reports.cancel()
        }
        return try await withGracefulShutdownHandler {
            try await withCheckedThrowingContinuation { outcome.onSettled($0) }
        } onGracefulShutdown: {
            outcome.settle(.failure(StartError.stopped))
        }
    }

    /// The first of several ends, for one who waits.
    private final class Outcome<Value: Sendable>: Sendable {
        private enum State {
            case open
            case awaited(CheckedContinuation<Value, any Error>)
            case settled(Result<Value, any Error>)
            case over
        }

        private let state = Mutex(State.open)

        func settle(_ result: Result<Value, any Error>) {
            let waiting: CheckedContinuation<Value, any Error>? = state.withLock { state in
                switch state {
                case .open: state = .settled(result)
                case .awaited(let continuation):
                    state = .over
                    return continuation
                case .settled, .over: break
                }
                return nil
            }
            waiting?.resume(with: result)
        }

        func onSettled(_ continuation: CheckedContinuation<Value, any Error>) {
            let known: Result<Value, any Error>? = state.withLock { state in
                if case .settled(let result) = state {
                    state = .over
                    return result
                }
                state = .awaited(continuation)
                return nil
            }
            if let known { continuation.resume(with: known) }
        }
    }
}
