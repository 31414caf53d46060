import Chat
import JSON
import Strings

/// What PostgreSQL does for gateways, as the functions of the schema promise it: each call is one transaction. What it
/// would refuse, or what must never happen, it notes.
final class SimulatedDatabase {
    struct Run {
        var threadID: Identifier
        var userID: String
        var message: Message
        var status: RunStatus
        var node: String
        var checkpoint: [(id: Identifier, content: String)] = []
        var hasEffects = false
        var ends = 0
        /// The suspended one that it goes on from, and how many went before that.
        var resumed: Identifier?
        var depth = 0
    }

    struct Node {
        var beaten: UInt64
        var steadySince: UInt64
    }

    struct Conversation {
        var userID: String
        var title: String?
        var messages: [Message] = []
        var updated: UInt64 = 0
    }

    private let scheduler: Scheduler
    /// What is broken on purpose, to see that it is found.
    let fault: Fault?
    var conversations: [Identifier: Conversation] = [:]
    var runs: [Identifier: Run] = [:]
    var clientIDs: [String: Identifier] = [:]
    var nodes: [String: Node] = [:]
    var operations: [String: ToolOutcome] = [:]
    var effects = 0
    var approvals: [Identifier: [Approval]] = [:]
    private var identifiers: UInt64 = 0
    private(set) var violations: [String] = []

    init(_ scheduler: Scheduler, fault: Fault?) {
        self.scheduler = scheduler
        self.fault = fault
    }

    func note(_ violation: String) { violations.append("\(scheduler.now): \(violation)") }

    private func isMember(_ node: String) -> Bool { fault == .noFence || nodes[node] != nil }

    // MARK: Membership

    func enlist(_ node: String) {
        nodes[node] = Node(beaten: scheduler.now, steadySince: scheduler.now)
    }

    func beat(_ node: String) -> (isMember: Bool, seesStale: Bool) {
        let now = scheduler.now
        guard let row = nodes[node] else {
            // Without the fence a sign of life makes the row again.
            if fault == .noFence { enlist(node) }
            return (fault == .noFence, false)
        }
        let steady = now - row.beaten > 2_000 ? now : row.steadySince
        nodes[node] = Node(beaten: now, steadySince: steady)
        return (true, mayJudge(node) && nodes.contains { now - $0.value.beaten > 4_000 })
    }

    /// When it was away last, for all. Nobody was heard meanwhile, and nobody is judged by that.
    var outage: (from: UInt64, until: UInt64) = (0, 0)

    /// It was away for longer than a gateway may be silent, and those that live have hardly had the time to say so.
    private func isJustBack(_ now: UInt64) -> Bool {
        outage.until >= outage.from + 4_000 && now >= outage.until && now < outage.until + 2_000
    }

    private func mayJudge(_ node: String) -> Bool {
        if fault == .anybodyJudges { return true }
        guard let row = nodes[node] else { return false }
        return scheduler.now - row.steadySince >= 3_500 && scheduler.now - row.beaten <= 2_000
    }

    func recover(_ node: String, again: Bool) -> Result<
        [(userID: String, threadID: Identifier, runID: Identifier, fate: RunStatus, message: Message)], StoreError
    > {
        guard isMember(node) else { return .failure(.fenced) }
        let now = scheduler.now
        if mayJudge(node) {
            for (other, row) in nodes where now - row.beaten > 4_000 && other != node {
                if isJustBack(now) { note("\(other) was declared dead before it had time to beat") }
                nodes[other] = nil
            }
        }
        let orphans = runs.filter {
            !$0.value.status.isTerminal && nodes[$0.value.node] == nil && $0.value.node != node
        }
        .sorted {
            ($0.value.status == .queued ? 1 : 0, $0.value.message.position) < (
                $1.value.status == .queued ? 1 : 0, $1.value.message.position
            )
        }
        var recovered: [(userID: String, threadID: Identifier, runID: Identifier, fate: RunStatus, message: Message)] =
            []
        if again {
            for (id, run) in runs.sorted(by: { $0.value.message.position < $1.value.message.position })
            where run.node == node && !run.status.isTerminal {
                recovered.append((run.userID, run.threadID, id, run.status, run.message))
            }
        }
        for (id, run) in orphans {
            var fate = RunStatus.interrupted
            if run.hasEffects || run.checkpoint.contains(where: { !$0.content.isEmpty }) {
                for text in run.checkpoint where !text.content.isEmpty {
                    append(
                        Message(
                            id: text.id, role: .assistant, content: text.content, status: .interrupted, runID: id),
                        run.threadID)
                }
                runs[id]?.status = .interrupted
                runs[id]?.ends += 1
            } else {
                declineSuspended(run.threadID, as: .declined)
                fate = hasRunning(run.threadID, beside: id) ? .queued : .running
                runs[id]?.status = fate
            }
            runs[id]?.node = node
            recovered.append((run.userID, run.threadID, id, fate, run.message))
        }
        return .success(recovered)
    }

