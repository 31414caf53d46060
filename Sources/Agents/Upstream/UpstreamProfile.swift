import Synchronization

/// What is known of an upstream, for the process: the operator's word, and what was found out. One for all shards.
///
/// On 400 or 422 one thing is changed, the request sent once more, and what worked is kept and told in one line.
package final class UpstreamProfile: Sendable {
    private struct State {
        var dialect: ChatDialect
        /// A refusal that named nothing was answered by leaving out what is optional, in vain: not tried again.
        var isBlindTried = false
        /// Replies that may yet begin with a thought whose opening tag is missing.
        var expectedThoughts = 0
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

    /// Replies without a thought after which none is expected any more, where the tag was missing, and where it was there:
    /// a template that gives the opening tag gives it always.
    private static let patience = (bare: 4, tagged: 1)

    /// Whether a reply is held back at its beginning, since it may be a thought whose opening tag is missing: models that
    /// think between tags are asked by templates that give the opening themselves.
    package var expectsThought: Bool {
        state.withLock { $0.dialect.hasBareThoughts || $0.expectedThoughts > 0 }
    }

    /// In which form a reply with text had thoughts in it.
    func saw(_ form: TextFilter.ThoughtForm) {
        state.withLock { state in
            switch form {
            case .bare: state.expectedThoughts = Self.patience.bare
            case .tagged: state.expectedThoughts = max(state.expectedThoughts, Self.patience.tagged)
            case .none: state.expectedThoughts = max(state.expectedThoughts - 1, 0)
            }
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
