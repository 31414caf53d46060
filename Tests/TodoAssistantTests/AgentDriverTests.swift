import JSON
import Agents
import Chat
import EventLoop
import Testing
import TodoAssistant

/// Keeps what an assistant did; tools answer at once or when told.
private final class FakeRun: AgentRun {
    var events: [String] = []
    var tasks = FakeTasks(["buy milk"])
    var holdsTools = false
    var held: [() -> Void] = []

    func text(_ delta: String) { events.append("text \(delta)") }
    func endText() { events.append("end") }
    func toolCallStart(id: String, name: String) { events.append("start \(id) \(name)") }
    func toolCallArguments(id: String, delta: String) { events.append("arguments \(delta)") }
    func toolCallEnd(id: String) { events.append("endCall") }
    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void) {
        events.append("perform \(name)")
        guard let tool = ToolName(rawValue: name), let object = arguments.object else {
            completion(ToolOutcome(status: .failed, result: ["error": ["code": "unknown_tool", "message": "?"]]))
            return
        }
        let outcome = tasks.perform(.init(tool, object))
        if holdsTools { held.append { completion(outcome) } } else { completion(outcome) }
    }
    func toolResult(id: String, content: String) { events.append("result \(id) \(content)") }
    func count(_ usage: Usage) {}
    func finish(_ usage: Usage?) { events.append("finish") }
    func fail(_ code: RunErrorCode, _ message: String) { events.append("fail \(code.rawValue)") }

    var text: String { events.filter { $0.hasPrefix("text ") }.map { $0.dropFirst(5) }.joined() }
}

@Suite struct AgentDriverTests {
    private func input(_ text: String) -> AgentInput {
        AgentInput(
            userID: "u", threadID: Identifier(high: 1, low: 1), runID: Identifier(high: 2, low: 0xABCDEF), history: [],
            message: Message(id: Identifier(high: 3, low: 3), role: .user, content: text))
    }