    // MARK: Writes

    func accept(_ turn: NewTurn, _ node: String) -> Result<Acceptance, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        if let run = runs[turn.runID] {
            return .success(accepted(turn.threadID, run.message.position, run.status == .running))
        }
        if let key = turn.clientID, let id = clientIDs["\(turn.userID)/\(key)"], let run = runs[id] {
            return .success(
                .duplicate(
                    threadID: run.threadID, messageID: run.message.id, runID: id, runEnded: run.status.isTerminal))
        }
        if turn.isNewThread, conversations[turn.threadID] == nil {
            conversations[turn.threadID] = Conversation(userID: turn.userID, title: turn.title)
        }
        guard conversations[turn.threadID]?.userID == turn.userID else { return .success(.threadNotFound) }
        if !turn.waits, isHeld(turn.threadID) { return .success(.busy) }
        declineSuspended(turn.threadID, as: .declined)
        let position = append(Message(id: turn.messageID, role: .user, content: turn.content), turn.threadID)
        let starts = (turn.startsNow || !turn.waits) && !hasRunning(turn.threadID, beside: turn.runID)
        runs[turn.runID] = Run(
            threadID: turn.threadID, userID: turn.userID,
            message: Message(id: turn.messageID, role: .user, content: turn.content, position: position),
            status: starts ? .running : .queued, node: node)
        if let key = turn.clientID { clientIDs["\(turn.userID)/\(key)"] = turn.runID }
        let claims = fault == .alwaysBegins ? turn.startsNow || !turn.waits : starts
        return .success(accepted(turn.threadID, position, claims))
    }

    private func accepted(_ thread: Identifier, _ position: Int, _ isRunning: Bool) -> Acceptance {
        .accepted(conversation(thread), position: position, isRunning: isRunning)
    }

    func conversation(_ id: Identifier) -> Chat.Conversation {
        Chat.Conversation(
            id: id, title: conversations[id]?.title, status: .active,
            messageCount: conversations[id]?.messages.count ?? 0, createdAt: 0,
            updatedAt: Int64(conversations[id]?.updated ?? 0))
    }

    func begin(_ id: Identifier, _ node: String) -> Result<Beginning, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        guard let run = runs[id], run.node == node, !run.status.isTerminal else { return .success(.gone) }
        if run.status == .running { return .success(.begun) }
        declineSuspended(run.threadID, as: .declined)
        if let active = running(run.threadID, beside: id) { return .success(.waits(behind: active)) }
        runs[id]?.status = .running
        return .success(.begun)
    }

    func end(_ ending: RunEnding, _ node: String) -> Result<EndingOutcome, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        guard let run = runs[ending.runID] else { return .success(.threadGone) }
        if run.node != node, fault != .noFence { return .failure(.fenced) }
        if run.status.isTerminal, run.node == node, fault != .noFence {
            return .success(.stored(updatedAt: Int64(scheduler.now)))
        }
        for var message in ending.messages {
            message.runID = ending.runID
            append(message, ending.threadID)
        }
        runs[ending.runID]?.status = ending.status
        runs[ending.runID]?.ends += 1
        if let next = ending.nextRunID, runs[next]?.status == .queued, runs[next]?.node == node,
            !isHeld(ending.threadID)
        {
            runs[next]?.status = .running
        }
        return .success(.stored(updatedAt: Int64(scheduler.now)))
    }

    // MARK: Asking a person

    func suspend(_ suspension: RunSuspension, _ node: String) -> Result<SuspensionOutcome, StoreError> {
        let ending = suspension.ending
        guard isMember(node) else { return .failure(.fenced) }
        if let asked = approvals[ending.runID] { return .success(.stored(expiresAt: asked[0].expiresAt)) }
        switch end(ending, node) {
        case .failure(let error): return .failure(error)
        case .success(.stored) where runs[ending.runID]?.status == .suspended: break
        case .success: return .success(.threadGone)
        }
        approvals[ending.runID] = suspension.approvals.map { asked in
            var stored = asked
            stored.expiresAt = Int64(scheduler.now) * 1_000 + Int64(suspension.expiresAfter) * 1_000_000
            return stored
        }
        return .success(.stored(expiresAt: approvals[ending.runID]?.first?.expiresAt ?? 0))
    }

    func approvals(_ thread: Identifier, of userID: String, ids: [Identifier]) -> ThreadApprovals? {
        guard conversations[thread]?.userID == userID else { return nil }
        var known = ThreadApprovals()
        for (run, asked) in approvals.sorted(by: { "\($0.key)" < "\($1.key)" }) where runs[run]?.threadID == thread {
            let wanted = asked.filter { $0.status == .open || ids.contains($0.id) }
            guard !wanted.isEmpty else { continue }
            known.approvals += wanted
            known.followers[run] = follower(of: run)
            known.question = known.question ?? runs[run]?.message
        }
        return known
    }

    private func follower(of run: Identifier) -> Identifier? { runs.first { $0.value.resumed == run }?.key }

    func resume(_ resumption: NewResumption, _ node: String) -> Result<ResumeOutcome, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        guard let run = runs[resumption.suspendedRunID], run.userID == resumption.userID,
            let asked = approvals[resumption.suspendedRunID]
        else { return .success(.changed) }
        func results() -> [Identifier: JSON] {
            var results: [Identifier: JSON] = [:]
            for approval in asked {
                results[approval.id] = operations["\(approval.runID)/\(approval.ordinal)"]?.result
            }
            return results
        }
        if run.status != .suspended {
            let next = follower(of: resumption.suspendedRunID)
            return .success(next == resumption.runID ? .resumed(results: results()) : .duplicate(runID: next))
        }
        let ids = Set(asked.map(\.id))
        guard ids == Set(resumption.approvals.map(\.id)) else { return .success(.changed) }
        runs[resumption.suspendedRunID]?.status = .completed
        runs[resumption.runID] = Run(
            threadID: run.threadID, userID: run.userID, message: run.message, status: .running, node: node,
            resumed: resumption.suspendedRunID, depth: run.depth + 1)
        approvals[resumption.suspendedRunID] = resumption.approvals
        for approval in resumption.approvals where approval.status == .approved && approval.tool != nil {
            let key = "\(approval.runID)/\(approval.ordinal)"
            if operations[key] != nil { note("\(key) was carried out before it was approved") }
            effects += 1
            operations[key] = ToolOutcome(status: .success, result: ["done": .integer(Int64(effects))])
        }
        return .success(.resumed(results: results()))
    }

    func decline(
        _ thread: Identifier, of userID: String, _ runID: Identifier?, as status: Approval.Status, _ node: String
    ) -> Result<Identifier?, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        guard conversations[thread]?.userID == userID, let run = suspended(thread), runID ?? run == run else {
            return .success(nil)
        }
        if status == .expired, (approvals[run] ?? []).allSatisfy({ $0.expiresAt > Int64(scheduler.now) * 1_000 }) {
            return .success(nil)
        }
        declineSuspended(thread, as: status)
        return .success(run)
    }

    func resumption(_ runID: Identifier, of userID: String) -> Resumption? {
        guard let run = runs[runID], run.userID == userID, let suspended = run.resumed else { return nil }
        var asked = approvals[suspended] ?? []
        for index in asked.indices {
            asked[index].result = operations["\(asked[index].runID)/\(asked[index].ordinal)"]?.result
        }
        return Resumption(suspendedRunID: suspended, approvals: asked)
    }

    private func suspended(_ thread: Identifier) -> Identifier? {
        runs.first { $0.value.threadID == thread && $0.value.status == .suspended }?.key
    }

    private func isHeld(_ thread: Identifier) -> Bool {
        runs.contains { $0.value.threadID == thread && [.running, .suspended].contains($0.value.status) }
    }

    private func declineSuspended(_ thread: Identifier, as status: Approval.Status) {
        guard let run = suspended(thread) else { return }
        for index in (approvals[run] ?? []).indices {
            approvals[run]?[index].status = status
            guard let call = approvals[run]?[index].callID else { continue }
            identifiers += 1
            var message = Message(
                id: Identifier(high: 9, low: identifiers), role: .tool, content: #"{"error":{"code":"declined"}}"#,
                toolCallID: call)
            message.runID = run
            append(message, thread)
        }
        runs[run]?.status = .cancelled
    }

    func checkpoint(_ checkpoint: RunCheckpoint, _ node: String) -> Bool {
        guard isMember(node) else { return false }
        guard let run = runs[checkpoint.runID], !run.status.isTerminal, run.node == node else { return true }
        runs[checkpoint.runID]?.checkpoint = checkpoint.messages
        return true
    }

    func perform(_ operation: ToolOperation, _ node: String) -> Result<ToolOutcome, StoreError> {
        guard isMember(node) else { return .failure(.fenced) }
        let key = "\(operation.key.runID)/\(operation.key.ordinal)"
        if let outcome = operations[key] { return .success(outcome) }
        effects += 1
        let outcome = ToolOutcome(status: .success, result: ["done": .integer(Int64(effects))])
        operations[key] = outcome
        runs[operation.key.runID]?.hasEffects = true
        return .success(outcome)
    }

    // MARK: Reads

    /// As a page has them: who reads a user's message is told what became of its run.
    func newestMessages(_ thread: Identifier, of userID: String, limit: Int) -> MessagePage? {
        guard let found = conversations[thread], found.userID == userID else { return nil }
        let runs = Dictionary(
            runs.lazy.filter { $0.value.threadID == thread }.map { ($0.value.message.id, $0) }
        ) { first, second in first.value.depth < second.value.depth ? second : first }
        // Question by question, each with what answers it.
        let ofThread = self.runs.filter { $0.value.threadID == thread }
        let asked = Set(ofThread.keys)
        // A run that goes on behind a person's answer stands behind the one that asked.
        let behind = Dictionary(grouping: ofThread.sorted { $0.value.depth < $1.value.depth }, by: \.value.message.id)
        let answers = Dictionary(grouping: found.messages.filter { $0.role != .user }) { $0.runID }
        let shown = found.messages.flatMap { message -> [Message] in
            if message.role == .user {
                return [message] + (behind[message.id] ?? []).flatMap { answers[$0.key] ?? [] }
            }
            return message.runID.map { asked.contains($0) } == true ? [] : [message]
        }
        let messages = shown.suffix(limit).map { stored in
            var message = stored
            message.run = runs[stored.id].map { MessageRun(id: $0.key, status: $0.value.status) }
            return message
        }
        return MessagePage(messages: messages, hasMore: found.messages.count > limit)
    }

    func sentTurn(_ key: String, of userID: String, _ node: String) -> SentTurn? {
        guard let id = clientIDs["\(userID)/\(key)"], let run = runs[id] else { return nil }
        return SentTurn(
            threadID: run.threadID, messageID: run.message.id, runID: id, runEnded: run.status.isTerminal,
            isElsewhere: !run.status.isTerminal && run.node != node)
    }

    func conversation(_ id: Identifier, of userID: String) -> Chat.Conversation? {
        conversations[id]?.userID == userID ? conversation(id) : nil
    }

    @discardableResult
    private func append(_ message: Message, _ thread: Identifier) -> Int {
        var message = message
        let position = (conversations[thread]?.messages.count ?? 0) + 1
        if conversations[thread]?.messages.contains(where: { $0.id == message.id }) == true {
            if fault == nil { note("message \(message.id) stored twice") }
            return position
        }
        message.position = position
        conversations[thread]?.messages.append(message)
        conversations[thread]?.updated = scheduler.now
        return position
    }

    private func hasRunning(_ thread: Identifier, beside id: Identifier) -> Bool { running(thread, beside: id) != nil }

    private func running(_ thread: Identifier, beside id: Identifier) -> Identifier? {
        runs.first { $0.key != id && $0.value.threadID == thread && $0.value.status == .running }?.key
    }
}

/// What may be broken on purpose: the simulation has to find it.
enum Fault: String, Sendable, CaseIterable {
    /// Writes do not ask whether their gateway may write.
    case noFence
    /// Also who was silent itself takes others for dead.
    case anybodyJudges
    /// A message behind another gateway's run is told to begin.
    case alwaysBegins
    /// A gateway that can't say that it lives hands out events all the same.
    case noLease
}
