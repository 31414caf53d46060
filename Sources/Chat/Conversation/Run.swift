import JSON
import Tracing

/// A run with its assistant at work: carries out what the run's machine decides.
///
/// It is what the assistant speaks to; each call goes to the machine, and what that adds to the log is published to
/// whoever listens to the conversation.
final class Run: AgentRun {
    // First what each piece of text looks at, with the machine's own behind it.

    /// The run keeps its feed and its conversation, and that its session, until its end is stored; then it lets go, so
    /// that an assistant that still holds the run holds nothing else.
    @exclusivity(unchecked) private var feed: Feed?
    private var conversation: ConversationDriver?
    let metrics: ChatMetrics
    private let environment: any SessionEnvironment
    private var hasSpoken = false
    private var checkpointTimer: UInt64?
    @exclusivity(unchecked) var machine: RunMachine
    let turn: Turn
    /// Asked for each piece of text; the environment itself would be retained for it each time, the slow way.
    private let newID: () -> Identifier
    /// What was told of the answers that it goes on with.
    private var answered: [Message] = []
    /// What a person is asked, in order.
    private var asked: [Approval] = []
    private var work: (any AgentWork)?
    private var checkpointed: UInt64 = 0

    init(turn: Turn, conversation: ConversationDriver, environment: any SessionEnvironment) {
        self.turn = turn
        self.conversation = conversation
        feed = conversation.feed
        self.environment = environment
        newID = environment.makeIdentifier
        metrics = environment.chatMetrics
        let limits = environment.limits
        machine =
            if let resumption = turn.resumption {
                RunMachine(
                    runID: turn.runID, resuming: resumption, position: conversation.feed.newest,
                    replyLength: limits.replyLength, logBytes: limits.logBytes)
            } else {
                RunMachine(
                    runID: turn.runID, message: turn.message, replaced: turn.replaced,
                    position: conversation.feed.newest, replyLength: limits.replyLength,
                    logBytes: limits.logBytes)
            }
    }

    var id: Identifier { machine.runID }
    var trace: Span? { turn.trace }

    func start() {
        machine.start()
        if turn.resumption != nil { answered = machine.tellAnswers(newID: environment.makeIdentifier) }
        feed?.publish()
    }

    /// Hands the turn to the assistant, unless it was stopped meanwhile.
    ///
    /// - Parameter exchange: what this turn has said and done before a person was asked.
    func begin(history: [Message], exchange: [Message] = [], message: Message? = nil) {
        guard machine.isRunning, let conversation else { return }
        var input = AgentInput(
            userID: conversation.userID, threadID: conversation.id, runID: id, history: history,
            message: message ?? turn.message, timeZone: conversation.timeZone)
        if let resumption = turn.resumption {
            input.exchange = exchange + answered
            input.answers = resumption.approvals.filter { $0.tool == nil }
            input.state = resumption.approvals.lazy.compactMap(\.state).first
        }
        let work = conversation.agent.start(input, self)
        // It may have been stopped from within, when there was no work yet that could be told.
        if machine.isRunning { self.work = work } else { work.cancel() }
    }

    /// The end is stored: nothing comes after it.
    func letGo() {
        conversation = nil
        feed = nil
    }

    func stop(_ status: RunStatus, failure: RunFailure? = nil) {
        let canEnd = machine.stop(status, failure: failure)
        silence()
        settle(canEnd)
    }

    /// It is another gateway's: the assistant is stopped, and nothing of it is stored or said any more.
    func abandon() {
        machine.abandon()
        silence()
        if let timer = checkpointTimer { environment.cancel(timer: timer) }
        checkpointTimer = nil
        letGo()
    }

    // MARK: AgentRun

    func text(_ delta: String) {
        var delta = delta
        delta.withUTF8 { text(utf8: $0) }
    }

    func text(utf8 delta: UnsafeBufferPointer<UInt8>) {
        if !machine.isSpeaking { tellRoom() }
        let outcome = machine.text(utf8: delta, newID: newID)
        if case .ignored = outcome { return }
        if case .full = outcome { return endForRoom() }
        metrics.deltas &+= 1
        feed?.publishText(of: self)
        if !hasSpoken {
            hasSpoken = true
            if let received = turn.receivedAt { metrics.spoke(after: environment.nowNanoseconds &- received) }
        }
        if case .tooLong = outcome {
            fail(.upstreamTruncated, "The reply passed \(environment.limits.replyLength) characters.")
            return
        }
        if checkpointTimer == nil { scheduleCheckpoint() }
    }

    func endText() {
        machine.endText()
        feed?.publish()
    }

    func dropText() {
        machine.dropText()
        feed?.publish()
    }

    func reasoning(_ delta: String) {
        guard machine.reasoning(delta, newID: newID) else { return }
        feed?.publishText(of: self)
    }

    func toolCallStart(id: String, name: String) {
        tellRoom()
        let outcome = machine.toolCallStart(id: id, name: name, newID: newID)
        feed?.publish()
        if case .full = outcome { return endForRoom() }
        if case .tooLong = outcome { fail(.upstreamTruncated, "The reply has too many tool calls.") }
    }

    func toolCallArguments(id: String, delta: String) {
        let outcome = machine.toolCallArguments(id: id, delta: delta)
        feed?.publish()
        if case .tooLong = outcome { fail(.upstreamTruncated, "The arguments of the tool calls are too long.") }
    }