    @Test func callsThenAnswersWordByWord() throws {
        let run = FakeRun()
        let agent = TodoAgent(clock: try EventLoop(label: "test"), pace: 0)
        _ = agent.start(input("add eggs"), run)
        #expect(
            run.events == [
                "start call_1_000000abcdef add_task", "arguments {\"title\":\"eggs\"}", "endCall", "perform add_task",
                "text Added ", "text #2 ", "text “eggs” ", "text to ", "text your ", "text list.", "finish",
            ])
    }

    @Test func makesOneCallAfterTheOther() throws {
        let run = FakeRun()
        run.holdsTools = true
        _ = TodoAgent(clock: try EventLoop(label: "test"), pace: 0).start(input("add eggs and bread"), run)
        #expect(run.events.filter { $0.hasPrefix("perform") }.count == 1)
        run.held.removeFirst()()
        #expect(
            run.events.filter { $0.hasPrefix("start") } == [
                "start call_1_000000abcdef add_task", "start call_2_000000abcdef add_task",
            ])
        run.held.removeFirst()()
        #expect(run.events.last == "finish")
    }

    @Test func saysNothingAfterACancel() throws {
        let run = FakeRun()
        run.holdsTools = true
        let work = TodoAgent(clock: try EventLoop(label: "test"), pace: 0).start(input("add eggs"), run)
        work.cancel()
        work.cancel()
        let events = run.events
        run.held.removeFirst()()
        #expect(run.events == events)
    }

    static let scripts: [(message: String, script: Script?)] = [
        ("hello", nil), ("!", nil), ("!nonsense", nil), ("!tokens", nil), ("!tokens -1", nil),
        ("!tokens 99999999", nil),
        ("!tokens 5", .tokens(5, pace: nil)), ("!tokens 500 20", .tokens(500, pace: 20_000_000)), ("!tokens 5 x", nil),
        ("!text hello there", .text("hello there")), ("!stall", .stall),
        ("!fail upstream_error", .fail(.upstreamError)),
        ("!fail what", .fail(.internal)),
        ("!tool add_task {\"title\":\"x y\"}", .tool("add_task", arguments: "{\"title\":\"x y\"}")),
        ("!tool list_tasks", .tool("list_tasks", arguments: "{}")),
    ]

    @Test(arguments: scripts)
    func scriptsAreRead(_ row: (message: String, script: Script?)) {
        #expect(Script(row.message) == row.script)
    }

    static let scripted: [(message: String, events: [String])] = [
        ("hello", ["text word ", "text word ", "text word ", "finish"]),
        ("!tokens 1", ["text word ", "finish"]),
        ("!tokens 0 5", ["finish"]),
        ("!text hello there", ["text hello ", "text there", "finish"]),
        ("!fail tool_failed", ["text word ", "fail tool_failed"]),
        ("!stall", ["text word "]),
        (
            "!tool add_task {\"title\":\"x\"}",
            [
                "start call_1_000000abcdef add_task", "arguments {\"title\":\"x\"}", "endCall", "perform add_task",
                "text ok", "finish",
            ]
        ),
        (
            "!tool nonsense nonsense",
            [
                "start call_1_000000abcdef nonsense", "arguments nonsense", "endCall", "perform nonsense",
                "text failed", "finish",
            ]
        ),
    ]

    @Test(arguments: scripted)
    func scriptsAreCarriedOut(_ row: (message: String, events: [String])) throws {
        let run = FakeRun()
        _ = ScriptedAgent(loop: try EventLoop(label: "test"), tokens: 3, pace: 0).start(input(row.message), run)
        #expect(run.events == row.events)
    }

    /// On a real loop with a millisecond between words: the order is what is checked, not the time.
    @Test func pacedWordsComeInOrder() async throws {
        let loop = try EventLoop(label: "test")
        loop.start()
        defer { loop.stop() }
        let text = await withCheckedContinuation { continuation in
            loop.execute {
                let run = EndingRun { continuation.resume(returning: $0) }
                run.work = ScriptedAgent(loop: loop, tokens: 3, pace: 1_000_000).start(Self.paced, run)
            }
        }
        #expect(text == "word word word ")
    }

    @Test func cancelStopsTheTimer() async throws {
        let loop = try EventLoop(label: "test")
        loop.start()
        defer { loop.stop() }
        let count = await withCheckedContinuation { continuation in
            loop.execute {
                let run = FakeRun()
                let work = TodoAgent(clock: loop, pace: 1_000_000).start(Self.greeting, run)
                work.cancel()
                // Later on the same loop than any word would have come.
                _ = loop.schedule(after: 5_000_000) { continuation.resume(returning: run.events.count) }
            }
        }
        #expect(count == 1)
    }

    private static let paced = AgentInput(
        userID: "u", threadID: Identifier(high: 1, low: 1), runID: Identifier(high: 2, low: 2), history: [],
        message: Message(id: Identifier(high: 3, low: 3), role: .user, content: "go"))
    private static let greeting = AgentInput(
        userID: "u", threadID: Identifier(high: 1, low: 1), runID: Identifier(high: 2, low: 2), history: [],
        message: Message(id: Identifier(high: 3, low: 3), role: .user, content: "hello"))
}

/// Hands its text over when the run finishes.
private final class EndingRun: AgentRun {
    var work: (any AgentWork)?
    private var said = ""
    private let ended: (String) -> Void

    init(_ ended: @escaping (String) -> Void) { self.ended = ended }

    func text(_ delta: String) { said += delta }
    func endText() {}
    func toolCallStart(id: String, name: String) {}
    func toolCallArguments(id: String, delta: String) {}
    func toolCallEnd(id: String) {}
    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void) {}
    func toolResult(id: String, content: String) {}
    func count(_ usage: Usage) {}
    func finish(_ usage: Usage?) { ended(said) }
    func fail(_ code: RunErrorCode, _ message: String) { ended("failed") }
}
