import Chat

/// The form in which a turn's request goes out: what the upstream takes, and how much of the conversation. After a
/// refusal it says whether another form may help, and what came of it is remembered once an answer begins.
struct RequestForm {
    private(set) var dialect: ChatDialect
    private(set) var fit: ChatCompletionsRequest.Fit
    private var changed: [ChatDialect.Feature] = []
    /// History was left out for what is in it, not for its length.
    private var isHistorySuspect = false
    private var hasShrunk = false
    private var changes = 0

    /// Forms of one request that are tried.
    static let changeLimit = 8

    init(_ dialect: ChatDialect, budget: Int?) {
        self.dialect = dialect
        fit = ChatCompletionsRequest.Fit(budget: budget)
    }

    /// Another step begins.
    mutating func begin() {
        changes = 0
        hasShrunk = false
    }

    /// - Returns: whether the request should be sent again, in the form that there is now.
    mutating func change(
        after failure: AgentFailure, _ request: ChatCompletionsRequest, _ profile: UpstreamProfile
    ) -> Bool {
        guard changes < Self.changeLimit, let kind = Self.kind(of: failure) else { return false }
        changes += 1
        switch kind {
        case .tooLong:
            guard let smaller = request.smaller(than: fit) else { return false }
            fit = smaller
            hasShrunk = true
            return true
        case .filtered: return leaveOutHistory(request)
        case .unsupported(let feature):
            if change(feature, words: failure.refusal?.message.lowercased() ?? "") { return true }
        case .other: break
        }
        // It says nothing that is understood.
        guard failure.status == 400 || failure.status == 422 else { return false }
        if dialect.streamOptions, profile.mayTryBlindly(), change(.streamOptions, words: "") { return true }
        return leaveOutHistory(request)
    }

    private mutating func change(_ feature: ChatDialect.Feature, words: String) -> Bool {
        guard let next = dialect.without(feature, words: words) else { return false }
        dialect = next
        if !changed.contains(feature) { changed.append(feature) }
        return true
    }

    private mutating func leaveOutHistory(_ request: ChatCompletionsRequest) -> Bool {
        guard request.holdsHistory(fit) else { return false }
        fit.hasHistory = false
        isHistorySuspect = true
        return true
    }

    /// An answer has begun. - Returns: what was found out about the upstream.
    mutating func taken(
        _ profile: UpstreamProfile, _ memory: ConversationMemory, _ request: ChatCompletionsRequest,
        in conversation: Identifier
    ) -> String? {
        if hasShrunk, let budget = fit.budget { memory.remember(budget: budget, of: conversation) }
        if isHistorySuspect { memory.remember(refused: request.questions, in: conversation) }
        isHistorySuspect = false
        hasShrunk = false
        guard !changed.isEmpty else { return nil }
        defer { changed = [] }
        return profile.learn(changed, of: dialect)
    }

    /// What a failure says of the request; `nil`: nothing, it was not the request.
    private static func kind(of failure: AgentFailure) -> UpstreamRefusal.Kind? {
        switch failure.status {
        case 413: return .tooLong
        case 400, 403, 404, 415, 422, 451:
            guard let refusal = failure.refusal else {
                return failure.status == 400 || failure.status == 422 ? .other : nil
            }
            return refusal.kind(status: failure.status)
        // Some servers fail where they should refuse, and some say so in a body that should have been a stream.
        case nil, 500, 501:
            guard let kind = failure.refusal?.kind(status: failure.status), kind != .other else { return nil }
            return kind
        default: return nil
        }
    }
}
