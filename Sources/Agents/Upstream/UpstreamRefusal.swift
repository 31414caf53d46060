package import JSON

/// What an upstream says of a request that it does not answer: the body of an error status, in any of the forms that
/// servers have, or an error object in a stream.
///
/// Its message may quote the prompt or the key: it is looked at to find out what is wrong, and written for the operator
/// only through `OperatorText`.
package struct UpstreamRefusal: Sendable, Equatable {
    package var code: String?
    package var type: String?
    /// The member of the request that it names.
    package var parameter: String?
    package var message: String

    package init(code: String? = nil, type: String? = nil, parameter: String? = nil, message: String) {
        self.code = code
        self.type = type
        self.parameter = parameter
        self.message = message
    }

    /// Elements of a list of errors, and errors inside errors, that are looked at.
    private static let depthLimit = 4

    /// The body of an error answer, which may be cut off; `nil` where it says nothing.
    package init?(body: [UInt8]) {
        guard let json = try? JSON(parsing: body) else {
            let text = String(decoding: body, as: UTF8.self)
            // A page for people is of no use to a program.
            guard !text.allSatisfy(\.isWhitespace), text.first != "<" else { return nil }
            self.init(message: text)
            return
        }
        self.init(json: json)
    }

    package init?(json: JSON, depth: Int = 0) {
        guard depth < Self.depthLimit else { return nil }
        switch json {
        case .string(let text): self.init(message: text)
        case .array(let list):
            guard let first = list.first else { return nil }
            self.init(json: first, depth: depth + 1)
        case .object(let object): self.init(object, depth: depth)
        default: return nil
        }
    }

    private init?(_ object: JSONObject, depth: Int) {
        // {"error": {…}}, {"error": "…"}, FastAPI's {"detail": "…"} and {"detail": [{"loc", "msg", "type"}]}.
        for name in ["error", "detail", "errors", "base_resp"] {
            if name == "base_resp", object[name]?["status_code"] == 0 { continue }
            guard let inner = object[name], !inner.isNull, let refusal = Self(json: inner, depth: depth + 1) else {
                continue
            }
            self = refusal
            code = code ?? Self.word(object["code"])
            return
        }
        let place = object["loc"]?.array?.compactMap { $0.string ?? $0.integer.map(String.init) }.joined(separator: ".")
        let message =
            object["message"]?.string ?? object["msg"]?.string ?? object["status_msg"]?.string ?? ""
        self.init(
            code: Self.word(object["code"]) ?? Self.word(object["status_code"]) ?? Self.word(object["status"]),
            type: Self.word(object["type"]),
            parameter: place ?? object["param"]?.string, message: message)
        // Azure names the cause inside, and gateways put the provider's own answer beside their message.
        if let inner = object["innererror"]?["code"]?.string { type = "\(type ?? "") \(inner)" }
        if let raw = object["metadata"]?["raw"]?.string { self.message += " " + raw }
        guard !(code ?? "").isEmpty || !(type ?? "").isEmpty || !self.message.isEmpty else { return nil }
    }

    private static func word(_ value: JSON?) -> String? {
        value?.string ?? value?.integer.map(String.init)
    }

    /// The HTTP status that it would have had.
    package var status: Int? {
        for value in [code, type] {
            if let number = value.flatMap(Int.init), (100...599).contains(number) { return number }
        }
        let words = "\(code ?? "") \(type ?? "")".lowercased()
        if words.contains("rate_limit") || words.contains("ratelimit") { return 429 }
        if words.contains("overloaded") { return 529 }
        return nil
    }
}

// MARK: - What is meant

extension UpstreamRefusal {
    package enum Kind: Sendable, Equatable {
        /// The request has more in it than the model takes.
        case tooLong
        /// What is in it is against the provider's rules.
        case filtered
        /// A member, role or form of the request is not understood there.
        case unsupported(ChatDialect.Feature)
        case other
    }

