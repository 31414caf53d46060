import JSON
import Chat
import Strings

/// A store in memory that keeps to the contract of `ChatStore` and answers when, and in the order in which, a test
/// says so. What a call does to the "database" and the moment its caller hears of it are two steps, as in life.
final class FakeStore: ChatStore, ToolHost {
    enum Kind: Sendable, Equatable {
        case accept, begin, end, perform, messages, conversation, sent
        case suspend, approvals, resume, decline, resumption
    }

    /// A call whose answer is still due.
    final class Held {
        let kind: Kind
        private let effect: () -> Void
        private let answer: (StoreError?) -> Void
        private(set) var isCommitted = false

        init(kind: Kind, effect: @escaping () -> Void, answer: @escaping (StoreError?) -> Void) {
            self.kind = kind
            self.effect = effect
            self.answer = answer
        }

        func commit() {
            guard !isCommitted else { return }
            isCommitted = true
            effect()
        }

        func complete() {
            commit()
            answer(nil)
        }

        func fail(_ error: StoreError) { answer(error) }
    }

    struct Run {
        var threadID: Identifier
        var message: Identifier
        var status: RunStatus
    }

    private(set) var held: [Held] = []
    var conversations: [Identifier: (userID: String, conversation: Conversation)] = [:]
    var messages: [Identifier: [Message]] = [:]
    var runs: [Identifier: Run] = [:]
    var clientIDs: [ExactString: Identifier] = [:]
    /// The runs that messages of assistants were said by.
    var saidBy: [Identifier: Identifier] = [:]
    private(set) var operations: [ToolCallKey: ToolOutcome] = [:]
    private(set) var effects: [ToolOperation] = []
    private(set) var endings: [RunEnding] = []
    private(set) var turns: [NewTurn] = []
    private(set) var checkpoints: [RunCheckpoint] = []
    /// What the database would have refused, or what no caller may do.
    private(set) var violations: [String] = []
    /// What a tool does.
    var tool: (ToolOperation) -> ToolOutcome = { operation in
        ToolOutcome(status: .success, result: ["done": .integer(Int64(operation.key.ordinal))])
    }
    /// Runs of other gateways.
    var elsewhere: Set<Identifier> = []
    var approvals: [Identifier: [Approval]] = [:]
    /// The runs that went on, by those that had waited.
    var followers: [Identifier: Identifier] = [:]
    var isFull = false
    private var clock: Int64 = 1_000_000

    // MARK: For tests

    func held(_ kind: Kind) -> [Held] { held.filter { $0.kind == kind } }

    /// Takes the oldest call of a kind out of the queue.
    func take(_ kind: Kind? = nil) -> Held? {
        guard let index = held.firstIndex(where: { kind == nil || $0.kind == kind }) else { return nil }
        return held.remove(at: index)
    }

    /// Answers the oldest call of a kind; whether there was one.
    @discardableResult
    func release(_ kind: Kind? = nil) -> Bool {
        guard let call = take(kind) else { return false }
        call.complete()
        return true
    }

    @discardableResult
    func fail(_ kind: Kind, _ error: StoreError, committed: Bool = false) -> Bool {
        guard let call = take(kind) else { return false }
        if committed { call.commit() }
        call.fail(error)
        return true
    }

    /// Takes the call at a place of the queue out of it.
    func take(at index: Int) -> Held { held.remove(at: index) }

    /// Answers everything that is asked, and what follows from it.
    func releaseAll(except kinds: Set<Kind> = []) {
        while let index = held.firstIndex(where: { !kinds.contains($0.kind) }) {
            held.remove(at: index).complete()
        }
    }

    func stored(_ threadID: Identifier) -> [Message] { messages[threadID] ?? [] }

    // MARK: ChatStore

    func touch(_ user: UserRecord) {}

    func accept(_ turn: NewTurn, completion: @escaping (StoreWrite<Acceptance>) -> Void) {
        turns.append(turn)
        hold(.accept, completion) { self.accepted(turn) }
    }