    func toolCallEnd(id: String) {
        machine.toolCallEnd(id: id)
        feed?.publish()
    }

    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void) {
        guard machine.isRunning, let conversation else { return }
        guard let ordinal = machine.perform(id: id) else {
            // Its answer would never come, and the run never end.
            environment.report("run \(self.id): the assistant asked for a call that it had not announced")
            fail(.internal, "The assistant made a call that it had not announced.")
            return
        }
        let operation = ToolOperation(
            userID: conversation.userID, threadID: conversation.id, messageID: turn.message.id,
            key: ToolCallKey(runID: self.id, ordinal: ordinal), name: name, arguments: arguments)
        guard let span = turn.trace?.start("tool") else { return carryOut(operation, of: id, attempt: 1, completion) }
        // A name that a model made up may be anything.
        if name.utf8.count <= 64,
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
        {
            span.set("gen_ai.tool.name", .text(name))
        }
        carryOut(operation, of: id, attempt: 1) { outcome in
            span.end(failure: outcome.status == .failed ? "tool_failed" : nil)
            completion(outcome)
        }
    }

    // MARK: Asking a person

    func ask(id: String, name: String, arguments: JSON, message: String?, always: Bool) -> Bool {
        // What can't be carried out is not worth a question: it fails and says so.
        guard machine.isRunning, always || environment.limits.approvedTools.asks(name),
            environment.tools.accepts(name, arguments), let place = machine.ask(id: id)
        else { return false }
        var approval = Approval(
            id: environment.makeIdentifier(), runID: self.id, ordinal: place.ordinal, tool: name, callID: place.callID)
        approval.parameters = arguments
        approval.message = message
        asked.append(approval)
        return true
    }

    func ask(_ question: UpstreamQuestion) {
        guard let place = machine.askForUpstream(callID: question.callID) else { return }
        var approval = Approval(
            id: environment.makeIdentifier(), runID: self.id, ordinal: place.ordinal, tool: nil, callID: place.callID)
        approval.reason = question.reason
        approval.message = question.message
        approval.responseSchema = question.responseSchema
        approval.upstreamID = question.id
        asked.append(approval)
    }

    func suspend(_ usage: Usage?, state: JSON?) {
        guard !asked.isEmpty else { return finish(usage) }
        asked[0].state = state
        let canEnd = machine.suspend(asked, usage)
        settle(canEnd)
    }

    /// How often an operation is offered of which it is not known whether it was stored.
    private static let attempts = 8

    /// An operation whose commit got lost is offered again: the same key has one effect and one result.
    private func carryOut(
        _ operation: ToolOperation, of call: String, attempt: Int, _ completion: @escaping (ToolOutcome) -> Void
    ) {
        environment.tools.call(operation) { [self] result in
            switch result {
            case .stored(let outcome):
                let canEnd = machine.toolDone(
                    id: call, content: outcome.result.description, messageID: newID())
                feed?.publish()
                feed?.trimLog()
                if machine.isRunning { completion(outcome) } else { settle(canEnd) }
            case .fenced:
                conversation?.handle(.lost(id))
            case .failed(let error):
                let isUncertain = error == .unknown || attempt > 1
                if isUncertain, attempt < Self.attempts {
                    _ = environment.schedule(after: min(100 << UInt64(attempt - 1), 2_000)) { [self] in
                        carryOut(operation, of: call, attempt: attempt + 1, completion)
                    }
                    return
                }
                environment.report("run \(id): tool operation \(operation.key.ordinal) could not be stored: \(error)")
                let message =
                    isUncertain
                    ? "The to-do list could not be reached. It is not known whether this step was carried out."
                    : "The to-do list could not be reached. This step was not carried out."
                let canEnd = machine.toolFailed(id: call, RunFailure(code: .toolFailed, message: message))
                silence()
                settle(canEnd)
            }
        }
    }

    func toolResult(id: String, content: String) {
        let outcome = machine.toolResult(id: id, content: content, newID: newID)
        feed?.publish()
        feed?.trimLog()
        if case .tooLong = outcome { fail(.upstreamTruncated, "The results of the tool calls are too long.") }
    }

    func count(_ usage: Usage) {
        machine.count(usage)
    }

    func finish(_ usage: Usage?) {
        let canEnd = machine.finish(usage)
        settle(canEnd)
    }

    func fail(_ code: RunErrorCode, _ message: String) {
        let canEnd = machine.fail(RunFailure(code: code, message: message))
        silence()
        settle(canEnd)
    }

    // MARK: The conversation's bound

    private func tellRoom() {
        if let conversation { machine.room = conversation.room }
    }

    /// The conversation takes no more of it: it answers with what it has.
    private func endForRoom() {
        guard machine.hasText else { return failForRoom() }
        let canEnd = machine.finish(nil)
        silence()
        settle(canEnd)
    }

    /// There is no room for an answer.
    func failForRoom() {
        fail(.conversationFull, "This conversation is full. Please start a new one.")
    }

    // MARK: Inside

    private func settle(_ canEnd: Bool) {
        feed?.publish()
        guard canEnd else { return }
        work = nil
        if let timer = checkpointTimer { environment.cancel(timer: timer) }
        checkpointTimer = nil
        conversation?.handle(machine.state == .ending(.suspended) ? .canSuspend(id) : .canEnd(id))
    }

    /// Ends the assistant's part at once.
    private func silence() {
        let work = work
        self.work = nil
        work?.cancel()
    }

    private func scheduleCheckpoint() {
        checkpointTimer = environment.schedule(after: environment.limits.checkpointInterval) { [self] in
            checkpointTimer = nil
            guard let conversation, machine.isRunning, machine.log.end > checkpointed else { return }
            checkpointed = machine.log.end
            environment.store.checkpoint(
                RunCheckpoint(
                    userID: conversation.userID, threadID: conversation.id, runID: id,
                    messages: machine.checkpoint()))
        }
    }
}
