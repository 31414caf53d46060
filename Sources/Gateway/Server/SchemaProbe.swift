import Dispatch
import EventLoop
import Postgres
import Store
import Synchronization

/// Whether the database's schema is the one that this program was made for: asked for anew when the last answer is a
/// second old, by one asker at a time, on a connection of its own off the loops.
final class SchemaProbe: Sendable {
    /// Nanoseconds for which an answer counts.
    private static let validity: UInt64 = 1_000_000_000
    /// Askers that may wait for the same answer; others get the last one.
    private static let maximumWaiting = 256

    private struct State {
        var problem: String?
        var checkedAt: UInt64?
        var isChecking = false
        var waiting: [@Sendable (String?) -> Void] = []
    }

    private let check: @Sendable () -> String?
    private let state = Mutex(State())

    /// - Parameter check: what is wrong; blocks.
    init(check: @escaping @Sendable () -> String?) {
        self.check = check
    }

    convenience init(_ settings: PostgresSettings) {
        self.init {
            do throws(MigrationError) {
                try Migrator(settings).check()
                return nil
            } catch {
                // The wording is for the operator's eyes; what is asked from outside gets the kind.
                return error.kind == .unreachable ? "database unreachable" : "migrations pending or changed"
            }
        }
    }

    /// - Parameter answer: what is wrong, `nil` when nothing is; on any thread, perhaps at once.
    func ask(_ answer: @escaping @Sendable (_ problem: String?) -> Void) {
        let now = monotonicNanoseconds()
        enum Step { case known(String?), wait, begin }
        let step: Step = state.withLock { state in
            if let at = state.checkedAt, now < at + Self.validity { return .known(state.problem) }
            if state.isChecking, state.waiting.count >= Self.maximumWaiting { return .known(state.problem) }
            state.waiting.append(answer)
            if state.isChecking { return .wait }
            state.isChecking = true
            return .begin
        }
        switch step {
        case .known(let problem): answer(problem)
        case .wait: break
        case .begin: DispatchQueue.global().async { self.run() }
        }
    }

    private func run() {
        let problem = check()
        let waiting = state.withLock { state in
            state.problem = problem
            state.checkedAt = monotonicNanoseconds()
            state.isChecking = false
            let waiting = state.waiting
            state.waiting = []
            return waiting
        }
        for answer in waiting { answer(problem) }
    }
}
