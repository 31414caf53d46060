package import Chat

/// An assistant behind any AG-UI 1.0 agent. One for a shard; on the shard's loop.
///
/// The six tools are offered as frontend tools: what the upstream calls of them is carried out here and answered in the
/// next upstream run of the same turn. What it carries out itself is shown and stored as its own.
package final class AGUIAgent: Agent {
    package let historyWanted = Int.max
    private let maximumSteps: Int
    private let transport: any AgentTransport
    private let report: (String) -> Void

    /// - Parameters:
    ///   - maximumSteps: upstream runs of one turn at most.
    ///   - report: takes one line for the operator about a turn that failed.
    package init(maximumSteps: Int, _ transport: any AgentTransport, report: @escaping (String) -> Void) {
        self.maximumSteps = max(1, maximumSteps)
        self.transport = transport
        self.report = report
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = AGUITurn(input, run, maximumSteps, transport, report)
        turn.step()
        return turn
    }
}

private final class AGUITurn: AgentWork, AgentStreamReceiver {
    private let input: AgentInput
    private let maximumSteps: Int
    private let transport: any AgentTransport
    private let report: (String) -> Void
    /// `nil` once the turn is over.
    private var run: (any AgentRun)?
    private var request: AGUIRequest
    private var reader = AGUIReader()
    private var stream: (any AgentStream)?
    private var steps = 0
    private var usage: Usage?
    /// Calls of earlier runs that have no result yet.
    private var unanswered: Set<String> = []
    private var hasCommitted = false
    private var actions: [AGUIReader.Action] = []

    init(
        _ input: AgentInput, _ run: any AgentRun, _ maximumSteps: Int, _ transport: any AgentTransport,
        _ report: @escaping (String) -> Void
    ) {
        self.input = input
        self.run = run
        self.maximumSteps = maximumSteps
        self.transport = transport
        self.report = report
        request = AGUIRequest(
            threadID: input.threadID.description, runID: input.runID.description,
            messages: (input.history + [input.message]).map { AGUIMessage($0) })
    }

    func step() {
        steps += 1
        if steps > 1 {
            request.parentRunID = request.runID
            request.runID = "\(input.runID)-\(steps)"
        }
        request.offersTools = steps < maximumSteps
        hasCommitted = false
        reader = AGUIReader(state: request.state, earlier: unanswered)
        stream = transport.open(request.body, user: input.userID, self)
    }

    func cancel() {
        run = nil
        let stream = stream
        self.stream = nil
        stream?.cancel()
    }

    // MARK: AgentStreamReceiver

    func event(_ data: UnsafeRawBufferPointer, isError: Bool) {
        guard run != nil else { return }
        // The name of an event says nothing here: AG-UI has its type inside.
        actions.removeAll(keepingCapacity: true)
        do {
            try reader.take(AGUIEvent(data), into: &actions)
        } catch {
            show(actions)
            stream?.reject(error)
            return
        }
        show(actions)
        guard run != nil, reader.isWhole else { return }
        let stream = stream
        self.stream = nil
        stream?.finish()
        settle()
    }

    func restarts() {
        reader = AGUIReader(state: request.state, earlier: unanswered)
    }

    func ended() -> Bool {
        // The end is an event of its own: without it the reply was cut.
        run == nil
    }

    func failed(_ failure: AgentFailure) {
        stream = nil
        if run != nil { fail(failure) }
    }

    // MARK: Inside

    private func show(_ actions: [AGUIReader.Action]) {
        guard !actions.isEmpty else { return }
        if !hasCommitted {
            hasCommitted = true
            stream?.commit()
        }
        for action in actions {
            switch action {
            case .text(let text): run?.text(text)
            case .endText: run?.endText()
            case .callStart(let id, let name): run?.toolCallStart(id: id, name: name)
            case .callArguments(let id, let delta): run?.toolCallArguments(id: id, delta: delta)
            case .callEnd(let id): run?.toolCallEnd(id: id)
            case .callResult(let id, let content): run?.toolResult(id: id, content: content)
            }
        }
    }

    private func settle() {
        usage = TokenCount.sum(usage, reader.usage)
        if let usage { run?.count(usage) }
        switch reader.end {
        case .finished(.success):
            if reader.pending.isEmpty { finish() } else { goOn(declining: []) }
        case .finished(.interrupt(let interrupts)): goOn(declining: interrupts.map(\.id))
        case .finished(.cancelled):
            fail(AgentFailure(.upstreamError, "The assistant stopped.", detail: "cancelled upstream"))
        case .failed(let code):
            fail(.reported(status: nil, detail: code ?? "RUN_ERROR"))
        case nil:
            fail(AgentFailure(.upstreamTruncated, "The answer was cut off."))
        }
    }

    /// Another upstream run follows, with the results of what is left to us.
    private func goOn(declining declined: [String]) {
        if steps < maximumSteps { carryOut(reader.pending[...], [], declined) } else { fail(.tooManySteps) }
    }

    private func carryOut(_ calls: ArraySlice<ToolCall>, _ answers: [AGUIMessage], _ declined: [String]) {
        guard let run else { return }
        guard let call = calls.first else {
            let answered = Set(answers.compactMap(\.toolCallID))
            // An interrupted call stays in the conversation without a result: its answer is the interrupt's.
            request.messages += reader.messages(answered: answered, keepingAll: !declined.isEmpty)
            request.messages += answers
            request.state = reader.state ?? [:]
            request.declined = declined
            unanswered = reader.unanswered.subtracting(answered)
            step()
            return
        }
        run.perform(id: call.id, name: call.name, arguments: Self.arguments(call.arguments)) { [self] outcome in
            let answer = AGUIMessage(
                id: "\(request.runID)-result-\(answers.count + 1)", role: .tool, content: outcome.result.description,
                toolCallID: call.id)
            carryOut(calls.dropFirst(), answers + [answer], declined)
        }
    }

    private static func arguments(_ text: String) -> JSON {
        if text.utf8.allSatisfy({ $0 <= 0x20 }) { return .object([:]) }
        return (try? JSON(parsing: text)) ?? .string(text)
    }

    private func finish() {
        let run = run
        self.run = nil
        run?.finish(usage)
    }

    private func fail(_ failure: AgentFailure) {
        report(failure.report(of: input.runID))
        let run = run
        self.run = nil
        run?.fail(failure.code, failure.message)
    }
}
