import JSON
import Agents
import Chat
import Testing

@Suite struct ChatCompletionsAgentTests {
    private let upstream = FakeUpstream()
    private let run = RecordingRun()

    private func start(
        _ text: String = "hello", history: [Message] = [], steps: Int = 8,
        reports: @escaping (String) -> Void = { _ in }
    ) -> any AgentWork {
        ChatCompletionsAgent(.init(model: "m", instructions: "be kind", maximumSteps: steps), upstream, report: reports)
            .start(RecordingRun.input(text, history: history), run)
    }

    @Test func textComesOutAsItComes() throws {
        _ = start()
        let stream = try upstream.last
        stream.text("Hel")
        #expect(run.events == ["text Hel"])
        #expect(stream.log == ["commit"])
        stream.text("lo")
        stream.usage(3, 4)
        stream.done()
        #expect(run.events == ["text Hel", "text lo", "finish"])
        #expect(run.usage == Usage(inputTokens: 3, outputTokens: 4))
        #expect(stream.log == ["commit", "conclude", "finish"])
    }

    @Test func theRequestHoldsTheConversation() throws {
        let history = [
            Message(id: Identifier(high: 9, low: 1), role: .user, content: "add a"),
            Message(
                id: Identifier(high: 9, low: 2), role: .assistant, content: "Sure",
                toolCalls: [ToolCall(id: "c1", name: "add_task", arguments: #"{"title":"a"}"#)]),
            Message(id: Identifier(high: 9, low: 3), role: .assistant, content: "in between"),
            Message(id: Identifier(high: 9, low: 4), role: .tool, content: "{}", toolCallID: "c1"),
        ]
        _ = start("more \"quotes\"", history: history)
        let body = try upstream.last.body
        #expect(body["model"] == "m" && body["stream"] == true)
        #expect(body["stream_options"] == ["include_usage": true])
        #expect(body["tool_choice"] == nil)
        #expect(
            (body["tools"]?.array ?? []).compactMap { $0["function"]?["name"]?.string }
                == ToolName.offered.map(\.rawValue))
        #expect(
            body["messages"] == [
                ["role": "system", "content": "be kind"],
                ["role": "user", "content": "add a"],
                [
                    "role": "assistant", "content": "Sure",
                    "tool_calls": [
                        [
                            "id": "c1", "type": "function",
                            "function": ["name": "add_task", "arguments": #"{"title":"a"}"#],
                        ]
                    ],
                ],
                ["role": "tool", "content": "{}", "tool_call_id": "c1", "name": "add_task"],
                ["role": "assistant", "content": "in between"],
                ["role": "user", "content": "more \"quotes\""],
            ])
        #expect(try upstream.last.user == "u")
    }

    @Test func callsAreCarriedOutInOrderAndAnswered() throws {
        run.holdsTools = true
        _ = start()
        let first = try upstream.last
        first.text("Wait.")
        first.call(0, "a", "add_task", #"{"title":"x"}"#)
        first.call(1, "b", "list_tasks", "")
        first.usage(10, 1)
        first.done()
        #expect(
            run.events == [
                "text Wait.", "start a add_task", #"arguments a {"title":"x"}"#, "endCall a", "start b list_tasks",
                "endCall b", #"perform a add_task {"title":"x"}"#,
            ])
        run.held.removeFirst()()
        #expect(run.events.last == "perform b list_tasks {}")
        #expect(upstream.streams.count == 1)
        run.held.removeFirst()()
        let second = try upstream.last
        #expect(upstream.streams.count == 2)
        let messages = try #require(second.body["messages"]?.array)
        #expect(
            messages.suffix(3) == [
                [
                    "role": "assistant", "content": "Wait.",
                    "tool_calls": [
                        [
                            "id": "a", "type": "function",
                            "function": ["name": "add_task", "arguments": #"{"title":"x"}"#],
                        ],
                        ["id": "b", "type": "function", "function": ["name": "list_tasks", "arguments": "{}"]],
                    ],
                ],
                ["role": "tool", "content": #"{"did":"add_task"}"#, "tool_call_id": "a", "name": "add_task"],
                ["role": "tool", "content": #"{"did":"list_tasks"}"#, "tool_call_id": "b", "name": "list_tasks"],
            ])
        second.text("Done.")
        second.usage(20, 2)
        second.done()
        #expect(run.events.suffix(2) == ["text Done.", "finish"])
        #expect(run.usage == Usage(inputTokens: 30, outputTokens: 3))
    }

    @Test func anIdThatComesAgainInALaterStepIsReplaced() throws {
        _ = start()
        try upstream.last.call(0, "call_0", "list_tasks", "{}")
        try upstream.last.done()
        try upstream.last.call(0, "call_0", "get_task", #"{"task_id":1}"#)
        try upstream.last.done()
        let performed = run.events.filter { $0.hasPrefix("perform") }
        #expect(performed.count == 2 && Set(performed).count == 2)
        let messages = try #require(upstream.last.body["messages"]?.array)
        let asked = messages.compactMap { $0["tool_calls"]?.array?.first?["id"]?.string }
        #expect(asked == messages.compactMap { $0["tool_call_id"]?.string } && Set(asked).count == 2)
    }

    @Test(arguments: [
        (#"{"title":"#, #""{\"title\":""#), ("[1]", "[1]"), ("nonsense", #""nonsense""#), ("", "{}"), ("  \n", "{}"),
    ])
    func argumentsThatAreNone(_ row: (sent: String, performed: String)) throws {
        _ = start()
        try upstream.last.call(0, "a", "add_task", row.sent)
        try upstream.last.done()
        #expect(run.events.contains("perform a add_task \(row.performed)"))
        // They go back as an object, since servers parse them.
        let sent = try #require(
            upstream.last.body["messages"]?.array?.last { $0["tool_calls"] != nil }?["tool_calls"]?.array?.first)
        let arguments = try #require(sent["function"]?["arguments"]?.string)
        #expect(try JSON(parsing: arguments).object != nil)
    }

    @Test func theLastStepMustAnswer() throws {
        _ = start(steps: 2)
        #expect(try upstream.last.body["tool_choice"] == nil)
        try upstream.last.call(0, "a", "list_tasks", "{}")
        try upstream.last.done()
        #expect(try upstream.last.body["tool_choice"] == "none")
        try upstream.last.call(0, "b", "list_tasks", "{}")
        try upstream.last.done()
        #expect(upstream.streams.count == 2)
        #expect(run.events.filter { $0.hasPrefix("perform") }.count == 1)
        #expect(run.events.last == "fail upstream_error")
    }

    @Test func aStreamThatIsCutFails() throws {
        var reports: [String] = []
        _ = start { reports.append($0) }
        try upstream.last.text("half")
        try upstream.last.end()
        #expect(run.events == ["text half", "fail upstream_truncated"])
        #expect(reports.count == 1 && reports[0].contains("upstream_truncated") && !reports[0].contains("half"))
    }

    @Test func aCallInAStreamThatIsCutIsNotCarriedOut() throws {
        _ = start()
        try upstream.last.call(0, "a", "delete_task", #"{"task_id":1}"#)
        try upstream.last.end()
        #expect(!run.events.contains { $0.hasPrefix("perform") })
        #expect(run.events.last == "fail upstream_truncated")
    }

    @Test func aReplyThatWasWholeSurvivesItsConnection() throws {
        _ = start()
        try upstream.last.text("all")
        try upstream.last.say(["choices": [["index": 0, "delta": [:], "finish_reason": "stop"]]])
        try upstream.last.receiver.failed(AgentFailure(.upstreamTimeout, "stall"))
        #expect(run.events == ["text all", "finish"])
    }

    @Test func anotherTryBeginsAfresh() throws {
        _ = start()
        let stream = try upstream.last
        stream.say(["choices": [["index": 0, "delta": ["role": "assistant", "content": ""]]]])
        stream.usage(5, 5)
        #expect(stream.log.isEmpty)
        stream.receiver.restarts()
        stream.text("again")
        stream.done()
        #expect(run.events == ["text again", "finish"])
        #expect(run.usage == nil)
    }

    @Test(arguments: [
        (#"{"error":{"message":"sk-secret","code":"invalid_api_key"}}"#, "upstream_error"), ("{", "upstream_error"),
    ])
    func anErrorInTheStream(_ row: (data: String, code: String)) throws {
        var reports: [String] = []
        _ = start { reports.append($0) }
        try upstream.last.text("a")
        try upstream.last.say(row.data)
        #expect(run.events == ["text a", "fail \(row.code)"])
        #expect(try upstream.last.log == ["commit", "reject \(row.code)"])
        #expect(!reports.joined().contains("sk-secret"))
    }

    @Test(arguments: [
        ("length", "upstream_truncated"), ("MAX_TOKENS", "upstream_truncated"), ("content_filter", "content_filtered"),
        ("FINISH_REASON_MAX_TOKENS", "upstream_truncated"), ("maxTokens", "upstream_truncated"),
        ("content-filter", "content_filtered"), ("FinishReason.SAFETY", "content_filtered"),
        ("finish_reason", "upstream_error"), ("error", "upstream_error"), ("malformed_function_call", "upstream_error"),
        ("abort", "upstream_error"),
    ])
    func anAnswerThatWasStopped(_ row: (reason: String, code: String)) throws {
        _ = start()
        try upstream.last.text("a")
        try upstream.last.say(["choices": [["index": 0, "delta": [:], "finish_reason": .string(row.reason)]]])
        try upstream.last.done()
        #expect(run.events == ["text a", "fail \(row.code)"])
    }

    @Test func cancelClosesTheConnectionAndSaysNoMore() throws {
        let work = start()
        let stream = try upstream.last
        stream.text("a")
        work.cancel()
        work.cancel()
        #expect(stream.log == ["commit", "cancel"])
        stream.receiver.failed(AgentFailure(.upstreamTimeout, "late"))
        #expect(run.events == ["text a"])
    }

    @Test func cancelInATool() throws {
        run.holdsTools = true
        let work = start()
        try upstream.last.call(0, "a", "list_tasks", "{}")
        try upstream.last.done()
        work.cancel()
        run.held.removeFirst()()
        #expect(upstream.streams.count == 1)
        #expect(run.events.last?.hasPrefix("perform") == true)
    }
}
