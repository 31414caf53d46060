import JSON
package import Chat

/// The request bodies of one turn: the conversation as the chat completions API takes it, growing with every step.
package struct ChatCompletionsRequest: Sendable {
    private let head: [UInt8]
    private var messages: [UInt8] = []

    package init(model: String, instructions: String, history: [Message], message: Message) {
        var head: [UInt8] = []
        head.append(#"{"model":"#)
        head.append(jsonString: model)
        head.append(#","stream":true,"stream_options":{"include_usage":true},"tools":"#)
        head.append(contentsOf: ToolSchema.chatCompletions)
        self.head = head
        if !instructions.isEmpty { append(role: "system", content: instructions) }
        let ordered = ToolExchange.ordered(history, calls: { $0.toolCalls.map(\.id) }, answers: \.toolCallID)
        for message in ordered {
            switch message.role {
            case .user: append(role: "user", content: message.content)
            case .assistant:
                append(assistant: message.content, calls: message.toolCalls.map { ($0, nil) })
            case .tool: append(result: message.content, of: message.toolCallID ?? "")
            }
        }
        append(role: "user", content: message.content)
    }

    /// What the model said in a step, and what came of its calls.
    package mutating func append(text: String, calls: [ToolCallAssembly.Call], results: [ToolOutcome]) {
        append(
            assistant: text,
            calls: calls.map { (ToolCall(id: $0.id, name: $0.name, arguments: $0.arguments), $0.extra) })
        for (call, outcome) in zip(calls, results) { append(result: outcome.result.description, of: call.id) }
    }

    /// - Parameter mayCall: whether the model may ask for tools in this step, or has to answer.
    package func body(mayCall: Bool) -> [UInt8] {
        var body = head
        body.reserveCapacity(head.count + messages.count + 48)
        if !mayCall { body.append(#","tool_choice":"none""#) }
        body.append(#","messages":["#)
        body.append(contentsOf: messages)
        body.append("]}")
        return body
    }

    private mutating func begin(_ role: StaticString) {
        if !messages.isEmpty { messages.append(",") }
        messages.append(#"{"role":""#)
        messages.append(role)
        messages.append(#"","content":"#)
    }

    private mutating func append(role: StaticString, content: String) {
        begin(role)
        messages.append(jsonString: content)
        messages.append("}")
    }

    private mutating func append(assistant content: String, calls: [(call: ToolCall, extra: JSON?)]) {
        begin("assistant")
        // Not null beside calls: some templates fail on that.
        messages.append(jsonString: content)
        if !calls.isEmpty {
            messages.append(#","tool_calls":["#)
            for (index, entry) in calls.enumerated() {
                if index > 0 { messages.append(",") }
                append(call: entry.call, extra: entry.extra)
            }
            messages.append("]")
        }
        messages.append("}")
    }

    private mutating func append(call: ToolCall, extra: JSON?) {
        messages.append(#"{"id":"#)
        messages.append(jsonString: call.id)
        messages.append(#","type":"function","function":{"name":"#)
        messages.append(jsonString: call.name)
        messages.append(#","arguments":"#)
        messages.append(jsonString: Self.arguments(call.arguments))
        messages.append("}")
        if let extra {
            messages.append(#","extra_content":"#)
            messages.append(json: extra)
        }
        messages.append("}")
    }

    /// Servers parse what they are given back, and refuse the request if that is no object: arguments that were none
    /// go back as an object that holds them.
    private static func arguments(_ text: String) -> String {
        if text.isEmpty { return "{}" }
        if (try? JSON(parsing: text))?.object != nil { return text }
        return JSON.object(["invalid_arguments": .string(text)]).description
    }

    private mutating func append(result: String, of call: String) {
        begin("tool")
        messages.append(jsonString: result)
        messages.append(#","tool_call_id":"#)
        messages.append(jsonString: call)
        messages.append("}")
    }
}
