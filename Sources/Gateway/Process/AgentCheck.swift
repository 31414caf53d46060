import Agents
import Chat
import EventLoop
import HTTP
import JSON

/// Asks the configured assistant one small thing of each kind, by the same code as a gateway, and says what it takes.
///
/// Nothing is stored: the tool that it is asked to use is played.
package final class AgentCheck {
    /// One line of the table.
    package struct Finding: Sendable, Equatable {
        package var name: String
        package var value: String
        package var detail: String
    }

    package struct Report: Sendable {
        package var findings: [Finding] = []
        /// It was reached and has answered.
        package var hasAnswered = false
    }

    /// Nanoseconds that one request may take.
    private static let requestTime: UInt64 = 60_000_000_000

    /// - Throws: what the configuration lacks.
    package static func run(_ configuration: GatewayConfiguration) async throws -> Report {
        guard configuration.agent.isUpstream, let url = configuration.agentURL else {
            return Report(
                findings: [
                    Finding(
                        name: "assistant", value: configuration.agent.rawValue, detail: "built in: nothing to reach")
                ], hasAnswered: true)
        }
        var configuration = configuration
        try configuration.upstream.loadTrust()
        configuration.showsReasoning = true
        configuration.upstream.upstream.retries = 0
        configuration.upstream.upstream.breakerFailures = 0
        configuration.upstream.client.totalTimeout = min(
            configuration.upstream.client.totalTimeout, Self.requestTime)
        let loop = try EventLoop(label: "parley.check")
        loop.start()
        defer { loop.stop() }
        let (settings, key) = (configuration, configuration.agentKey)
        return await withCheckedContinuation { continuation in
            loop.execute {
                AgentCheck(settings, url, loop) { report in
                    var report = report
                    for index in report.findings.indices {
                        report.findings[index].detail = clean(report.findings[index].detail, without: key)
                    }
                    continuation.resume(returning: report)
                }.begin()
            }
        }
    }

    /// One line that steers no terminal and holds no key.
    private static func clean(_ text: String, without key: String?) -> String {
        var text = text
        if let key, !key.isEmpty { text = text.replacing(key, with: "…") }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    // MARK: On its loop

    private let loop: EventLoop
    private let configuration: GatewayConfiguration
    private let url: HTTPURL
    private let done: (Report) -> Void
    private let upstream: Upstream
    private var agent: (any Agent)?
    private var said: [String] = []
    private var report = Report()
    private var work: (any AgentWork)?

    private init(
        _ configuration: GatewayConfiguration, _ url: HTTPURL, _ loop: EventLoop, done: @escaping (Report) -> Void
    ) {
        self.configuration = configuration
        self.url = url
        self.loop = loop
        self.done = done
        var settings = configuration.upstream.upstream
        if configuration.agent == .agui { settings.skippedTypes = AGUIEvent.dispensableTypes }
        upstream = Upstream(HTTPClient(on: loop, configuration.upstream.client), settings)
    }

    private static let question = "Please count from one to ten, in words and with spaces between them."
    private static let wish = "Please put a task on my list with the title \"parley check\"."

    private static func freshID() -> Identifier {
        Identifier(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
    }

    private func begin() {
        agent = ConfiguredAssistant.upstreamAgent(configuration, at: url, upstream) { self.said.append($0) }
        add("assistant", configuration.agent.rawValue, "\(url.host), \(configuration.agentModel)")
        ask(Self.question, history: []) { self.answered($0) }
    }

    private func ask(_ text: String, history: [Message], _ then: @escaping (CheckRun) -> Void) {
        let message = Message(id: Self.freshID(), role: .user, content: text)
        let run = CheckRun(loop) { run in
            // The turn is over within a call of its own.
            _ = self.loop.schedule(after: 0) { then(run) }
        }
        let input = AgentInput(
            userID: "parley check", threadID: Self.freshID(), runID: Self.freshID(), history: history, message: message)
        work = agent?.start(input, run)
    }

    private func answered(_ run: CheckRun) {
        guard run.failure == nil else {
            add("answers", "no", words(of: run))
            return finish()
        }
        report.hasAnswered = true
        add("answers", "yes", "\(run.text.count) characters")
        add("streaming", run.pieces > 1 ? "yes" : "no", run.pieces > 1 ? "\(run.pieces) pieces" : "in one piece")
        add(
            "usage", run.usage == nil ? "no" : "yes",
            run.usage.map { "\($0.inputTokens) tokens in, \($0.outputTokens) out" } ?? "not told")
        add(
            "reasoning", run.thoughts > 0 ? "yes" : "no",
            run.thoughts > 0 ? "\(run.thoughts) characters, apart" : "none seen")
        let history = [
            Message(id: Self.freshID(), role: .user, content: Self.question),
            Message(id: Self.freshID(), role: .assistant, content: run.text),
        ]
        ask(Self.wish, history: history) { self.used($0) }
    }

    private func used(_ run: CheckRun) {
        let dialect = configuration.agentProfile.dialect
        let calls = run.calls.map(\.name).joined(separator: ", ")
        if run.failure != nil {
            add("tools", "no", (calls.isEmpty ? "" : "called \(calls), then: ") + words(of: run))
        } else if configuration.agent == .chatCompletions, !dialect.tools {
            add("tools", "no", "it takes none: it can talk, and cannot keep the list")
        } else if run.calls.isEmpty {
            add("tools", "no", "it was offered them and called none")
        } else {
            let isUsable = run.calls.allSatisfy { $0.arguments.object != nil && ToolName(rawValue: $0.name) != nil }
            add("tools", isUsable ? "yes" : "no", "called \(calls)\(isUsable ? "" : ", in a form that can't be used")")
        }
        if configuration.agent == .chatCompletions {
            let roles =
                dialect.isStrict
                ? "user and assistant alone, in turns" : "\(dialect.systemRole.rawValue), user, assistant, tool"
            add("roles", run.failure == nil ? "yes" : "-", roles)
            let learnt = configuration.agentProfile.learnt
            add("adapted", learnt.isEmpty ? "no" : "yes", learnt.isEmpty ? "nothing" : "AGENT_COMPAT=\"\(learnt)\"")
        }
        finish()
    }

    /// What the operator's log would say of it, and the user be told.
    private func words(of run: CheckRun) -> String {
        let line = said.last.map { line in line.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? line }
        said = []
        return [run.failure, line].compactMap { $0 }.joined(separator: " · ")
    }

    private func add(_ name: String, _ value: String, _ detail: String) {
        report.findings.append(Finding(name: name, value: value, detail: detail))
    }

    private func finish() {
        agent = nil
        work = nil
        done(report)
    }
}

/// A turn of the check: counts what comes, and plays the tools.
private final class CheckRun: AgentRun {
    private let loop: EventLoop
    private var done: ((CheckRun) -> Void)?
    private(set) var text = ""
    private(set) var pieces = 0
    private(set) var thoughts = 0
    private(set) var calls: [(name: String, arguments: JSON)] = []
    private(set) var usage: Usage?
    /// What the user would be told; `nil`: it ended well.
    private(set) var failure: String?

    init(_ loop: EventLoop, _ done: @escaping (CheckRun) -> Void) {
        self.loop = loop
        self.done = done
    }

    func text(_ delta: String) {
        guard !delta.isEmpty else { return }
        text += delta
        pieces += 1
    }

    func endText() {}

    func reasoning(_ delta: String) { thoughts += delta.count }

    func toolCallStart(id: String, name: String) {}
    func toolCallArguments(id: String, delta: String) {}
    func toolCallEnd(id: String) {}

    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void) {
        calls.append((name, arguments))
        let task: JSON = ["id": 1, "title": arguments["title"] ?? "parley check", "is_completed": false]
        let result: JSON = name == ToolName.listTasks.rawValue ? ["tasks": [], "total": 0] : ["task": task]
        // As after a commit: not from within the call.
        _ = loop.schedule(after: 0) { completion(ToolOutcome(status: .success, result: result)) }
    }

    func toolResult(id: String, content: String) {}
    func count(_ usage: Usage) { self.usage = usage }

    func finish(_ usage: Usage?) {
        self.usage = usage ?? self.usage
        end()
    }

    func fail(_ code: RunErrorCode, _ message: String) {
        failure = "\(code.rawValue): \(message)"
        end()
    }

    private func end() {
        let done = done
        self.done = nil
        done?(self)
    }
}