    func end(_ ending: RunEnding, completion: @escaping (StoreWrite<EndingOutcome>) -> Void) {
        if !ending.status.isTerminal { violations.append("an end as \(ending.status)") }
        hold(.end, completion) { self.ended(ending) }
    }

    func begin(userID: String, runID: Identifier, completion: @escaping (StoreWrite<Beginning>) -> Void) {
        hold(.begin, completion) {
            guard let run = self.runs[runID], !run.status.isTerminal, !self.elsewhere.contains(runID) else {
                return .gone
            }
            if run.status == .running { return .begun }
            let active = self.runs.first { $0.value.threadID == run.threadID && $0.value.status == .running }
            if let active { return .waits(behind: active.key) }
            self.runs[runID]?.status = .running
            return .begun
        }
    }

    func checkpoint(_ checkpoint: RunCheckpoint) { checkpoints.append(checkpoint) }

    func call(_ operation: ToolOperation, completion: @escaping (StoreWrite<ToolOutcome>) -> Void) {
        hold(.perform, completion) {
            if let outcome = self.operations[operation.key] { return outcome }
            let outcome = self.tool(operation)
            self.effects.append(operation)
            self.operations[operation.key] = outcome
            return outcome
        }
    }

    func accepts(_ name: String, _ arguments: JSON) -> Bool { arguments["bad"] == nil }

    func suspend(_ suspension: RunSuspension, completion: @escaping (StoreWrite<SuspensionOutcome>) -> Void) {
        hold(.suspend, completion) {
            self.approvals[suspension.ending.runID] = suspension.approvals
            guard case .stored = self.ended(suspension.ending) else { return .threadGone }
            return .stored(expiresAt: 1)
        }
    }

    func approvals(
        userID: String, threadID: Identifier, ids: [Identifier],
        completion: @escaping (Result<ThreadApprovals?, StoreError>) -> Void
    ) {
        hold(.approvals, completion) {
            guard self.conversations[threadID]?.userID == userID else { return nil }
            var known = ThreadApprovals()
            for (run, asked) in self.approvals where self.runs[run]?.threadID == threadID {
                known.approvals += asked.filter { $0.status == .open || ids.contains($0.id) }
                known.followers[run] = self.followers[run]
                known.question = self.stored(threadID).first { $0.id == self.runs[run]?.message }
            }
            return known
        }
    }

    func resume(_ resumption: NewResumption, completion: @escaping (StoreWrite<ResumeOutcome>) -> Void) {
        hold(.resume, completion) {
            guard let run = self.runs[resumption.suspendedRunID] else { return .changed }
            guard run.status == .suspended else {
                return .duplicate(runID: self.followers[resumption.suspendedRunID])
            }
            self.runs[resumption.suspendedRunID]?.status = .completed
            self.runs[resumption.runID] = Run(threadID: run.threadID, message: run.message, status: .running)
            self.followers[resumption.suspendedRunID] = resumption.runID
            self.approvals[resumption.suspendedRunID] = resumption.approvals
            var results: [Identifier: JSON] = [:]
            for approval in resumption.approvals where approval.status == .approved {
                results[approval.id] = ["done": 1]
            }
            return .resumed(results: results)
        }
    }

    func decline(
        userID: String, threadID: Identifier, runID: Identifier?, as status: Approval.Status, by session: String?,
        completion: @escaping (StoreWrite<Identifier?>) -> Void
    ) {
        hold(.decline, completion) { self.decline(threadID, as: status) }
    }

    func resumption(
        userID: String, runID: Identifier, completion: @escaping (Result<Resumption?, StoreError>) -> Void
    ) {
        hold(.resumption, completion) {
            guard let suspended = self.followers.first(where: { $0.value == runID })?.key else { return nil }
            return Resumption(suspendedRunID: suspended, approvals: self.approvals[suspended] ?? [])
        }
    }

