import JSON
import Chat
import Tracing

/// What a turn has in common whatever its upstream speaks: the run it shows, the stream it reads, and how both end.
class UpstreamTurn: AgentWork {
    let input: AgentInput
    private let transport: any AgentTransport
    private let report: (String) -> Void
    /// `nil` once the turn is over.
    @exclusivity(unchecked) private(set) final var run: (any AgentRun)?
    private(set) final var stream: (any AgentStream)?
    /// Requests made so far.
    private(set) final var steps = 0
    /// The request under way, where it is traced.
    private var step: Span?
    /// What all steps counted, as far as they are settled.
    private(set) final var usage: Usage?
    /// Something of this step is shown: its request is not sent again.
    private(set) final var hasCommitted = false

    /// - Parameter report: takes one line for the operator about a turn that failed.
    init(
        _ input: AgentInput, _ run: any AgentRun, _ transport: any AgentTransport, _ report: @escaping (String) -> Void
    ) {
        self.input = input
        self.run = run
        self.transport = transport
        self.report = report
    }

    /// Makes the next request; what `body` gives may depend on `steps`, in which it is counted already.
    final func ask(_ receiver: any AgentStreamReceiver, _ body: () -> [UInt8]) {
        steps += 1
        endStep()
        askAgain(receiver, body)
    }

    /// The same request in another form: no further step.
    final func askAgain(_ receiver: any AgentStreamReceiver, _ body: () -> [UInt8]) {
        hasCommitted = false
        endStep(failure: "asked_again")
        if let trace = run?.trace {
            let span = trace.start("agent step", .client)
            span.set("parley.step", .number(Int64(steps)))
            step = span
        }
        stream = transport.open(
            body(), user: input.userID, conversation: input.threadID, trace: step?.context, receiver)
    }

    final func commit() {
        guard !hasCommitted else { return }
        hasCommitted = true
        stream?.commit()
        taken()
    }

    /// The upstream has taken the request: something of its answer is there.
    func taken() {}

    /// The stream is at its end, or has nothing more to say.
    final func letGoOfStream(finish: Bool = false) {
        // Whether it was of use is said behind this.
        step?.stop()
        let stream = stream
        self.stream = nil
        if finish { stream?.finish() }
    }

    final func count(_ more: Usage?) {
        usage = TokenCount.sum(usage, more)
        if let usage { run?.count(usage) }
    }

    /// One line for the operator about something that is no failure.
    final func tell(_ line: String) { report(line) }

    /// What is no JSON stays what it is, a text, which no tool takes: the operation fails and says so.
    static func arguments(_ text: String) -> JSON {
        if text.utf8.allSatisfy({ $0 <= 0x20 }) { return .object([:]) }
        guard let arguments = try? JSON(parsing: text) else { return .string(text) }
        return InvalidArguments.text(in: arguments).map { (try? JSON(parsing: $0)) ?? .string($0) } ?? arguments
    }

    private func endStep(failure: String? = nil) {
        step?.end(failure: failure)
        step = nil
    }

    // MARK: The end

    final func finish() {
        endStep()
        let run = run
        self.run = nil
        run?.finish(usage)
    }

    /// It waits for a person.
    final func suspend(state: JSON? = nil) {
        let run = run
        self.run = nil
        run?.suspend(usage, state: state)
    }

    final func fail(_ failure: AgentFailure) {
        let texts = (input.history + [input.message]).flatMap { message in
            [message.content] + message.toolCalls.map(\.arguments)
        }
        report(failure.report(of: input.runID, without: PromptWords(texts)))
        endStep(failure: failure.code.rawValue)
        let run = run
        self.run = nil
        run?.fail(failure.code, failure.message)
    }

    final func cancel() {
        run = nil
        endStep(failure: "cancelled")
        let stream = stream
        self.stream = nil
        stream?.cancel()
    }
}
