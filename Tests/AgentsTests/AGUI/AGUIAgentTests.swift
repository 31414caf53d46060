import JSON
import Agents
import Chat
import Testing

@Suite struct AGUIAgentTests {
    private let upstream = FakeUpstream()
    private let run = RecordingRun()

    private func start(
        _ text: String = "hello", history: [Message] = [], steps: Int = 8,
        reports: @escaping (String) -> Void = { _ in }
    ) -> any AgentWork {
        AGUIAgent(maximumSteps: steps, upstream, report: reports).start(
            RecordingRun.input(text, history: history), run)
    }

    private func begin() throws {
        let stream = try upstream.last
        stream.say(["type": "RUN_STARTED", "threadId": "x", "runId": "y"])
    }

    private func end(_ outcome: JSON? = nil) throws {
        var event: JSONObject = ["type": "RUN_FINISHED", "threadId": "x", "runId": "y"]
        event["outcome"] = outcome
        event["usage"] = [["inputTokens": 2, "outputTokens": 1]]
        try upstream.last.say(.object(event))
    }

    private func call(_ id: String, _ name: String, _ arguments: String) throws {
        try upstream.last.say(
            [
                "type": "TOOL_CALL_START", "toolCallId": .string(id), "toolCallName": .string(name),
                "parentMessageId": "p",
            ],
            ["type": "TOOL_CALL_ARGS", "toolCallId": .string(id), "delta": .string(arguments)],
            ["type": "TOOL_CALL_END", "toolCallId": .string(id)])
    }

    @Test func textComesOutAsItComes() throws {
        _ = start()
        try begin()
        let stream = try upstream.last
        #expect(stream.log.isEmpty)
        stream.say(["type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"])
        stream.say(["type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "Hi"])
        #expect(run.events == ["text Hi"] && stream.log == ["commit"])
        stream.say(["type": "TEXT_MESSAGE_END", "messageId": "m"])
        try end()
        #expect(run.events == ["text Hi", "endText", "finish"])
        #expect(run.usage == Usage(inputTokens: 2, outputTokens: 1))
        #expect(stream.log == ["commit", "finish"])
    }

    @Test func theInputIsAsTheProtocolHasIt() throws {
        _ = start(
            "hello",
            history: [
                Message(id: Identifier(high: 9, low: 0), role: .user, content: "first"),
                Message(id: Identifier(high: 9, low: 1), role: .assistant, content: "before"),
            ])
        let body = try upstream.last.body
        #expect(
            body.object?.members.map(\.key) == [
                "threadId", "runId", "protocolVersion", "state", "messages", "tools", "context", "forwardedProps",
            ])
        #expect(body["threadId"]?.string == Identifier(high: 1, low: 1).description)
        #expect(body["runId"]?.string == Identifier(high: 2, low: 0xABCDEF).description)
        #expect(
            body["messages"] == [
                ["id": .string(Identifier(high: 9, low: 0).description), "role": "user", "content": "first"],
                ["id": .string(Identifier(high: 9, low: 1).description), "role": "assistant", "content": "before"],
                ["id": .string(Identifier(high: 3, low: 3).description), "role": "user", "content": "hello"],
            ])
        #expect((body["tools"]?.array ?? []).compactMap { $0["name"]?.string } == ToolName.offered.map(\.rawValue))
    }