    private func decline(_ threadID: Identifier, as status: Approval.Status) -> Identifier? {
        guard let run = runs.first(where: { $0.value.threadID == threadID && $0.value.status == .suspended })?.key
        else { return nil }
        runs[run]?.status = .cancelled
        for index in (approvals[run] ?? []).indices { approvals[run]?[index].status = status }
        return run
    }

    func newestMessages(
        userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        hold(.messages, completion) {
            guard self.conversations[threadID]?.userID == userID else { return nil }
            let all = self.stored(threadID).map { self.withRun($0) }
            return MessagePage(messages: Array(all.suffix(limit)), hasMore: all.count > limit)
        }
    }

    func history(
        userID: String, threadID: Identifier, runID: Identifier, position: Int, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        hold(.messages, completion) {
            guard self.conversations[threadID]?.userID == userID else { return nil }
            let all = self.shown(threadID).prefix { $0.id != self.runs[runID]?.message }
            return MessagePage(messages: Array(all.suffix(limit)), hasMore: all.count > limit)
        }
    }

    // Branches are PostgreSQL's matter: what stands in for it has none.

    func branch(_ turn: NewBranch, completion: @escaping (StoreWrite<BranchAcceptance>) -> Void) {
        hold(.accept, completion) { .noSuchPlace }
    }

