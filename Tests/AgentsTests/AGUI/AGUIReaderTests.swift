import JSON
import Agents
import Chat
import Strings
import Testing

/// Events as JSON in, what is shown out; written one a line.
private func read(
    _ events: [String], state: JSON? = nil, earlier: Set<ExactString> = []
) throws(AgentFailure) -> (reader: AGUIReader, shown: [String]) {
    var reader = AGUIReader(state: state, earlier: earlier)
    var shown: [String] = []
    for event in events {
        var actions: [AGUIReader.Action] = []
        let parsed = Array(event.utf8).withUnsafeBytes { bytes in
            Result { () throws(AgentFailure) in try AGUIEvent(bytes) }
        }
        try reader.take(try parsed.get(), into: &actions)
        for action in actions {
            switch action {
            case .text(let text): shown.append("text \(text)")
            case .endText: shown.append("endText")
            case .thought(let text): shown.append("thought \(text)")
            case .callStart(let id, let name): shown.append("start \(id) \(name)")
            case .callArguments(let id, let delta): shown.append("arguments \(id) \(delta)")
            case .callEnd(let id): shown.append("end \(id)")
            case .callResult(let id, let content): shown.append("result \(id) \(content)")
            }
        }
    }
    return (reader, shown)
}

private let started = #"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#
private let finished = #"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#
private func textStart(_ id: String, _ role: String = "assistant") -> String {
    #"{"type":"TEXT_MESSAGE_START","messageId":"\#(id)","role":"\#(role)"}"#
}
private func content(_ id: String, _ delta: String) -> String {
    #"{"type":"TEXT_MESSAGE_CONTENT","messageId":"\#(id)","delta":"\#(delta)"}"#
}
private func textEnd(_ id: String) -> String { #"{"type":"TEXT_MESSAGE_END","messageId":"\#(id)"}"# }
private func callStart(_ id: String, _ name: String = "add_task") -> String {
    #"{"type":"TOOL_CALL_START","toolCallId":"\#(id)","toolCallName":"\#(name)","parentMessageId":"p"}"#
}
private func arguments(_ id: String, _ delta: String) -> String {
    #"{"type":"TOOL_CALL_ARGS","toolCallId":"\#(id)","delta":"\#(delta)"}"#
}
private func callEnd(_ id: String) -> String { #"{"type":"TOOL_CALL_END","toolCallId":"\#(id)"}"# }
private func result(_ id: String, _ content: String) -> String {
    #"{"type":"TOOL_CALL_RESULT","messageId":"m-\#(id)","toolCallId":"\#(id)","content":"\#(content)"}"#
}

@Suite struct AGUIReaderTests {
    static let streams: [(name: String, events: [String], shown: [String])] = [
        (
            "text", [textStart("a"), content("a", "Hel"), content("a", ""), content("a", "lo"), textEnd("a")],
            ["text Hel", "text lo", "endText"]
        ),
        (
            "two messages",
            [textStart("a"), content("a", "1"), textEnd("a"), textStart("b"), content("b", "2"), textEnd("b")],
            ["text 1", "endText", "text 2", "endText"]
        ),
        (
            "ids that only look alike",
            [
                textStart("K"), textStart("\u{212A}"), content("K", "1"), content("\u{212A}", "2"), textEnd("K"),
                textEnd("\u{212A}"), callStart("\u{E9}"), callStart("e\u{301}"), arguments("\u{E9}", "1"),
                callEnd("\u{E9}"), arguments("e\u{301}", "2"), callEnd("e\u{301}"), result("e\u{301}", "3"),
                result("\u{E9}", "4"),
            ],
            [
                "text 1", "endText", "text 2", "endText", "start \u{E9} add_task", "start e\u{301} add_task",
                "arguments \u{E9} 1", "end \u{E9}", "arguments e\u{301} 2", "end e\u{301}", "result e\u{301} 3",
                "result \u{E9} 4",
            ]
        ),
        (
            "two at once: one follows the other",
            [
                textStart("a"), textStart("b"), content("b", "2"), content("a", "1"), content("b", "3"), textEnd("a"),
                content("b", "4"), textEnd("b"),
            ], ["text 2", "text 3", "text 4", "endText", "text 1", "endText"]
        ),
        (
            "the first one speaks first, and the other waits",
            [
                textStart("a"), textStart("b"), content("a", "1"), content("b", "2"), content("b", "3"), textEnd("a"),
                content("b", "4"), textEnd("b"),
            ], ["text 1", "endText", "text 23", "text 4", "endText"]
        ),
        (
            "an empty one that is left open holds nobody back",
            [textStart("a"), callStart("c", "x"), callEnd("c"), textStart("b"), content("b", "2"), textEnd("b")],
            ["start c x", "end c", "text 2", "endText", "endText"]
        ),
        (
            "what is left open is ended with the run",
            [textStart("a"), content("a", "1"), callStart("c", "x"), arguments("c", "{}")],
            ["text 1", "start c x", "arguments c {}", "endText", "end c"]
        ),
        (
            "characters in two halves",
            [
                textStart("a"), content("a", #"x \ud83d"#), content("a", #"\udc4d y"#), content("a", #"\ud83d"#),
                textEnd("a"),
                callStart("c", "x"), arguments("c", #"\ud83c"#), arguments("c", #"\udf89"#), callEnd("c"),
            ], ["text x ", "text 👍 y", "text \u{FFFD}", "endText", "start c x", "arguments c 🎉", "end c"]
        ),
        (
            "what is not used is not read",
            [
                #"{"type":"RAW","event":"\ud83d"}"#,
                #"{"value":\#(String(repeating: "[", count: 100))\#(String(repeating: "]", count: 100)),"type":"CUSTOM"}"#,
                textStart("a"), content("a", "1"), textEnd("a"),
            ], ["text 1", "endText"]
        ),
        (
            "the later one ends first",
            [textStart("a"), textStart("b"), content("a", "1"), content("b", "2"), textEnd("b"), textEnd("a")],
            ["text 1", "endText", "text 2", "endText"]
        ),
        (
            "what speaks as somebody else is not shown",
            [
                textStart("s", "system"), content("s", "secret"), textEnd("s"), textStart("a"), content("a", "1"),
                textEnd("a"),
            ],
            ["text 1", "endText"]
        ),
        (
            "a tool of the upstream's own",
            [callStart("c", "search"), arguments("c", "{"), arguments("c", "}"), callEnd("c"), result("c", "found")],
            ["start c search", "arguments c {", "arguments c }", "end c", "result c found"]
        ),
        (
            "a result before the end closes the call", [callStart("c"), result("c", "x")],
            ["start c add_task", "end c", "result c x"]
        ),
        ("a result that nobody asked for", [result("old", "x")], []),
        (
            "a result in parts",
            [
                callStart("c"), callEnd("c"),
                #"{"type":"TOOL_CALL_RESULT","messageId":"m","toolCallId":"c","role":"tool","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"url","value":"u"}},{"type":"text","text":"b"}]}"#,
            ], ["start c add_task", "end c", "result c a\nb"]
        ),
        (
            "chunks of text",
            [
                #"{"type":"TEXT_MESSAGE_CHUNK","messageId":"a","delta":"1"}"#,
                #"{"type":"TEXT_MESSAGE_CHUNK","delta":"2"}"#,
                #"{"type":"CUSTOM","name":"x","value":null}"#,
                #"{"type":"TEXT_MESSAGE_CHUNK","messageId":"a","delta":"3"}"#,
                #"{"type":"TEXT_MESSAGE_CHUNK","messageId":"b","role":"assistant","delta":"4"}"#,
            ], ["text 1", "text 2", "text 3", "endText", "text 4", "endText"]
        ),
        (
            "chunks of a call",
            [
                #"{"type":"TEXT_MESSAGE_CHUNK","messageId":"a","delta":"1"}"#,
                #"{"type":"TOOL_CALL_CHUNK","toolCallId":"c","toolCallName":"add_task","delta":"{"}"#,
                #"{"type":"TOOL_CALL_CHUNK","delta":"}"}"#,
                #"{"type":"TOOL_CALL_CHUNK","toolCallId":"d","toolCallName":"list_tasks"}"#,
            ],
            [
                "text 1", "endText", "start c add_task", "arguments c {", "arguments c }", "end c",
                "start d list_tasks", "end d",
            ]
        ),
        (
            "what is of no use here, and what nobody knows yet",
            [
                #"{"type":"STEP_STARTED","stepName":"x"}"#, #"{"type":"REASONING_START","messageId":"q"}"#,
                #"{"type":"REASONING_MESSAGE_START","messageId":"q","role":"reasoning"}"#,
                #"{"type":"REASONING_MESSAGE_CONTENT","messageId":"q","delta":"hm"}"#,
                #"{"type":"THINKING_START"}"#, #"{"type":"SOMETHING_NEW","messageId":7}"#, #"{"type":"RAW","event":1}"#,
                #"{"type":"ACTIVITY_SNAPSHOT","messageId":"x","activityType":"y","content":{}}"#,
                #"{"type":"STEP_FINISHED","stepName":"x"}"#,
            ], []
        ),
        (
            "nulls of older producers",
            [
                #"{"type":"TEXT_MESSAGE_START","messageId":"a","role":"assistant","timestamp":null,"rawEvent":null,"name":null}"#,
                content("a", "1"), textEnd("a"),
                #"{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"add_task","parentMessageId":null}"#,
                callEnd("c"),
            ], ["text 1", "endText", "start c add_task", "end c"]
        ),
        (
            "only a snapshot: what stands behind the user's message",
            [
                #"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"1","role":"user","content":"a"},{"id":"2","role":"assistant","content":"old"},{"id":"3","role":"user","content":[{"type":"text","text":"b"}]},{"id":"4","role":"assistant","content":"new"},{"id":"5","role":"reasoning","content":"x"}]}"#
            ], ["text new", "endText"]
        ),
        (
            "a snapshot of what was streamed",
            [
                textStart("4"), content("4", "new"), textEnd("4"),
                #"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"3","role":"user","content":"b"},{"id":"4","role":"assistant","content":"new"}]}"#,
            ], ["text new", "endText"]
        ),
        (
            "a snapshot of more than was streamed",
            [
                textStart("4"), content("4", "a pre"), textEnd("4"),
                #"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"3","role":"user","content":"b"},{"id":"4","role":"assistant","content":"a preface"},{"id":"5","role":"assistant","content":"more"}]}"#,
            ], ["text a pre", "endText", "text face", "endText", "text more", "endText"]
        ),
        (
            "a snapshot with other ids",
            [
                textStart("4"), content("4", "new"), textEnd("4"),
                #"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"3","role":"user","content":"b"},{"id":"x","role":"assistant","content":"new"}]}"#,
            ], ["text new", "endText"]
        ),
    ]

    @Test(arguments: streams.indices)
    func streamsAreShown(_ index: Int) throws {
        let row = Self.streams[index]
        let (reader, shown) = try read([started] + row.events + [finished])
        #expect(shown == row.shown, "\(row.name)")
        #expect(reader.end == .finished(.success(pending: nil)))
    }

    static let disorders: [[String]] = [
        [started, arguments("c", "x")], [started, callEnd("c")],
        [started, #"{"type":"TOOL_CALL_CHUNK","toolCallId":"c"}"#],
        // Not what the specification has.
        ["[]"], ["{}"], [#"{"type":7}"#], ["nonsense"],
        [started, #"{"type":"TEXT_MESSAGE_START","messageId":"a","role":"tool"}"#],
        [started, #"{"type":"TEXT_MESSAGE_START","messageId":1}"#],
        [started, #"{"type":"TOOL_CALL_START","toolCallId":"c"}"#], [started, #"{"type":"STATE_DELTA"}"#],
        [started, #"{"type":"MESSAGES_SNAPSHOT","messages":{}}"#],
        [
            started,
            #"{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"interrupt","interrupts":[]}}"#,
        ],
    ]

    /// What libraries are known to get wrong, and what is certainly meant.
    static let slips: [(events: [String], shown: [String])] = [
        ([textStart("a"), content("a", "x")], ["text x"]),
        ([started, started, textStart("a"), textStart("a"), content("a", "x")], ["text x"]),
        ([started, content("a", "x"), textEnd("a"), textEnd("a")], ["text x", "endText"]),
        (
            [
                started, callStart("c"), arguments("c", "{}"), callEnd("c"), callStart("c"), arguments("c", "{}"),
                callEnd("c"),
            ],
            ["start c add_task", "arguments c {}", "end c"]
        ),
        ([started, #"{"type":"TEXT_MESSAGE_CHUNK","delta":"x"}"#], ["text x"]),
        ([started, textStart("a"), #"{"type":"TEXT_MESSAGE_CONTENT","messageId":"a","delta":null}"#], []),
        ([#"{"type":"text_message_content","message_id":"a","delta":"x"}"#], ["text x"]),
        (
            [started, #"{"type":"RUN_FINISHED","threadId":"t","runId":"other","outcome":{"type":"whatever"}}"#], []
        ),
        (
            [started, content("a", "<thi"), content("a", "nk>x</think>\\n"), content("a", "y")],
            ["thought x", "text y"]
        ),
    ]

    @Test(arguments: slips.indices)
    func slipsAreUnderstood(_ index: Int) throws {
        let row = Self.slips[index]
        let (_, shown) = try read(row.events)
        #expect(shown == row.shown)
    }

    @Test(arguments: disorders)
    func disorderIsAnError(_ events: [String]) {
        #expect { try read(events) } throws: { ($0 as? AgentFailure)?.code == .upstreamError }
    }

    @Test(arguments: [
        (#""outcome":null"#, ["c", "d"]), (#""outcome":{"type":"success"}"#, ["c", "d"]),
        (#""outcome":{"type":"success","pendingToolCallIds":["d","e"]}"#, ["d", "e"]),
        (#""outcome":{"type":"interrupt","interrupts":[{"id":"i","reason":"r","toolCallId":"c"}]}"#, ["d"]),
        (#""outcome":{"type":"cancelled"}"#, []),
    ])
    func whatIsLeftToUs(_ row: (outcome: String, pending: [String])) throws {
        let (reader, _) = try read([
            started, callStart("c"), callEnd("c"), callStart("d", "list_tasks"), callEnd("d"), callStart("e", "search"),
            callEnd("e"), callStart("f", "get_task"), callEnd("f"), result("f", "its own"),
            #"{"type":"RUN_FINISHED","threadId":"t","runId":"r",\#(row.outcome)}"#,
        ])
        #expect(reader.pending.map(\.id) == row.pending)
    }

    @Test func theNextRunIsToldWhatWasAnswered() throws {
        let (reader, _) = try read([
            started, textStart("p"), content("p", "ok"), textEnd("p"), callStart("c"), arguments("c", "{}"),
            callEnd("c"),
            callStart("x", "search"), callEnd("x"), callStart("f", "search"), callEnd("f"), result("f", "found"),
            finished,
        ])
        #expect(
            reader.messages(answered: ["c"]) == [
                AGUIMessage(
                    id: "p", role: .assistant, content: "ok",
                    toolCalls: [
                        ToolCall(id: "c", name: "add_task", arguments: "{}"),
                        ToolCall(id: "f", name: "search", arguments: ""),
                    ]),
                AGUIMessage(id: "m-f", role: .tool, content: "found", toolCallID: "f"),
            ])
        #expect(reader.unanswered == ["c", "x"])
    }

    @Test func aResultOfAnEarlierRunIsShownOnce() throws {
        let (reader, shown) = try read(
            [started, result("c", "no"), result("c", "again"), finished], earlier: ["c", "d"])
        #expect(shown == ["result c no"])
        #expect(reader.unanswered == ["d"])
    }

    @Test func usageIsSummedOverModels() throws {
        let (reader, _) = try read([
            started,
            #"{"type":"RUN_FINISHED","threadId":"t","runId":"r","usage":[{"inputTokens":1,"outputTokens":2},{"model":"x","inputTokens":3},{"model":"y"}]}"#,
        ])
        #expect(reader.usage == Usage(inputTokens: 4, outputTokens: 2))
    }

    @Test func anErrorEndsTheRun() throws {
        let (reader, _) = try read([
            #"{"type":"RUN_ERROR","message":"key sk-secret","code":"Rate_Limit"}"#, content("a", "x"),
        ])
        #expect(reader.end == .failed(code: "rate_limit"))
    }

    @Test func theStateIsKept() throws {
        let (reader, _) = try read([
            started, #"{"type":"STATE_SNAPSHOT","snapshot":{"n":1}}"#,
            #"{"type":"STATE_DELTA","delta":[{"op":"replace","path":"/n","value":2}]}"#,
            #"{"type":"STATE_DELTA","delta":[{"op":"remove","path":"/nowhere"}]}"#, finished,
        ])
        #expect(reader.state == ["n": 2])
    }

    @Test func whatIsHeldIsBounded() {
        let piece = String(repeating: "x", count: 1 << 16)
        let events =
            [started, textStart("a"), content("a", "1"), textStart("b")]
            + Array(repeating: content("b", piece), count: 17)
        #expect { try read(events) } throws: { ($0 as? AgentFailure)?.code == .upstreamTruncated }
    }

    static let patches: [(patch: String, from: String, to: String?)] = [
        (#"[{"op":"add","path":"/a","value":1}]"#, "{}", #"{"a":1}"#),
        (
            #"[{"op":"add","path":"/a/0","value":1},{"op":"add","path":"/a/-","value":3}]"#, #"{"a":[2]}"#,
            #"{"a":[1,2,3]}"#
        ),
        (#"[{"op":"remove","path":"/a/b~1c~0d"}]"#, #"{"a":{"b/c~d":1,"e":2}}"#, #"{"a":{"e":2}}"#),
        (
            #"[{"op":"remove","path":"/\u0301a/\u0301b~1\u0301"}]"#, #"{"\u0301a":{"\u0301b/\u0301":1}}"#,
            #"{"\u0301a":{}}"#
        ),
        (#"[{"op":"add","path":"/K","value":1}]"#, #"{"\u212a":0}"#, #"{"\u212a":0,"K":1}"#),
        (#"[{"op":"test","path":"/a","value":"\u00e9"}]"#, #"{"a":"e\u0301"}"#, nil),
        (#"[{"op":"replace","path":"","value":[1]}]"#, "{}", "[1]"),
        (#"[{"op":"move","from":"/a","path":"/b"}]"#, #"{"a":1}"#, #"{"b":1}"#),
        (#"[{"op":"copy","from":"/a","path":"/b"}]"#, #"{"a":1}"#, #"{"a":1,"b":1}"#),
        (#"[{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}]"#, #"{"a":1}"#, "{}"),
        (#"[{"op":"test","path":"/a","value":2}]"#, #"{"a":1}"#, nil),
        (#"[{"op":"move","from":"/a","path":"/a/b"}]"#, #"{"a":{}}"#, nil),
        (#"[{"op":"add","path":"/a/b","value":1}]"#, "{}", nil),
        (#"[{"op":"add","path":"/01","value":1}]"#, "[1,2]", nil),
        (#"[{"op":"remove","path":"/1"}]"#, "[1]", nil), (#"[{"op":"add","path":"a","value":1}]"#, "{}", nil),
        (#"[{"op":"whatever","path":"/a"}]"#, "{}", nil), (#"[{"op":"remove","path":"/0/x"}]"#, #"["a"]"#, nil),
    ]

    @Test(arguments: patches)
    func patchesAreApplied(_ row: (patch: String, from: String, to: String?)) throws {
        let operations = try #require(try JSON(parsing: row.patch).array)
        let document = JSONPatch.apply(operations, to: try JSON(parsing: row.from))
        #expect(document == (try row.to.map { try JSON(parsing: $0) }))
    }
}
