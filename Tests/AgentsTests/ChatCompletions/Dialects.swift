import Agents
import Chat
import Testing

/// What a dialect's stream should come to.
struct Dialect: Sendable, CustomTestStringConvertible {
    var name: String
    /// The body as it is on the wire.
    var stream: String
    var text = ""
    /// Name and arguments of each call.
    var calls: [[String]] = []
    /// The calls' ids; `nil`: made up, so only different from each other.
    var ids: [String?]? = nil
    var ending = ChatCompletionsAssembler.Ending.complete
    var usage: Usage? = nil

    var testDescription: String { name }
}

extension Dialect {
    /// Streams in the shapes that servers are known to have.
    static let all: [Dialect] = [
        Dialect(
            name: "OpenAI, text",
            stream: #"""
                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Héllo"},"logprobs":null,"finish_reason":null}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" \ud83d\ude00\n"},"logprobs":null,"finish_reason":null}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0}}}

                data: [DONE]


                """#,
            text: "Héllo 😀\n", usage: Usage(inputTokens: 19, outputTokens: 10)),
        Dialect(
            name: "OpenAI, two calls in pieces",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"add_task","arguments":""}}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"ti"}}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"tle\":\"milk\"}"}}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"add_task","arguments":""}}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"title\":\"eggs\"}"}}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

                data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"milk"}"#], ["add_task", #"{"title":"eggs"}"#]],
            ids: ["call_a", "call_b"], usage: Usage(inputTokens: 5, outputTokens: 6)),
        Dialect(
            name: "OpenAI, calls interleaved by index, and stop as the reason",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"get_task","arguments":"{\"task"}},{"index":1,"id":"b","function":{"name":"get_task","arguments":"{\"task_"}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"id\":2}"}},{"index":0,"function":{"arguments":"_id\":1}"}}]},"finish_reason":"stop"}]}

                data: [DONE]


                """#,
            calls: [["get_task", #"{"task_id":1}"#], ["get_task", #"{"task_id":2}"#]], ids: ["a", "b"]),
        Dialect(
            name: "Azure, an opening chunk without choices",
            stream: #"""
                data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}

                data: {"choices":[{"content_filter_results":{},"delta":{"content":"Hi"},"finish_reason":null,"index":0,"logprobs":null}]}

                data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}]}

                data: [DONE]


                """#,
            text: "Hi"),
        Dialect(
            name: "vLLM, a running sum of usage in every chunk, reasoning beside the text",
            stream: #"""
                data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"qwen","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":16,"total_tokens":16,"completion_tokens":0}}

                data: {"choices":[{"index":0,"delta":{"reasoning_content":"hmm"},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":16,"total_tokens":17,"completion_tokens":1}}

                data: {"choices":[{"index":0,"delta":{"content":"ok"},"logprobs":null,"finish_reason":null,"token_ids":[1]}],"usage":{"prompt_tokens":16,"total_tokens":18,"completion_tokens":2}}

                data: {"choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":16,"total_tokens":19,"completion_tokens":3}}

                data: {"choices":[],"usage":{"prompt_tokens":16,"total_tokens":19,"completion_tokens":3}}

                data: [DONE]


                """#,
            text: "ok", usage: Usage(inputTokens: 16, outputTokens: 3)),
        Dialect(
            name: "vLLM, a new id for every delta of a call",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":"add_task"}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"chatcmpl-tool-2","type":"function","index":0,"function":{"arguments":"{\"title\": "}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"chatcmpl-tool-3","type":"function","index":0,"function":{"arguments":"\"x\"}"}}]},"finish_reason":"tool_calls"}]}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title": "x"}"#]], ids: ["chatcmpl-tool-1"]),
        Dialect(
            name: "vLLM, index 0 for every call and empty ids in between",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"arguments":"","name":"get_task"},"type":"function"}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"","function":{"arguments":"{\"task_id\":1}","name":null},"type":"function"}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t2","function":{"arguments":"","name":"get_task"},"type":"function"}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"","function":{"arguments":"{\"task_id\":2}","name":null},"type":"function"}]},"finish_reason":"tool_calls"}]}

                data: [DONE]


                """#,
            calls: [["get_task", #"{"task_id":1}"#], ["get_task", #"{"task_id":2}"#]], ids: ["t1", "t2"]),
        Dialect(
            name: "SGLang, the id in every delta, index 0 for every call",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"0","function":{"arguments":"","name":"get_task"}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"0","function":{"arguments":"{\"task_id\":1}","name":null}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"arguments":"","name":"get_task"}}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"arguments":"{\"task_id\":2}","name":null}}]}}]}

                data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

                data: [DONE]


                """#,
            calls: [["get_task", #"{"task_id":1}"#], ["get_task", #"{"task_id":2}"#]], ids: ["0", "1"]),
        Dialect(
            name: "Ollama, whole calls with index 0, stop as the reason",
            stream: #"""
                data: {"id":"chatcmpl-338","object":"chat.completion.chunk","created":1,"model":"llama3.1","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","index":0,"type":"function","function":{"name":"add_task","arguments":"{\"title\":\"a\"}"}}]},"finish_reason":null}]}

                data: {"id":"chatcmpl-338","object":"chat.completion.chunk","created":1,"model":"llama3.1","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_2","index":0,"type":"function","function":{"name":"add_task","arguments":"{\"title\":\"b\"}"}}]},"finish_reason":null}]}

                data: {"id":"chatcmpl-338","object":"chat.completion.chunk","created":1,"model":"llama3.1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}

                data: {"id":"chatcmpl-338","object":"chat.completion.chunk","created":1,"model":"llama3.1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":8,"total_tokens":15}}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"a"}"#], ["add_task", #"{"title":"b"}"#]], ids: ["call_1", "call_2"],
            usage: Usage(inputTokens: 7, outputTokens: 8)),
        Dialect(
            name: "llama.cpp, carriage returns, timings, no id on later deltas",
            stream: #"""
                data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"c","model":"m","object":"chat.completion.chunk"}

                data: {"choices":[{"finish_reason":null,"index":0,"delta":{"tool_calls":[{"index":0,"id":"Zx9","type":"function","function":{"name":"complete_task","arguments":"{"}}]}}]}

                data: {"choices":[{"finish_reason":null,"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"task_id\":3}"}}]}}]}

                data: {"choices":[{"finish_reason":"tool_calls","index":0,"delta":{}}],"usage":{"completion_tokens":4,"prompt_tokens":3,"total_tokens":7},"timings":{"prompt_n":3,"predicted_ms":1.5}}

                data: [DONE]


                """#.replacing("\n", with: "\r\n"),
            calls: [["complete_task", #"{"task_id":3}"#]], ids: ["Zx9"], usage: Usage(inputTokens: 3, outputTokens: 4)),
        Dialect(
            name: "LiteLLM before Anthropic, text then a call, nulls everywhere",
            stream: #"""
                data: {"id":"chatcmpl-e","created":1,"model":"claude","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Let me look.","role":"assistant","function_call":null,"tool_calls":null,"audio":null}}]}

                data: {"choices":[{"index":0,"delta":{"provider_specific_fields":null,"content":null,"tool_calls":[{"id":"toolu_01","function":{"arguments":"","name":"list_tasks"},"type":"function","index":1}]}}]}

                data: {"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"id":null,"function":{"arguments":"{}","name":null},"type":"function","index":1}]}}]}

                data: {"choices":[{"finish_reason":"tool_calls","index":0,"delta":null}]}

                data: {"choices":[{"index":0,"delta":{}}],"usage":{"completion_tokens":9,"prompt_tokens":30,"total_tokens":39}}

                data: [DONE]


                """#,
            text: "Let me look.", calls: [["list_tasks", "{}"]], ids: ["toolu_01"],
            usage: Usage(inputTokens: 30, outputTokens: 9)),
        Dialect(
            name: "LiteLLM before Ollama, arguments as an object, no index",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"u1","function":{"arguments":{"title":"a"},"name":"add_task"},"type":"function"}]}}]}

                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"u2","function":{"arguments":{"title":"b"},"name":"add_task"},"type":"function"}]}}]}

                data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"a"}"#], ["add_task", #"{"title":"b"}"#]], ids: ["u1", "u2"]),
        Dialect(
            name: "OpenRouter, comments, role and empty content in every chunk",
            stream: #"""
                : OPENROUTER PROCESSING

                : OPENROUTER PROCESSING

                data: {"id":"gen-1","provider":"X","model":"m","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"thinking","reasoning_details":[{"type":"reasoning.text","text":"thinking"}]},"finish_reason":null,"native_finish_reason":null}]}

                : OPENROUTER PROCESSING

                data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":"yes"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}

                data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"STOP"}]}

                data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3,"cost":0.1}}

                data: [DONE]


                """#,
            text: "yes", usage: Usage(inputTokens: 2, outputTokens: 1)),
        Dialect(
            name: "Gemini, whole calls in chunks of their own, index 0 and no ids, usage in every chunk",
            stream: #"""
                data: {"choices":[{"delta":{"role":"assistant","tool_calls":[{"extra_content":{"google":{"thought_signature":"EjQ"}},"function":{"arguments":"{\"title\":\"a\"}","name":"add_task"},"id":"","index":0,"type":"function"}]},"index":0}],"created":1,"id":"x","model":"gemini","object":"chat.completion.chunk","usage":{"completion_tokens":3,"prompt_tokens":9,"total_tokens":12}}

                data: {"choices":[{"delta":{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"title\":\"b\"}","name":"add_task"},"id":"","index":0,"type":"function"}]},"finish_reason":"stop","index":0}],"usage":{"completion_tokens":6,"prompt_tokens":9,"total_tokens":15}}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"a"}"#], ["add_task", #"{"title":"b"}"#]], ids: [nil, nil],
            usage: Usage(inputTokens: 9, outputTokens: 6)),
        Dialect(
            name: "Gemini, whole calls without any index",
            stream: #"""
                data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"task_id\":1}","name":"get_task"},"id":"function-call-1","type":"function"},{"function":{"arguments":"{\"task_id\":1}","name":"get_task"},"id":"function-call-2","type":"function"}]},"finish_reason":"stop","index":0}]}

                data: [DONE]


                """#,
            calls: [["get_task", #"{"task_id":1}"#], ["get_task", #"{"task_id":1}"#]],
            ids: ["function-call-1", "function-call-2"]),
        Dialect(
            name: "Mistral, all calls at once, content in parts",
            stream: #"""
                data: {"id":"m","object":"chat.completion.chunk","created":1,"model":"mistral-large","choices":[{"index":0,"delta":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hidden"}]}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Su"},{"type":"text","text":"re."}]},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"content":"","tool_calls":[{"id":"D681PevKs","function":{"name":"add_task","arguments":"{\"title\": \"a\"}"},"index":0},{"id":"E681PevKs","function":{"name":"list_tasks","arguments":"{}"},"index":1}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":94,"total_tokens":113,"completion_tokens":19}}

                data: [DONE]


                """#,
            text: "Sure.", calls: [["add_task", #"{"title": "a"}"#], ["list_tasks", "{}"]],
            ids: ["D681PevKs", "E681PevKs"], usage: Usage(inputTokens: 94, outputTokens: 19)),
        Dialect(
            name: "DeepSeek, keep-alive comments and an empty-handed last chunk",
            stream: #"""
                : keep-alive

                data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"a"},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"content":"b","reasoning_content":null},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}

                data: [DONE]


                """#,
            text: "b", usage: Usage(inputTokens: 1, outputTokens: 2)),
        Dialect(
            name: "Groq, usage in a field of its own",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}],"x_groq":{"id":"req"}}

                data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req","usage":{"prompt_tokens":4,"completion_tokens":5,"total_tokens":9}}}

                data: [DONE]


                """#,
            text: "hi", usage: Usage(inputTokens: 4, outputTokens: 5)),
        Dialect(
            name: "no id and no index at all, calls one after the other",
            stream: #"""
                data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"add_task","arguments":"{\"title\":"}}]}}]}

                data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"\"a\"}"}}]}}]}

                data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"list_tasks","arguments":""}}]}}]}

                data: {"choices":[{"delta":{},"finish_reason":""}]}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"a"}"#], ["list_tasks", ""]], ids: [nil, nil]),
        Dialect(
            name: "the name in every delta, without an id",
            stream: #"""
                data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"add_task","arguments":"{\"title\":"}}]}}]}

                data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"add_task","arguments":"\"a\"}"}}]}}]}

                data: [DONE]


                """#,
            calls: [["add_task", #"{"title":"a"}"#]], ids: [nil]),
        Dialect(
            name: "one id for two calls, told apart by their index",
            stream: #"""
                data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_0","function":{"name":"get_task","arguments":"{\"task_id\":1}"}},{"index":1,"id":"call_0","function":{"name":"get_task","arguments":"{\"task_id\":2}"}}]},"finish_reason":"tool_calls"}]}

                data: [DONE]


                """#,
            calls: [["get_task", #"{"task_id":1}"#], ["get_task", #"{"task_id":2}"#]], ids: ["call_0", nil]),
        Dialect(
            name: "the old form of a function call",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"role":"assistant","function_call":{"name":"list_tasks","arguments":""}}}]}

                data: {"choices":[{"index":0,"delta":{"function_call":{"arguments":"{}"}},"finish_reason":"function_call"}]}

                data: [DONE]


                """#,
            calls: [["list_tasks", "{}"]], ids: [nil]),
        Dialect(
            name: "no [DONE], a reason",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}

                data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}


                """#,
            text: "a"),
        Dialect(
            name: "no [DONE] and no reason, usage at the end",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"a"}}]}

                data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}


                """#,
            text: "a", usage: Usage(inputTokens: 1, outputTokens: 1)),
        Dialect(
            name: "nothing but [DONE], and more behind it",
            stream: "data: [DONE]\n\ndata: nonsense\n\n"),
        Dialect(
            name: "a refusal is an answer",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}

                data: [DONE]


                """#,
            text: "No."),
        Dialect(
            name: "a whole message in one chunk",
            stream: #"""
                data: {"choices":[{"index":0,"message":{"role":"assistant","content":"all of it"},"finish_reason":"stop"}]}


                """#,
            text: "all of it"),
        Dialect(
            name: "only the first choice counts",
            stream: #"""
                data: {"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}]}

                data: [DONE]


                """#,
            text: "yes"),
        Dialect(
            name: "counts that are none",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":-5,"completion_tokens":1e300}}

                data: {"choices":[],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":2.0}}

                data: [DONE]


                """#,
            text: "a", usage: Usage(inputTokens: 9_007_199_254_740_991, outputTokens: 2)),
        Dialect(
            name: "cut at the length limit",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":"length"}]}

                data: [DONE]


                """#,
            text: "half", ending: .cut),
        Dialect(
            name: "stopped by a filter",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"ha"},"finish_reason":"content_filter"}]}

                data: [DONE]


                """#,
            text: "ha", ending: .filtered),
        Dialect(
            name: "length with calls: they may be cut",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"add_task","arguments":"{\"ti"}}]},"finish_reason":"length"}]}

                data: [DONE]


                """#,
            calls: [["add_task", ""]], ids: ["c"], ending: .cut),
        Dialect(
            name: "cut off in the text",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"content":"half"}}]}


                """#,
            text: "half", ending: .truncated),
        Dialect(
            name: "cut off after a call that looks whole",
            stream: #"""
                data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"list_tasks","arguments":"{}"}}]}}]}


                """#,
            calls: [["list_tasks", ""]], ids: ["c"], ending: .truncated),
        Dialect(name: "nothing at all", stream: "", ending: .truncated),
    ]

    /// Streams that are an error from some chunk on.
    static let errors: [(stream: String, text: String, failure: AgentFailure)] = [
        (
            #"data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#,
            "",
            .init(.upstreamError, "The assistant reported an error.", detail: "server_error")
        ),
        (
            #"""
            data: {"choices":[{"index":0,"delta":{"content":"a"}}]}

            data: {"id":"gen","error":{"code":502,"message":"Provider said sk-secret"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}
            """#, "a",
            .init(
                .upstreamUnavailable, "The assistant is not available at the moment.", isRetryable: true, status: 502)
        ),
        (
            #"data: {"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#, "",
            .init(.upstreamError, "The assistant reported an error.", status: 400)
        ),
        (
            #"data: {"error":"model 'x' not found, key sk-secret"}"#, "",
            .init(.upstreamError, "The assistant reported an error.")
        ),
        (
            #"data: {"error":{"code":"429","type":"rate_limit_exceeded"}}"#, "",
            .init(
                .upstreamUnavailable, "The assistant is not available at the moment.", isRetryable: true, status: 429,
                detail: "rate_limit_exceeded")
        ),
        ("event: error\ndata: overloaded", "", .init(.upstreamError, "The assistant reported an error.")),
        (
            "event: error\ndata: {\"type\":\"overloaded_error\",\"message\":\"x\"}", "",
            .init(
                .upstreamUnavailable, "The assistant is not available at the moment.", isRetryable: true, status: 529)
        ),
        (#"data: {"choices":[{"delta":{"content":"a"#, "", malformed),
        ("data: 42", "", malformed),
        ("data: \u{FEFF}nonsense", "", malformed),
    ]

    static let malformed = AgentFailure(
        .upstreamError, "The assistant's answer could not be read.", detail: "malformed")
}