    func tree(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<RunTree?, StoreError>) -> Void
    ) {
        hold(.messages, completion) { nil }
    }

    func select(
        userID: String, threadID: Identifier, head: Identifier,
        completion: @escaping (StoreWrite<SelectionOutcome>) -> Void
    ) {
        hold(.messages, completion) { .noSuchPlace }
    }

    func sentTurn(
        userID: String, clientID: String, completion: @escaping (Result<SentTurn?, StoreError>) -> Void
    ) {
        hold(.sent, completion) {
            guard let runID = self.clientIDs[ExactString("\(userID)/\(clientID)")], let run = self.runs[runID] else {
                return nil
            }
            return SentTurn(
                threadID: run.threadID, messageID: run.message, runID: runID, runEnded: run.status.isTerminal,
                isElsewhere: !run.status.isTerminal && self.elsewhere.contains(runID))
        }
    }

    func activeConversation(
        userID: String, completion: @escaping (Result<Identifier?, StoreError>) -> Void
    ) {
        hold(.conversation, completion) {
            self.conversations.values.filter { $0.userID == userID && $0.conversation.status == .active }
                .max { $0.conversation.updatedAt < $1.conversation.updatedAt }?.conversation.id
        }
    }

    func conversation(
        userID: String, threadID: Identifier, completion: @escaping (Result<Conversation?, StoreError>) -> Void
    ) {
        hold(.conversation, completion) {
            guard let found = self.conversations[threadID], found.userID == userID else { return nil }
            return found.conversation
        }
    }

    // MARK: Inside

    /// Question by question.
    private func shown(_ threadID: Identifier) -> [Message] {
        let all = stored(threadID)
        // What a test has put there is in its order.
        guard all.allSatisfy({ $0.role == .user || saidBy[$0.id] != nil }) else { return all }
        return all.filter { $0.role == .user }.flatMap { question in
            let run = runs.first { $0.value.message == question.id }?.key
            return [question] + all.filter { $0.role != .user && run != nil && saidBy[$0.id] == run }
        }
    }

    private func withRun(_ message: Message) -> Message {
        guard let (id, run) = runs.first(where: { $0.value.message == message.id }) else { return message }
        var message = message
        let code = endings.last { $0.runID == id }?.failure?.code
        message.run = MessageRun(id: id, status: run.status, code: run.status.isTerminal ? code : nil)
        return message
    }

    private func hold<Value>(
        _ kind: Kind, _ completion: @escaping (StoreWrite<Value>) -> Void, _ effect: @escaping () -> Value
    ) {
        hold(kind, { completion(StoreWrite($0)) }, effect)
    }

    private func hold<Value>(
        _ kind: Kind, _ completion: @escaping (Result<Value, StoreError>) -> Void, _ effect: @escaping () -> Value
    ) {
        var value: Value?
        held.append(
            Held(kind: kind, effect: { value = effect() }) { error in
                if let error {
                    completion(.failure(error))
                } else if let value {
                    completion(.success(value))
                }
            })
    }

    private func accepted(_ turn: NewTurn) -> Acceptance {
        if let stored = stored(turn.threadID).first(where: { $0.id == turn.messageID }),
            let conversation = conversations[turn.threadID]?.conversation
        {
            let isRunning = runs[turn.runID]?.status == .running
            return .accepted(conversation, position: stored.position, isRunning: isRunning)
        }
        if let key = turn.clientID, let runID = clientIDs[ExactString("\(turn.userID)/\(key)")], let run = runs[runID] {
            return .duplicate(
                threadID: run.threadID, messageID: run.message, runID: runID, runEnded: run.status.isTerminal)
        }
        if isFull { return .conversationFull }
        if !turn.waits, runs.values.contains(where: { $0.threadID == turn.threadID && !$0.status.isTerminal }) {
            return .busy
        }
        _ = decline(turn.threadID, as: .declined)
        clock += 1
        if turn.isNewThread, conversations[turn.threadID] == nil {
            conversations[turn.threadID] = (
                turn.userID,
                Conversation(
                    id: turn.threadID, title: turn.title, status: .active, messageCount: 0, createdAt: clock,
                    updatedAt: clock)
            )
        }
        guard let found = conversations[turn.threadID], found.userID == turn.userID else { return .threadNotFound }
        var conversation = found.conversation
        // The database lets it wait behind a run of another gateway.
        let isRunning = turn.startsNow && !hasRunElsewhere(turn.threadID)
        if isRunning { checkNothingRuns(in: turn.threadID, beside: turn.runID) }
        let position = append(
            Message(id: turn.messageID, role: .user, content: turn.content, runID: turn.runID), to: turn.threadID)
        runs[turn.runID] = Run(
            threadID: turn.threadID, message: turn.messageID, status: isRunning ? .running : .queued)
        if let key = turn.clientID { clientIDs[ExactString("\(turn.userID)/\(key)")] = turn.runID }
        conversation.messageCount = position
        conversation.updatedAt = clock
        conversations[turn.threadID] = (turn.userID, conversation)
        return .accepted(conversation, position: position, isRunning: isRunning)
    }

    private func ended(_ ending: RunEnding) -> EndingOutcome {
        endings.append(ending)
        clock += 1
        guard conversations[ending.threadID] != nil, let run = runs[ending.runID] else { return .threadGone }
        if run.status.isTerminal { return .stored(updatedAt: clock) }
        runs[ending.runID]?.status = ending.status
        for var message in ending.messages {
            message.runID = ending.runID
            saidBy[message.id] = ending.runID
            _ = append(message, to: ending.threadID)
        }
        if let next = ending.nextRunID, runs[next]?.status == .queued {
            checkNothingRuns(in: ending.threadID, beside: next)
            runs[next]?.status = .running
        }
        return .stored(updatedAt: clock)
    }

    private func append(_ message: Message, to threadID: Identifier) -> Int {
        var message = message
        if stored(threadID).contains(where: { $0.id == message.id }) { violations.append("a message stored twice") }
        message.position = stored(threadID).count + 1
        messages[threadID, default: []].append(message)
        return message.position
    }

    private func hasRunElsewhere(_ threadID: Identifier) -> Bool {
        runs.contains { $0.value.threadID == threadID && $0.value.status == .running && elsewhere.contains($0.key) }
    }

    private func checkNothingRuns(in threadID: Identifier, beside runID: Identifier) {
        for (id, run) in runs where run.threadID == threadID && run.status == .running && id != runID {
            violations.append("run \(runID) begins while \(id) runs")
        }
    }
}
