import Agents
import Chat
import JSON
import Testing

/// What each word of `AGENT_COMPAT` does to a request.
@Suite struct ChatDialectTests {
    private static func id(_ low: UInt64) -> Identifier { Identifier(high: 1, low: low) }

    /// The body of a second step, behind a turn in which a tool was used.
    private static func body(_ words: String, mayCall: Bool = true) throws -> JSON {
        let history = [
            Message(id: id(1), role: .user, content: "add milk"),
            Message(
                id: id(2), role: .assistant, content: "",
                toolCalls: [ToolCall(id: "call_of_before", name: "add_task", arguments: #"{"title":"milk"}"#)]),
            Message(id: id(3), role: .tool, content: "{}", toolCallID: "call_of_before"),
            Message(id: id(4), role: .assistant, content: "Added."),
        ]
        let question = Message(id: id(5), role: .user, content: "and eggs")
        var request = ChatCompletionsRequest(
            model: "m", instructions: "Be kind.", transcript: Transcript(history, question))
        var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 1))
        var actions: [ChatCompletionsAssembler.Action] = []
        let chunk: JSON = [
            "choices": [
                [
                    "delta": [
                        "reasoning_content": "hm",
                        "tool_calls": [["id": "call_of_now", "function": ["name": "add_task", "arguments": "{}"]]],
                    ], "finish_reason": "tool_calls",
                ]
            ]
        ]
        Array(chunk.description.utf8).withUnsafeBytes { bytes in
            #expect(throws: Never.self) { try assembler.take(bytes, into: &actions) }
        }
        _ = assembler.end(into: &actions)
        request.append(
            text: "", calls: assembler.calls.calls, results: ["{}"], reasoning: assembler.reasoning)
        return try JSON(parsing: request.body(mayCall: mayCall, try ChatDialect(words)))
    }

    private static func roles(_ body: JSON) -> String {
        (body["messages"]?.array ?? []).compactMap { $0["role"]?.string?.first.map(String.init) }.joined()
    }

    private static func beside(_ body: JSON) -> [JSON] {
        (body["messages"]?.array ?? []).filter { $0["tool_calls"] != nil }
    }

    private static func results(_ body: JSON) -> [JSON] {
        (body["messages"]?.array ?? []).filter { $0["role"] == "tool" }
    }

    static let rows: [(words: String, isRight: @Sendable (JSON) -> Bool)] = [
        ("", { $0["stream"] == true && $0["stream_options"]?["include_usage"] == true && roles($0) == "suatauat" }),
        ("stream_options=off", { $0["stream"] == true && $0["stream_options"] == nil }),
        ("stream=off", { $0["stream"] == nil && $0["stream_options"] == nil }),
        ("tools=off", { $0["tools"] == nil && roles($0) == "suauauau" && beside($0).isEmpty }),
        ("parallel_tool_calls=off", { $0["parallel_tool_calls"] == false }),
        ("parallel_tool_calls=on", { $0["parallel_tool_calls"] == true }),
        ("system=developer", { roles($0) == "duatauat" }),
        (
            "system=user",
            { roles($0) == "uatauat" && $0["messages"]?.array?[0]["content"] == "Be kind.\n\nadd milk" }
        ),
        ("name=on", { results($0).allSatisfy { $0["name"] == "add_task" } }),
        ("name=off", { results($0).allSatisfy { $0["name"] == nil } }),
        ("alternation=strict", { roles($0) == "suauauau" && $0["tools"] != nil && beside($0).isEmpty }),
        ("empty_content=empty", { beside($0).allSatisfy { $0["content"] == "" } }),
        ("empty_content=null", { beside($0).allSatisfy { $0["content"]?.isNull == true } }),
        ("empty_content=absent", { beside($0).allSatisfy { $0["content"] == nil } }),
        ("empty_content=space", { beside($0).allSatisfy { $0["content"] == " " } }),
        ("reasoning=echo", { beside($0).map { $0["reasoning_content"]?.string } == [nil, "hm"] }),
        ("reasoning=always", { beside($0).map { $0["reasoning_content"]?.string } == ["(not kept)", "hm"] }),
        ("reasoning=off", { beside($0).allSatisfy { $0["reasoning_content"] == nil } }),
        ("call_ids=own", { results($0).map { $0["tool_call_id"] } == ["call_of_before", "call_of_now"] }),
        (
            "call_ids=short",
            { body in
                let ids = results(body).compactMap { $0["tool_call_id"]?.string }
                let calls = beside(body).compactMap { $0["tool_calls"]?.array?[0]["id"]?.string }
                return ids == calls && ids.allSatisfy { $0.utf8.count == 9 } && ids[0] != ids[1]
            }
        ),
        ("schemas=full", { $0["tools"]?.description.contains("additionalProperties") == true }),
        ("schemas=plain", { $0["tools"]?.description.contains("additionalProperties") == false }),
        ("thoughts=bare", { roles($0) == "suatauat" }), ("tool_choice=on", { $0["tool_choice"] == nil }),
    ]

    @Test(arguments: rows.indices)
    func aWordDoesWhatItSays(_ index: Int) throws {
        let row = Self.rows[index]
        let body = try Self.body(row.words)
        #expect(row.isRight(body), "\(row.words): \(body)")
    }

    @Test func theLastStepOffersNoTools() throws {
        #expect(try Self.body("tool_choice=on", mayCall: false)["tool_choice"] == "none")
        let body = try Self.body("tool_choice=off", mayCall: false)
        #expect(body["tool_choice"] == nil && body["tools"] == nil)
    }

    @Test func everyFeatureHasARow() {
        for feature in ChatDialect.Feature.allCases {
            #expect(Self.rows.contains { $0.words.hasPrefix(feature.rawValue + "=") }, "\(feature)")
        }
    }

    @Test func severalWordsAndWhatIsNone() throws {
        let dialect = try ChatDialect("tools=off, name=off  stream=off")
        #expect(dialect.differences(from: ChatDialect()) == "tools=off name=off stream=off")
        #expect(dialect.settled == [.tools, .name, .stream])
        #expect(dialect.without(.tools) == nil, "what is set is not found out")
        for word in ["tools", "tools=maybe", "colour=red", "tools=on=off", "="] {
            #expect(throws: DialectError.self) { try ChatDialect(word) }
        }
    }
}
