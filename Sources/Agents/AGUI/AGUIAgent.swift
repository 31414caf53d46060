import JSON
package import Chat
import Strings

/// An assistant behind any AG-UI 1.0 agent. One for a shard; on the shard's loop.
///
/// The six tools are offered as frontend tools: what the upstream calls of them is carried out here and answered in the
/// next upstream run of the same turn. What it carries out itself is shown and stored as its own.
package final class AGUIAgent: Agent {
    package let historyWanted = Int.max
    private let maximumSteps: Int
    private let showsReasoning: Bool
    private let transport: any AgentTransport
    private let report: (String) -> Void
    fileprivate let memory = ConversationMemory()

    /// - Parameters:
    ///   - maximumSteps: upstream runs of one turn at most.
    ///   - showsReasoning: what the upstream thinks is shown.
    ///   - report: takes one line for the operator about a turn that failed.
    package init(
        maximumSteps: Int, showsReasoning: Bool = false, _ transport: any AgentTransport,
        report: @escaping (String) -> Void
    ) {
        self.maximumSteps = max(1, maximumSteps)
        self.showsReasoning = showsReasoning
        self.transport = transport
        self.report = report
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = AGUITurn(input, run, maximumSteps, showsReasoning, transport, memory, report)
        turn.step()
        return turn
    }
}

private final class AGUITurn: UpstreamTurn, AgentStreamReceiver {
    private let maximumSteps: Int
    private let showsReasoning: Bool
    private var request: AGUIRequest
    private var reader = AGUIReader()
    /// Calls of earlier runs that have no result yet.
    private var unanswered: Set<ExactString> = []
    private var actions: [AGUIReader.Action] = []
    private let memory: ConversationMemory
    private let transcript: Transcript
    /// Bytes of the history that goes in; and whether less of it than there was room for.
    private var budget: Int
    private var hasShrunk = false
    private var repeated = RepeatedCalls()
    /// Something was shown in this turn.
    private var hasShown = false
    /// What the upstream wants to hear from a person before it goes on, and whether one is asked before a call of ours.
    private var questions: [AGUIEvent.Interrupt] = []
    private var asks = false

    init(
        _ input: AgentInput, _ run: any AgentRun, _ maximumSteps: Int, _ showsReasoning: Bool,
        _ transport: any AgentTransport, _ memory: ConversationMemory, _ report: @escaping (String) -> Void
    ) {
        self.maximumSteps = maximumSteps
        self.showsReasoning = showsReasoning
        self.memory = memory
        let known = memory[input.threadID]
        transcript = Transcript(input.history, input.message, exchange: input.exchange, refused: known.refused)
        budget = known.budget ?? .max
        request = AGUIRequest(
            threadID: input.threadID.description, runID: input.runID.description,
            messages: transcript.messages(budget: budget).map { AGUIMessage($0) })
        // What a person was asked is answered: the upstream goes on from its own state, with the calls that are open.
        request.answers = input.answers
        if let state = input.state { request.state = state }
        let results = Set(input.exchange.compactMap(\.toolCallID).map { ExactString($0) })
        unanswered = Set(input.exchange.flatMap(\.toolCalls).map { ExactString($0.id) }).subtracting(results)
        // What went before was shown.
        hasShown = !input.exchange.isEmpty
        super.init(input, run, transport, report)
    }

    func step() {
        reader = freshReader()
        ask(self) {
            if steps > 1 {
                request.parentRunID = request.runID
                request.runID = "\(input.runID)-\(steps)"
            }
            request.offersTools = mayCall
            return request.body
        }
    }

    private var mayCall: Bool { steps < maximumSteps && !repeated.isOver }

    private func freshReader() -> AGUIReader {
        let answer = request.messages.lastIndex { $0.role == .user }.map { request.messages[($0 + 1)...] } ?? []
        return AGUIReader(
            state: request.state, earlier: unanswered,
            answered: Set(answer.lazy.compactMap(\.toolCallID).map { ExactString($0) }),
            before: answer.filter { $0.role == .assistant }.map(\.content))
    }

