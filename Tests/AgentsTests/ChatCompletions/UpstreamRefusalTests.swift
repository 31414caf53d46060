import Agents
import Testing

/// What servers and providers say of a request that they do not answer, and what is meant by it.
@Suite struct UpstreamRefusalTests {
    struct Row: Sendable {
        var status: Int?
        var body: String
        var kind: UpstreamRefusal.Kind

        init(_ status: Int?, _ body: String, _ kind: UpstreamRefusal.Kind) {
            (self.status, self.body, self.kind) = (status, body, kind)
        }
    }

    static let rows: [Row] = [
        // Too long.
        Row(
            400,
            #"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}"#,
            .tooLong),
        Row(
            400,
            #"[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
            .tooLong),
        Row(
            400,
            #"{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_error","code":3051}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            .tooLong),
        Row(
            413,
            #"{"error":{"message":"Request too large for model `llama` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#,
            .tooLong),
        Row(
            400,
            #"{"object":"error","message":"Input length (9000 tokens) exceeds the maximum allowed length (4095 tokens)."}"#,
            .tooLong),
        Row(400, #"{"message":"Input is too long for requested model."}"#, .tooLong),
        Row(
            400,
            #"{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 150000 tokens."}"#,
            .tooLong),
        Row(
            nil,
            #"{"error":{"message":"The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input"}}"#,
            .tooLong),
        Row(
            nil,
            #"{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough."}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"message":"Invalid request: Your request exceeded model token limit: 8192","type":"invalid_request_error"}}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"code":"invalid_parameter_error","message":"Range of input length should be [1, 30720]","type":"invalid_request_error"}}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"message":"This endpoint's maximum context length is 131072 tokens. However, you requested about 150000 tokens (140000 of text input, 10000 of tool input).","code":400}}"#,
            .tooLong),
        Row(
            422,
            #"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 100 `max_new_tokens`","error_type":"validation"}"#,
            .tooLong),
        Row(400, #"{"error":{"code":"1261","message":"Prompt exceeds max length"}}"#, .tooLong),
        Row(400, #"{"error":{"code":"1261","message":"Prompt 超长"}}"#, .tooLong),
        Row(
            400,
            #"{"error":{"message":"litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: too many","type":null,"param":null,"code":"400"}}"#,
            .tooLong),
        Row(
            500,
            #"{"error":{"message":"failed to decode: the input is larger than the max context size. skipped","type":"server_error"}}"#,
            .tooLong),
        Row(
            400,
            #"{"error":{"message":"The total length of input messages is 70000 tokens, which exceeds the model limit of 65536 tokens"}}"#,
            .tooLong),
        // For its content.
        Row(
            400,
            #"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"jailbreak":{"filtered":true,"detected":true}}}}}"#,
            .filtered),
        Row(
            400,
            #"{"error":{"code":"data_inspection_failed","message":"Input data may contain inappropriate content.","type":"data_inspection_failed"}}"#,
            .filtered),
        Row(
            403,
            #"{"error":{"code":403,"message":"x/y requires moderation on provider Z. Your input was flagged for \"violence\". No credits were charged.","metadata":{"reasons":["violence"],"flagged_input":"…","provider_name":"Z"}}}"#,
            .filtered),
        Row(
            400,
            #"{"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
            .filtered),
        Row(
            400,
            #"{"error":{"message":"The request was rejected because it was considered high risk","type":"content_filter"}}"#,
            .filtered),
        Row(400, #"{"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容"}}"#, .filtered),
        Row(
            400,
            #"{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","code":"invalid_prompt"}}"#,
            .filtered),
        Row(
            400,
            #"{"error":{"message":"Guardrail was enforced: blocked","type":"None","code":"400","guardrail":"pii"}}"#,
            .filtered),
        // Tools.
        Row(
            400,
            #"{"error":{"message":"registry.ollama.ai/library/gemma:2b does not support tools","type":"api_error","param":null,"code":null}}"#,
            .unsupported(.tools)),
        Row(
            400,
            #"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}"#,
            .unsupported(.tools)),
        Row(
            404,
            #"{"error":{"message":"No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing","code":404}}"#,
            .unsupported(.tools)),
        Row(
            500, #"{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}"#,
            .unsupported(.tools)),
        Row(
            400,
            #"{"error":{"message":"`tool calling` is not supported with this model","type":"invalid_request_error"}}"#,
            .unsupported(.tools)),
        Row(
            400,
            #"{"error":{"message":"deepseek-reasoner does not support Function Calling","type":"invalid_request_error"}}"#,
            .unsupported(.tools)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"Function calling is not enabled for models/gemma-3-27b-it","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.tools)),
        Row(
            422,
            #"{"detail":[{"type":"extra_forbidden","loc":["body","tools"],"msg":"Extra inputs are not permitted","input":[]}]}"#,
            .unsupported(.tools)),
        Row(
            400,
            #"{"error":{"message":"Unrecognized request argument supplied: tools","type":"invalid_request_error","param":null,"code":null}}"#,
            .unsupported(.tools)),
        Row(400, #"{"message":"This model doesn't support tool use in streaming mode."}"#, .unsupported(.tools)),
        Row(400, #"{"error":{"message":"Tool calling is not supported by this model"}}"#, .unsupported(.tools)),
        // Members of the request.
        Row(
            400,
            #"{"error":{"message":"Unknown parameter: 'stream_options'.","type":"invalid_request_error","param":"stream_options","code":"unknown_parameter"}}"#,
            .unsupported(.streamOptions)),
        Row(
            422,
            #"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
            .unsupported(.streamOptions)),
        Row(400, #"{"error":{"message":"Unsupported parameter: include_usage"}}"#, .unsupported(.streamOptions)),
        Row(400, #"{"error":{"message":"tool_choice 'none' is not supported"}}"#, .unsupported(.toolChoice)),
        Row(400, #"{"error":{"message":"Tool choice must be auto"}}"#, .unsupported(.toolChoice)),
        Row(400, #"{"error":{"message":"Streaming is not supported for this model"}}"#, .unsupported(.stream)),
        Row(
            400,
            #"{"error":{"message":"Unsupported value: 'stream' does not support true with this model.","param":"stream","code":"unsupported_value"}}"#,
            .unsupported(.stream)),
        // Roles.
        Row(
            400,
            #"{"error":{"message":"Unsupported value: 'messages[0].role' does not support 'system' with this model.","param":"messages[0].role","code":"unsupported_value"}}"#,
            .unsupported(.systemRole)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"Developer instruction is not enabled for models/gemma-3-27b-it","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.systemRole)),
        Row(
            400, #"{"object":"error","message":"System role not supported","type":"BadRequestError","code":400}"#,
            .unsupported(.systemRole)),
        Row(
            500,
            #"{"error":{"code":500,"message":"Value is not callable: null at row 1 … System role not supported","type":"server_error"}}"#,
            .unsupported(.systemRole)),
        Row(
            400,
            #"{"object":"error","message":"Conversation roles must alternate user/assistant/user/assistant/...","type":"BadRequestError","code":400}"#,
            .unsupported(.alternation)),
        Row(
            400,
            #"{"error":{"message":"After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s).","type":"invalid_message","code":400}}"#,
            .unsupported(.alternation)),
        Row(
            400,
            #"{"object":"error","message":"Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant","type":"invalid_request_message_order","code":"3230"}"#,
            .unsupported(.alternation)),
        Row(400, #"{"error":{"message":"Only user and assistant roles are supported!"}}"#, .unsupported(.alternation)),
        // Content beside calls.
        Row(
            400,
            #"{"error":{"message":"Invalid value for 'content': expected a string, got null.","type":"invalid_request_error","param":"messages.[1].content"}}"#,
            .unsupported(.emptyContent)),
        Row(
            400,
            #"{"message":"The text field in the ContentBlock object at messages.1.content.0 is blank. Add text to the text field, and try again."}"#,
            .unsupported(.emptyContent)),
        Row(
            400,
            #"{"error":{"type":"invalid_request_error","message":"messages: text content blocks must be non-empty"}}"#,
            .unsupported(.emptyContent)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"Unable to submit request because it must have a text parameter.","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.emptyContent)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"* GenerateContentRequest.contents[1].parts: contents.parts must not be empty.","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.emptyContent)),
        Row(
            400,
            #"{"error":{"message":"'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2.content' : property 'content' is missing)]","type":"invalid_request_error"}}"#,
            .unsupported(.emptyContent)),
        Row(
            500, #"{"error":{"message":"can only concatenate str (not \"NoneType\") to str","type":"server_error"}}"#,
            .unsupported(.emptyContent)),
        Row(
            400, #"{"error":{"message":"invalid message content type: <nil>","type":"invalid_request_error"}}"#,
            .unsupported(.emptyContent)),
        // Ids, names, reasoning.
        Row(
            400,
            #"{"object":"error","message":"Tool call id was call_0fypS1hVX but must be a-z, A-Z, 0-9, with a length of 9.","type":"invalid_request_error","code":null}"#,
            .unsupported(.callIDs)),
        Row(
            400,
            #"{"error":{"message":"Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length 60 instead.","param":"messages[2].tool_calls[0].id","code":"string_above_max_length"}}"#,
            .unsupported(.callIDs)),
        Row(
            400,
            #"{"error":{"message":"Missing `reasoning_content` field in the assistant message at message index 3."}}"#,
            .unsupported(.reasoning)),
        Row(
            400,
            #"{"error":{"message":"thinking is enabled but reasoning_content is missing in assistant tool call message at index 2","type":"invalid_request_error"}}"#,
            .unsupported(.reasoning)),
        Row(
            422,
            #"{"detail":[{"type":"extra_forbidden","loc":["body","messages",3,"name"],"msg":"Extra inputs are not permitted"}]}"#,
            .unsupported(.name)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"* GenerateContentRequest.contents[3].parts[0].function_response.name: Name cannot be empty.","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.name)),
        Row(
            400,
            #"{"error":{"message":"Invalid schema for function 'add_task': 'additionalProperties' is not supported","param":"tools[0].function.parameters"}}"#,
            .unsupported(.schemas)),
        Row(
            400,
            #"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"minLength\" at 'tools.function_declarations[0].parameters': Cannot find field.","status":"INVALID_ARGUMENT"}}]"#,
            .unsupported(.schemas)),
        // Of other things.
        Row(
            401,
            #"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            .other),
        Row(
            404,
            #"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","code":"model_not_found"}}"#,
            .other),
        Row(
            429,
            #"{"error":{"message":"Rate limit reached for requests","type":"requests","code":"rate_limit_exceeded"}}"#,
            .other),
        Row(
            402, #"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
            .other),
        Row(400, #"{"error":{"message":"This model has been decommissioned","code":"model_decommissioned"}}"#, .other),
    ]

    @Test(arguments: rows.indices)
    func whatIsMeant(_ index: Int) throws {
        let row = Self.rows[index]
        let refusal = try #require(UpstreamRefusal(body: Array(row.body.utf8)))
        #expect(refusal.kind(status: row.status) == row.kind, "\(row.body)")
    }
}
