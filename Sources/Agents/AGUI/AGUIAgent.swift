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

private final class AGUITurn: UpstreamTurn, AgentStreamReceiver {
    private let maximumSteps: Int
    private var request: AGUIRequest
    private var reader = AGUIReader()
    /// Calls of earlier runs that have no result yet.
    private var unanswered: Set<ExactString> = []
    private var actions: [AGUIReader.Action] = []

    init(
        _ input: AgentInput, _ run: any AgentRun, _ maximumSteps: Int, _ transport: any AgentTransport,
        _ report: @escaping (String) -> Void
    ) {
        self.maximumSteps = maximumSteps
        request = AGUIRequest(
            threadID: input.threadID.description, runID: input.runID.description,
            messages: (input.history + [input.message]).map { AGUIMessage($0) })
        super.init(input, run, transport, report)
    }

    func step() {
        reader = AGUIReader(state: request.state, earlier: unanswered)
        ask(self) {
            if steps > 1 {
                request.parentRunID = request.runID
                request.runID = "\(input.runID)-\(steps)"
            }
            request.offersTools = steps < maximumSteps
            return request.body
        }
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
        letGoOfStream(finish: true)
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
        letGoOfStream()
        if run != nil { fail(failure) }
    }

    // MARK: Inside

    private func show(_ actions: [AGUIReader.Action]) {
        guard !actions.isEmpty else { return }
        commit()
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
        count(reader.usage)
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
            let answered = Set(answers.lazy.compactMap(\.toolCallID).map { ExactString($0) })
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
}
