package import Chat

/// An assistant behind any server that speaks the chat completions API. One for a shard; on the shard's loop.
package final class ChatCompletionsAgent: Agent {
    package struct Settings: Sendable {
        package var model: String
        /// The system message; empty: none.
        package var instructions: String
        /// Requests of one turn at most.
        package var maximumSteps: Int

        package init(model: String, instructions: String = Self.standardInstructions, maximumSteps: Int = 8) {
            self.model = model
            self.instructions = instructions
            self.maximumSteps = max(1, maximumSteps)
        }

        package static let standardInstructions = """
            You are a helpful assistant in a chat. You keep the user's to-do list with the tools you are given. \
            Use a tool whenever the user wants to see or change tasks, look ids up with list_tasks, and say in a \
            sentence what you did. Answer in the user's language.
            """
    }

    /// As much as the gateway's own bound allows.
    package let historyWanted = Int.max
    private let settings: Settings
    private let transport: any AgentTransport
    private let report: (String) -> Void

    /// - Parameter report: takes one line for the operator about a turn that failed.
    package init(_ settings: Settings, _ transport: any AgentTransport, report: @escaping (String) -> Void) {
        self.settings = settings
        self.transport = transport
        self.report = report
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = ChatCompletionsTurn(input, run, settings, transport, report)
        turn.step()
        return turn
    }
}

/// One turn: asks, shows what comes, carries out what is called, and asks again with the results.
private final class ChatCompletionsTurn: UpstreamTurn, AgentStreamReceiver {
    private let settings: ChatCompletionsAgent.Settings
    private var request: ChatCompletionsRequest
    /// It calls nobody.
    @exclusivity(unchecked) private var assembler: ChatCompletionsAssembler
    /// The ids that the steps before this one used, for a step that is asked for again.
    private var ids: CallIDs
    private var actions: [ChatCompletionsAssembler.Action] = []

    init(
        _ input: AgentInput, _ run: any AgentRun, _ settings: ChatCompletionsAgent.Settings,
        _ transport: any AgentTransport, _ report: @escaping (String) -> Void
    ) {
        self.settings = settings
        request = ChatCompletionsRequest(
            model: settings.model, instructions: settings.instructions, history: input.history,
            message: input.message)
        ids = CallIDs(seed: input.runID.low)
        for message in input.history { for call in message.toolCalls { ids.use(call.id) } }
        assembler = ChatCompletionsAssembler(ids: ids)
        super.init(input, run, transport, report)
    }

    private var mayCall: Bool { steps < settings.maximumSteps }

    func step() {
        assembler = ChatCompletionsAssembler(ids: ids)
        ask(self) { request.body(mayCall: mayCall) }
    }

    // MARK: AgentStreamReceiver

    func event(_ data: UnsafeRawBufferPointer, isError: Bool) {
        guard run != nil else { return }
        if isError {
            stream?.reject(ChatCompletionsAssembler.failure(data))
            return
        }
        if let text = assembler.takeText(data) {
            commit()
            run?.text(utf8: text)
            return
        }
        actions.removeAll(keepingCapacity: true)
        do {
            try assembler.take(data, into: &actions)
        } catch {
            show(actions)
            stream?.reject(error)
            return
        }
        show(actions)
        guard run != nil, assembler.isDone else { return }
        letGoOfStream(finish: true)
        settle()
    }

    func restarts() {
        assembler = ChatCompletionsAssembler(ids: ids)
    }

    func ended() -> Bool {
        guard run != nil else { return true }
        guard assembler.isWhole else { return false }
        letGoOfStream()
        settle()
        return true
    }

    func failed(_ failure: AgentFailure) {
        letGoOfStream()
        guard run != nil else { return }
        // The reply was there; only what says goodbye is missing.
        if assembler.isWhole, hasCommitted { settle() } else { fail(failure) }
    }

    // MARK: Inside

    private func show(_ actions: [ChatCompletionsAssembler.Action]) {
        guard !actions.isEmpty else { return }
        commit()
        for action in actions {
            switch action {
            case .text(let text): run?.text(text)
            case .callStart(let id, let name): run?.toolCallStart(id: id, name: name)
            case .callArguments(let id, let delta): run?.toolCallArguments(id: id, delta: delta)
            case .callEnd(let id): run?.toolCallEnd(id: id)
            }
        }
    }

    /// The reply of this step is all there.
    private func settle() {
        actions.removeAll(keepingCapacity: true)
        let ending = assembler.end(into: &actions)
        count(assembler.usage)
        switch ending {
        case .complete: break
        case .cut:
            fail(AgentFailure(.upstreamTruncated, "The answer reached the model's length limit.", detail: "length"))
            return
        case .filtered:
            fail(AgentFailure(.upstreamError, "The answer was stopped by a content filter.", detail: "content_filter"))
            return
        case .failed:
            fail(.reported(status: nil, detail: "finish_reason error"))
            return
        case .truncated:
            fail(AgentFailure(.upstreamTruncated, "The answer was cut off."))
            return
        }
        if !assembler.calls.isEmpty, !mayCall {
            fail(.tooManySteps)
            return
        }
        show(actions)
        if assembler.calls.isEmpty {
            finish()
        } else {
            ids = assembler.ids
            carryOut(assembler.calls.calls[...], [])
        }
    }

    /// One call after the other, in the order in which they were made.
    private func carryOut(_ calls: ArraySlice<ToolCallAssembly.Call>, _ results: [ToolOutcome]) {
        guard let run else { return }
        guard let call = calls.first else {
            request.append(text: assembler.text, calls: assembler.calls.calls, results: results)
            step()
            return
        }
        run.perform(id: call.id, name: call.name, arguments: Self.arguments(call.arguments)) { [self] outcome in
            carryOut(calls.dropFirst(), results + [outcome])
        }
    }
}
