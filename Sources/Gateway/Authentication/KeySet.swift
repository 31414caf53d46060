import Dispatch
import Logging
import Synchronization

/// The issuer's public keys, shared by all shards: where they come from, the set in use, and who waits for the next.
///
/// The last good set stays in use while its source is away or sends nonsense.
package final class KeySet: Sendable {
    /// Gets the document; calls back once, on any thread, within a time of its own.
    package typealias Source = @Sendable (_ done: @escaping @Sendable (Result<[UInt8], KeySetError>) -> Void) -> Void

    /// What one attempt has brought.
    package struct Outcome: Sendable, Equatable {
        /// Keys that are used.
        package var count: Int
        /// A line for each key that is not used and of which no attempt before has told.
        package var news: [String]
    }

    /// Lines about unused keys that are remembered, so that each is told once.
    private static let maximumTold = 1_024

    private struct State {
        var keys = VerificationKeys()
        var machine: KeyRefreshMachine
        var waiters: [@Sendable () -> Void] = []
        var told: Set<String> = []
    }

    private let source: Source
    private let clock: @Sendable () -> UInt64
    private let report: @Sendable (Result<Outcome, KeySetError>) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - clock: monotonic nanoseconds.
    ///   - report: told of each attempt's outcome.
    package init(
        source: @escaping Source, settings: KeyRefreshMachine.Settings = .init(),
        clock: @escaping @Sendable () -> UInt64 = { DispatchTime.now().uptimeNanoseconds },
        report: @escaping @Sendable (Result<Outcome, KeySetError>) -> Void = { _ in }
    ) {
        self.source = source
        self.clock = clock
        self.report = report
        state = Mutex(State(machine: KeyRefreshMachine(settings)))
    }

    package var keys: VerificationKeys { state.withLock { $0.keys } }

    /// Whether nobody could sign in, for want of any key.
    package var isEmpty: Bool { keys.count == 0 }

    /// Asks again if it is time; to be called every second or so.
    package func tick() {
        let now = clock()
        if state.withLock({ $0.machine.tick(at: now) }) { fetch() }
    }

    /// Asks now, for instance because the file was changed.
    package func reload() {
        if state.withLock({ $0.machine.force() }) { fetch() }
    }

    /// For a token that new keys may make a good one.
    ///
    /// - Parameter done: called once on any thread when there may be new keys, if the answer is to wait; then `standing`
    ///   says what to do with a token that still fails.
    package func refresh(_ done: @escaping @Sendable () -> Void) -> KeyRefreshMachine.Answer {
        let now = clock()
        let answer = state.withLock { state in
            let answer = state.machine.tokenFailed(at: now)
            if case .wait = answer { state.waiters.append(done) }
            return answer
        }
        if answer == .wait(fetch: true) { fetch() }
        return answer
    }

    /// Whether a token that fails is to be refused, or nobody can tell.
    package var standing: KeyRefreshMachine.Answer {
        let now = clock()
        return state.withLock { $0.machine.standing(at: now) }
    }

    /// Asks for the first set and waits for the answer.
    package func load() async throws(KeySetError) {
        let wasIdle = state.withLock { $0.machine.force() }
        guard wasIdle else { return }
        let result = await withCheckedContinuation { continuation in
            source { continuation.resume(returning: $0) }
        }
        _ = try await take(result).get()
    }

    private func fetch() {
        source { result in
            Task { _ = await self.take(result) }
        }
    }

    private func take(_ result: Result<[UInt8], KeySetError>) async -> Result<Outcome, KeySetError> {
        let parsed: Result<VerificationKeys, KeySetError>
        switch result {
        case .failure(let error): parsed = .failure(error)
        case .success(let bytes):
            do throws(KeySetError) {
                parsed = .success(try await VerificationKeys(jwks: bytes))
            } catch {
                parsed = .failure(error)
            }
        }
        let now = clock()
        var succeeded = false
        if case .success = parsed { succeeded = true }
        var news: [String] = []
        let waiters = state.withLock { state in
            if case .success(let keys) = parsed {
                state.keys = keys
                for line in keys.unused where state.told.count < Self.maximumTold {
                    if state.told.insert(line).inserted { news.append(line) }
                }
            }
            state.machine.ended(succeeded: succeeded, at: now)
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        let outcome = parsed.map { Outcome(count: $0.count, news: news) }
        report(outcome)
        for waiter in waiters { waiter() }
        return outcome
    }
}