    @Test func ourToolsAreCarriedOutAndAnsweredInAnotherRun() throws {
        _ = start()
        try begin()
        try call("c", "add_task", #"{"title":"x"}"#)
        try call("s", "search", "{}")
        try upstream.last.say(["type": "TOOL_CALL_RESULT", "messageId": "sr", "toolCallId": "s", "content": "found"])
        #expect(run.events.last == "result s found")
        try end(["type": "success", "pendingToolCallIds": ["c"]])
        #expect(run.events.last == #"perform c add_task {"title":"x"}"#)
        let first = upstream.streams[0].body
        let body = try upstream.last.body
        #expect(upstream.streams.count == 2)
        #expect(body["runId"] != first["runId"] && body["parentRunId"] == first["runId"])
        let messages = try #require(body["messages"]?.array)
        #expect(messages.compactMap { $0["role"]?.string } == ["user", "assistant", "tool", "tool"])
        #expect(messages[1]["id"] == "p")
        #expect(messages[2]["toolCallId"] == "c" && messages[2]["content"]?.string == #"{"did":"add_task"}"#)
        #expect(messages[3] == ["id": "sr", "role": "tool", "content": "found", "toolCallId": "s"])
        try begin()
        try end()
        #expect(run.events.last == "finish")
        #expect(run.usage == Usage(inputTokens: 4, outputTokens: 2))
    }

    @Test func anInterruptIsPutToAPerson() throws {
        _ = start()
        try begin()
        try upstream.last.say(["type": "STATE_SNAPSHOT", "snapshot": ["n": 1]])
        try call("a", "add_task", "{}")
        try call("c", "pay", "{}")
        let asked: JSON = [
            "id": "i1", "reason": "approval", "toolCallId": "c", "message": "Pay?",
            "responseSchema": ["type": "object"],
        ]
        try end(["type": "interrupt", "interrupts": [asked]])
        // What is ours and does not ask is carried out before.
        #expect(run.events.suffix(3) == ["perform a add_task {}", "question i1 approval c", "suspend"])
        #expect(run.state == ["n": 1])
        #expect(upstream.streams.count == 1)
    }

    @Test func itGoesOnWithTheAnswer() throws {
        var input = RecordingRun.input("pay")
        input.exchange = [
            Message(
                id: Identifier(high: 4, low: 4), role: .assistant, content: "",
                toolCalls: [ToolCall(id: "c", name: "pay", arguments: "{}")])
        ]
        var answered = Approval(id: Identifier(high: 5, low: 5), runID: input.runID, ordinal: 1, tool: nil, callID: "c")
        answered.upstreamID = "i1"
        answered.status = .approved
        answered.payload = ["approved": true, "note": .null]
        input.answers = [answered]
        input.state = ["n": 1]
        let work = AGUIAgent(maximumSteps: 8, upstream) { _ in }.start(input, run)
        let body = try upstream.last.body
        let payload: JSON = ["approved": true, "note": .null]
        #expect(body["resume"] == [["interruptId": "i1", "status": "resolved", "payload": payload]])
        #expect(body["state"] == ["n": 1])
        #expect(body["messages"]?.array?.last?["toolCalls"]?.array?.first?["id"] == "c")
        try begin()
        try upstream.last.say(["type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "c", "content": "paid"])
        try end()
        #expect(run.events.suffix(2) == ["result c paid", "finish"])
        withExtendedLifetime(work) {}
    }

    @Test func whatAsksTooMuchIsDeclined() throws {
        var reports: [String] = []
        _ = start { reports.append($0) }
        try begin()
        try call("c", "pay", "{}")
        let message = String(repeating: "x", count: 300_000)
        try end([
            "type": "interrupt",
            "interrupts": [["id": "i1", "reason": "approval", "toolCallId": "c", "message": .string(message)]],
        ])
        let body = try upstream.last.body
        #expect(body["resume"] == [["interruptId": "i1", "status": "cancelled"]])
        #expect(body["messages"]?.array?.last?["toolCalls"]?.array?.first?["id"] == "c")
        try begin()
        try upstream.last.say(["type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "c", "content": "denied"])
        try end()
        #expect(run.events.suffix(2) == ["result c denied", "finish"])
        #expect(reports.count == 1)
    }

    @Test func ourToolsAskToo() throws {
        run.asking = ["delete_task"]
        _ = start()
        try begin()
        try call("a", "delete_task", "{\"task_id\":1}")
        try call("b", "add_task", "{\"title\":\"x\"}")
        try end()
        #expect(
            run.events.suffix(3) == [
                #"ask a delete_task {"task_id":1}"#, #"perform b add_task {"title":"x"}"#, "suspend",
            ])
        #expect(upstream.streams.count == 1)
    }

    @Test func theStateGoesBack() throws {
        _ = start()
        #expect(try upstream.last.body["state"] == [:])
        try begin()
        try upstream.last.say(["type": "STATE_SNAPSHOT", "snapshot": ["n": 1]])
        try call("c", "list_tasks", "{}")
        try end()
        #expect(try upstream.last.body["state"] == ["n": 1])
    }

    @Test func stepsAreBounded() throws {
        _ = start(steps: 2)
        for _ in 0..<2 {
            try begin()
            try call("c\(upstream.streams.count)", "list_tasks", "{}")
            try end()
        }
        #expect(upstream.streams.count == 2)
        #expect(try upstream.last.body["tools"] == [])
        #expect(run.events.last == "fail upstream_error")
    }

    @Test(
        arguments: [
            (["type": "RUN_ERROR", "message": "key sk-secret", "code": "boom"], "upstream_error"),
            (
                ["type": "RUN_FINISHED", "threadId": "x", "runId": "y", "outcome": ["type": "cancelled"]],
                "upstream_error"
            ),
            (["type": "TOOL_CALL_END", "toolCallId": "zz"], "upstream_error"), (["no": "type"], "upstream_error"),
        ] as [(JSON, String)])
    func failures(_ row: (event: JSON, code: String)) throws {
        var reports: [String] = []
        _ = start { reports.append($0) }
        try begin()
        try upstream.last.say(row.event)
        #expect(run.events == ["fail \(row.code)"])
        #expect(reports.count == 1 && !reports[0].contains("sk-secret"))
    }

    @Test func aStreamThatIsCutFails() throws {
        _ = start()
        try begin()
        try upstream.last.say(["type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": "half"])
        try upstream.last.end()
        #expect(run.events == ["text half", "fail upstream_truncated"])
    }

    @Test func cancelClosesTheConnection() throws {
        let work = start()
        try begin()
        work.cancel()
        #expect(try upstream.last.log == ["cancel"])
        #expect(run.events.isEmpty)
    }
}