    /// - Parameter status: of the answer; `nil` inside a stream.
    package func kind(status: Int?) -> Kind {
        let names = "\(code ?? "") \(type ?? "")".lowercased()
        let words = "\(names) \(parameter ?? "") \(message)".lowercased()
        if Self.filterNames.contains(where: names.contains) { return .filtered }
        if Self.lengthNames.contains(where: names.contains) { return .tooLong }
        if let feature = Self.feature(words) { return .unsupported(feature) }
        if status == 413 || Self.lengthWords.contains(where: words.contains) { return .tooLong }
        if Self.filterWords.contains(where: words.contains) { return .filtered }
        return .other
    }

    private static let lengthNames = [
        "context_length", "exceed_context", "context_window", "request_too_large", "tokens_limit", "prompt_too_long",
        "input_too_long", "max_tokens_exceeded", "payload_too_large", "token_limit", "contextwindow", "1261",
    ]
    private static let lengthWords = [
        "context length", "context window", "context size", "maximum context", "context_length", "max_model_len",
        "too many tokens", "prompt is too long", "input is too long", "prompt too long", "input too long",
        "message is too long", "messages are too long", "request too large", "request is too large",
        "maximum number of tokens", "token limit", "tokens limit", "reduce the length", "reduce your prompt",
        "maximum input length", "maximum prompt length", "input length", "prompt length", "n_ctx", "payload too large",
        "entity too large", "exceeds the limit of", "maximum allowed length", "exceeds the available",
        "contextwindowexceeded", "exceeds max length", "exceeds the model", "max_new_tokens", "model token limit",
        "context the overflows", "超长",
    ]
    private static let filterNames = [
        "content_filter", "content_policy", "responsibleai", "moderation", "data_inspection", "prohibited_content",
        "content_blocked", "invalid_prompt", "safety", "1301",
    ]
    private static let filterWords = [
        "content management policy", "content policy", "content filter", "content_filter", "flagged", "moderation",
        "usage polic", "safety system", "inappropriate content", "sensitive content", "risk control",
        "violates our", "violates the", "prohibited content", "harmful content", "exists risk", "high risk",
        "guardrail", "new_sensitive", "敏感",
    ]

    /// By what is named, most particular first.
    private static func feature(_ words: String) -> ChatDialect.Feature? {
        func has(_ any: String...) -> Bool { any.contains(where: words.contains) }
        if has("stream_options", "include_usage") { return .streamOptions }
        if has("parallel_tool_calls") { return .parallelToolCalls }
        if has("reasoning_content", "reasoning_details", "reasoning content") { return .reasoning }
        if has("tool_call_id", "tool call id", "tool_calls[0].id", ".id'", "call_id"),
            has("too long", "length of 9", "length", "pattern", "a-z")
        {
            return .callIDs
        }
        if has("additionalproperties", "minlength", "maxlength", "json schema", "invalid schema") { return .schemas }
        if has("alternat", "consecutive messages", "consecutive user", "expected last role", "roles must")
            || (has("only user") && has("roles"))
        {
            return .alternation
        }
        if has("developer") || (has("system") && has("role", "not support", "unsupported", "instruction")) {
            return .systemRole
        }
        // Gemini's words for a result without a name.
        if has("function_response.name") { return .name }
        if has("content"), !has("context"),
            has(
                "empty", "null", "none is not", "blank", "valid string", "be a string", "non-whitespace", "required",
                "is missing", "<nil>")
        {
            return .emptyContent
        }
        // What templates say of it.
        if has("have a text parameter", "\"nonetype\"", "'nonetype'") { return .emptyContent }
        if has("tool_choice") || (has("tool choice") && !has("requires --")) { return .toolChoice }
        if has("tool", "function call", "functions"),
            has(
                "not support", "unsupported", "support tool", "no endpoints found", "not permitted", "not allowed",
                "unknown", "unrecognized", "unexpected", "requires --", "not enabled", "extra",
                "cannot find field")
        {
            return has(".name", "'name'", "\"name\"", "`name`") ? .name : .tools
        }
        if has(".name", "'name'", "\"name\"", "`name`", "function_response.name"), has("messages", "function_response")
        {
            return .name
        }
        if has("'stream'", "\"stream\"", "`stream`", "streaming"), has("not support", "unsupported", "not available") {
            return .stream
        }
        return nil
    }
}