    // MARK: AgentStreamReceiver

    func document(_ data: UnsafeRawBufferPointer) {
        guard run != nil else { return }
        let json = (try? JSON(parsing: data)) ?? .null
        let events = json.array ?? [json]
        guard json != .null, events.allSatisfy({ $0["type"]?.string != nil }) else {
            stream?.reject(
                UpstreamRefusal(json: json).map { .reported($0) }
                    ?? AgentFailure(.upstreamError, "The assistant did not answer with a stream.", detail: "no events"))
            return
        }
        for event in events {
            guard stream != nil else { return }
            Array(event.description.utf8).withUnsafeBytes { self.event($0, isError: false) }
        }
    }

    func event(_ data: UnsafeRawBufferPointer, isError: Bool) {
        guard run != nil else { return }
        // The name of an event says nothing here: AG-UI has its type inside.
        actions.removeAll(keepingCapacity: true)
        do throws(AgentFailure) {
            let event = try AGUIEvent(data, readsThoughts: showsReasoning)
            if case .other = event { stream?.discount(data.count) }
            try reader.take(event, into: &actions)
        } catch {
            show(actions)
            stream?.reject(error)
            return
        }
        show(actions)
        guard run != nil, reader.isWhole else { return }
        letGoOfStream(finish: true)
        settle()
    }

    func restarts() {
        reader = freshReader()
    }

    func ended() -> Bool {
        // The end is an event of its own: without it the reply was cut.
        run == nil
    }

    func failed(_ failure: AgentFailure) {
        letGoOfStream()
        guard run != nil else { return }
        if !hasCommitted, changeForm(after: failure.refusal, status: failure.status) { return }
        give(up: failure)
    }

    override func taken() {
        if hasShrunk { memory.remember(budget: budget, of: input.threadID) }
    }

    // MARK: Inside

    private func show(_ actions: [AGUIReader.Action]) {
        guard !actions.isEmpty else { return }
        commit()
        for action in actions {
            switch action {
            case .text(let text): run?.text(text)
            case .endText: run?.endText()
            case .thought(let text): run?.reasoning(text)
            case .callStart(let id, let name): run?.toolCallStart(id: id, name: name)
            case .callArguments(let id, let delta): run?.toolCallArguments(id: id, delta: delta)
            case .callEnd(let id): run?.toolCallEnd(id: id)
            case .callResult(let id, let content): run?.toolResult(id: id, content: content)
            }
        }
    }

    private func settle() {
        count(reader.usage)
        switch reader.end {
        case .finished(.success):
            if !reader.pending.isEmpty {
                goOn(declining: [])
            } else if reader.hasShown || hasShown {
                finish()
            } else {
                fail(.empty(hasThought: false, reason: nil))
            }
        case .finished(.interrupt(let interrupts)):
            if canAsk(interrupts) {
                questions = interrupts
                asks = true
                goOn(declining: [])
            } else {
                tell("the assistant asks a person more than can be kept, and was declined")
                goOn(declining: interrupts.map(\.id))
            }
        case .finished(.failed): fail(.reported(status: nil, detail: "failed"))
        case .finished(.cancelled):
            fail(AgentFailure(.upstreamError, "The assistant stopped.", detail: "cancelled upstream"))
        case .failed(let code):
            if !hasCommitted, !reader.hasShown, changeForm(after: reader.refusal, status: nil) { return }
            var failure = AgentFailure.reported(status: nil, detail: code ?? "RUN_ERROR")
            failure.refusal = reader.refusal
            give(up: failure)
        case nil:
            fail(AgentFailure(.upstreamTruncated, "The answer was cut off."))
        }
    }

    /// Questions of one step, and bytes of them with the state that the upstream wants back.
    private static let mostQuestions = 64
    private static let questionBytes = 256 * 1024

