import JSON
package import Chat

/// An assistant behind any server that speaks the chat completions API. One for a shard; on the shard's loop.
package final class ChatCompletionsAgent: Agent {
    package struct Settings: Sendable {
        package var model: String
        /// The system message; empty: none.
        package var instructions: String
        /// Requests of one turn at most.
        package var maximumSteps: Int
        /// What the model thinks is shown.
        package var showsReasoning = false

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
    fileprivate let settings: Settings
    fileprivate let transport: any AgentTransport
    fileprivate let report: (String) -> Void
    fileprivate let profile: UpstreamProfile
    fileprivate let memory = ConversationMemory()

    /// - Parameters:
    ///   - profile: what is known of the upstream, shared by all shards.
    ///   - report: takes one line for the operator about a turn that failed.
    package init(
        _ settings: Settings, _ transport: any AgentTransport, profile: UpstreamProfile = UpstreamProfile(),
        report: @escaping (String) -> Void
    ) {
        self.settings = settings
        self.transport = transport
        self.profile = profile
        self.report = report
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = ChatCompletionsTurn(input, run, self)
        turn.step()
        return turn
    }
}

/// One turn: asks, shows what comes, carries out what is called, and asks again with the results.
private final class ChatCompletionsTurn: UpstreamTurn, AgentStreamReceiver {
    private let agent: ChatCompletionsAgent
    private var request: ChatCompletionsRequest
    private var form: RequestForm
    /// It calls nobody.
    @exclusivity(unchecked) private var assembler: ChatCompletionsAssembler
    /// The ids that the steps before this one used, for a step that is asked for again.
    private var ids: CallIDs
    private var actions: [ChatCompletionsAssembler.Action] = []
    private var repeated = RepeatedCalls()
    /// A step before this one has said something.
    private var hasSpoken = false
    /// A person is asked before a call of this step.
    private var asks = false

    init(_ input: AgentInput, _ run: any AgentRun, _ agent: ChatCompletionsAgent) {
        self.agent = agent
        let known = agent.memory[input.threadID]
        request = ChatCompletionsRequest(
            model: agent.settings.model, instructions: agent.settings.instructions,
            transcript: Transcript(
                input.history, input.message, exchange: input.exchange, refused: known.refused))
        form = RequestForm(agent.profile.dialect, budget: known.budget)
        ids = CallIDs(seed: input.runID.low)
        for message in input.history + input.exchange { for call in message.toolCalls { ids.use(call.id) } }
        assembler = ChatCompletionsAssembler(ids: ids, expectsThought: agent.profile.expectsThought)
        super.init(input, run, agent.transport, agent.report)
    }

    private var mayCall: Bool { steps < agent.settings.maximumSteps && !repeated.isOver }

    private func freshAssembler() -> ChatCompletionsAssembler {
        ChatCompletionsAssembler(ids: ids, expectsThought: agent.profile.expectsThought)
    }

    func step() {
        assembler = freshAssembler()
        form.begin()
        ask(self) { request.body(mayCall: mayCall, form.dialect, form.fit) }
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
            if assembler.isWhole { stream?.conclude() }
            return
        }
        read { assembler, actions throws(AgentFailure) in try assembler.take(data, into: &actions) }
    }

    func document(_ data: UnsafeRawBufferPointer) {
        guard run != nil else { return }
        read { assembler, actions throws(AgentFailure) in try assembler.take(document: data, into: &actions) }
    }

    func restarts() {
        assembler = freshAssembler()
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
        if assembler.isWhole { return settle() }
        showRest()
        guard run != nil else { return }
        if !hasCommitted, changeForm(after: failure) { return }
        give(up: failure)
    }

    /// What the reader held back is text after all.
    private func showRest() {
        actions.removeAll(keepingCapacity: true)
        guard hasCommitted else { return }
        _ = assembler.end(into: &actions)
        show(actions)
    }

    override func taken() {
        guard let learnt = form.taken(agent.profile, agent.memory, request, in: input.threadID) else { return }
        tell("the assistant needs to be asked otherwise, and is from now on: \(learnt)")
    }

    // MARK: Inside

    private func read(
        _ body: (inout ChatCompletionsAssembler, inout [ChatCompletionsAssembler.Action]) throws(AgentFailure) -> Void
    ) {
        actions.removeAll(keepingCapacity: true)
        do throws(AgentFailure) {
            try body(&assembler, &actions)
        } catch {
            show(actions)
            stream?.reject(error)
            return
        }
        show(actions)
        guard run != nil else { return }
        if assembler.isDone {
            letGoOfStream(finish: true)
            settle()
        } else if assembler.isWhole {
            // Whatever becomes of the connection, the reply is not asked for again.
            commit()
            stream?.conclude()
        }
    }

    private func show(_ actions: [ChatCompletionsAssembler.Action]) {
        guard !actions.isEmpty else { return }
        for action in actions {
            if case .thought(let text) = action {
                if agent.settings.showsReasoning {
                    commit()
                    run?.reasoning(text)
                }
                continue
            }
            commit()
            switch action {
            case .text(let text): run?.text(text)
            case .textWasThought: run?.dropText()
            case .thought: break
            case .callStart(let id, let name): run?.toolCallStart(id: id, name: name)
            case .callArguments(let id, let delta): run?.toolCallArguments(id: id, delta: delta)
            case .callEnd(let id): run?.toolCallEnd(id: id)
            }
        }
    }

    /// The reply of this step is all there.
    private func settle() {
        commit()
        actions.removeAll(keepingCapacity: true)
        let ending = assembler.end(into: &actions)
        count(assembler.usage)
        if assembler.hasText { agent.profile.saw(assembler.thoughtForm) }
        show(actions)
        guard run != nil else { return }
        switch ending {
        case .complete: break
        case .cut:
            fail(AgentFailure(.upstreamTruncated, "The answer reached the model's length limit.", detail: reason))
            return
        case .filtered:
            agent.memory.remember(refused: [input.message.id], in: input.threadID)
            fail(
                AgentFailure(
                    .contentFiltered, "The answer was stopped by the provider's content filter.", detail: reason))
            return
        case .failed:
            fail(AgentFailure(.upstreamError, "The assistant reported an error.", detail: reason))
            return
        case .truncated:
            fail(AgentFailure(.upstreamTruncated, "The answer was cut off."))
            return
        }
        if assembler.hasText { hasSpoken = true }
        if assembler.calls.isEmpty {
            if hasSpoken {
                finish()
            } else {
                fail(.empty(hasThought: assembler.hasThought, reason: assembler.finishReason))
            }
        } else if mayCall {
            ids = assembler.ids
            carryOut(assembler.calls.calls[...], [])
        } else if repeated.isOver {
            run?.text("I was going in circles and have stopped. \(repeated.summary ?? "Nothing was changed.")")
            finish()
        } else {
            fail(.tooManySteps(repeated.summary))
        }
    }

    private var reason: String { "finish_reason \((assembler.finishReason ?? "").prefix(32))" }

    /// One call after the other, in the order in which they were made.
    private func carryOut(_ calls: ArraySlice<ToolCallAssembly.Call>, _ results: [String]) {
        guard let run else { return }
        guard let call = calls.first else {
            if asks { return suspend() }
            request.append(
                text: assembler.text, calls: assembler.calls.calls, results: results, reasoning: assembler.reasoning)
            step()
            return
        }
        let arguments = Self.arguments(call.arguments)
        if let answer = repeated.answer(call.name, arguments) {
            run.toolResult(id: call.id, content: answer)
            return carryOut(calls.dropFirst(), results + [answer])
        }
        if run.ask(id: call.id, name: call.name, arguments: arguments, message: nil, always: false) {
            asks = true
            return carryOut(calls.dropFirst(), results)
        }
        run.perform(id: call.id, name: call.name, arguments: arguments) { [self] outcome in
            repeated.performed(call.name, arguments, outcome)
            carryOut(calls.dropFirst(), results + [outcome.result.description])
        }
    }

    // MARK: Refusals

    private func changeForm(after failure: AgentFailure) -> Bool {
        guard form.change(after: failure, request, agent.profile) else { return false }
        assembler = freshAssembler()
        askAgain(self) { request.body(mayCall: mayCall, form.dialect, form.fit) }
        return true
    }

    private func give(up failure: AgentFailure) {
        var failure = failure
        if let refusal = failure.refusal, failure.status.map({ (400..<500).contains($0) || $0 == 500 }) ?? true {
            let kind = refusal.kind(status: failure.status)
            let words: AgentFailure? = kind == .tooLong ? .contextTooLong : kind == .filtered ? .contentFiltered : nil
            if let words {
                failure.code = words.code
                failure.message = words.message
                agent.memory.remember(refused: [input.message.id], in: input.threadID)
            }
        } else if failure.status == 413 {
            failure = .contextTooLong
            agent.memory.remember(refused: [input.message.id], in: input.threadID)
        }
        fail(failure)
    }
}
