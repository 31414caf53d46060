import Synchronization

/// What is known of an upstream, for the process: the operator's word, and what was found out. One for all shards.
///
/// On 400 or 422 one thing is changed, the request sent once more, and what worked is kept and told in one line.
package final class UpstreamProfile: Sendable {
    private struct State {
        var dialect: ChatDialect
        /// A refusal that named nothing was answered by leaving out what is optional, in vain: not tried again.
        var isBlindTried = false
    }

    private let state: Mutex<State>
    private let start: ChatDialect

    package init(_ dialect: ChatDialect = ChatDialect()) {
        start = dialect
        state = Mutex(State(dialect: dialect))
    }

    package var dialect: ChatDialect { state.withLock { $0.dialect } }

    /// What was found out, as `AGENT_COMPAT` would have it; empty: nothing.
    package var learnt: String { dialect.differences(from: start) }

    /// What worked: some features of a dialect. - Returns: what is new in it; `nil`: nothing.
    package func learn(_ features: [ChatDialect.Feature], of dialect: ChatDialect) -> String? {
        state.withLock { state in
            var next = state.dialect
            for feature in features { next.take(feature, of: dialect) }
            let new = next.differences(from: state.dialect)
            state.dialect = next
            return new.isEmpty ? nil : new
        }
    }

    /// Whether what a refusal does not name may be tried. - Returns: once true.
    package func mayTryBlindly() -> Bool {
        state.withLock { state in
            defer { state.isBlindTried = true }
            return !state.isBlindTried
        }
    }
}