    private func canAsk(_ interrupts: [AGUIEvent.Interrupt]) -> Bool {
        let size = interrupts.reduce((reader.state ?? [:]).description.utf8.count) {
            $0 + ($1.message?.utf8.count ?? 0) + ($1.responseSchema?.description.utf8.count ?? 0)
                + $1.id.utf8.count + $1.reason.utf8.count
        }
        return interrupts.count <= Self.mostQuestions && size <= Self.questionBytes
    }

    /// All else of the step is done: a person decides.
    private func waitForPerson() {
        for question in questions { run?.ask(question.question) }
        suspend(state: reader.state ?? request.state)
    }

    // MARK: Refusals

    /// What is too long, or refused for what is in it, is asked once more with less of the history.
    private func changeForm(after refusal: UpstreamRefusal?, status: Int?) -> Bool {
        let kind = status == 413 ? .tooLong : refusal?.kind(status: status)
        let chosen = transcript.chosen(budget: budget)
        guard chosen.count > 0, steps == 1, kind == .tooLong || kind == .filtered || status == 400 || status == 422
        else { return false }
        budget = kind == .tooLong ? chosen.size / 2 : 0
        if kind != .tooLong { memory.remember(refused: transcript.turns.map(\.question.id), in: input.threadID) }
        hasShrunk = kind == .tooLong
        request.messages = transcript.messages(budget: budget).map { AGUIMessage($0) }
        reader = freshReader()
        askAgain(self) { request.body }
        return true
    }

    private func give(up failure: AgentFailure) {
        var failure = failure
        let kind = failure.status == 413 ? .tooLong : failure.refusal?.kind(status: failure.status)
        let words: AgentFailure? = kind == .tooLong ? .contextTooLong : kind == .filtered ? .contentFiltered : nil
        if let words {
            failure.code = words.code
            failure.message = words.message
            memory.remember(refused: [input.message.id], in: input.threadID)
        }
        fail(failure)
    }

    /// Another upstream run follows, with the results of what is left to us.
    private func goOn(declining declined: [String]) {
        if reader.hasShown { hasShown = true }
        if mayCall || asks {
            carryOut(reader.pending[...], [], declined)
        } else if repeated.isOver {
            run?.text("I was going in circles and have stopped. \(repeated.summary ?? "Nothing was changed.")")
            finish()
        } else {
            fail(.tooManySteps(repeated.summary))
        }
    }

    private func carryOut(_ calls: ArraySlice<ToolCall>, _ answers: [AGUIMessage], _ declined: [String]) {
        guard let run else { return }
        guard let call = calls.first else {
            if asks { return waitForPerson() }
            let answered = Set(answers.lazy.compactMap(\.toolCallID).map { ExactString($0) })
            // An interrupted call stays in the conversation without a result: its answer is the interrupt's.
            request.messages += reader.messages(answered: answered, keepingAll: !declined.isEmpty)
            request.messages += answers
            request.state = reader.state ?? [:]
            request.declined = declined
            request.answers = []
            unanswered = reader.unanswered.subtracting(answered)
            step()
            return
        }
        let arguments = Self.arguments(ArgumentRepair.mended(call.arguments) ?? call.arguments)
        func goOn(_ content: String) {
            let answer = AGUIMessage(
                id: "\(request.runID)-result-\(answers.count + 1)", role: .tool, content: content, toolCallID: call.id)
            carryOut(calls.dropFirst(), answers + [answer], declined)
        }
        if let answer = repeated.answer(call.name, arguments) {
            run.toolResult(id: call.id, content: answer)
            return goOn(answer)
        }
        if run.ask(id: call.id, name: call.name, arguments: arguments, message: nil, always: false) {
            asks = true
            return carryOut(calls.dropFirst(), answers, declined)
        }
        run.perform(id: call.id, name: call.name, arguments: arguments) { [self] outcome in
            repeated.performed(call.name, arguments, outcome)
            goOn(outcome.result.description)
        }
    }
}
