import JSON
package import Chat

/// The JSON columns.
package enum StoredJSON {
    static func usage(_ usage: Usage) -> String {
        "{\"input_tokens\":\(usage.inputTokens),\"output_tokens\":\(usage.outputTokens)}"
    }

    static func failure(_ failure: RunFailure) -> String {
        let object: JSON = [
            "code": .string(failure.code.rawValue), "message": .string(StorableText.clean(failure.message)),
        ]
        return object.description
    }

    /// `{"tools":[{"tool","parameters","id"}]}`. Arguments that are not a JSON object are kept as a string of what the
    /// assistant wrote.
    package static func toolCalls(_ calls: [ToolCall]) -> String {
        let tools = calls.map { call -> JSON in
            var parameters = JSON.string(call.arguments)
            if let parsed = try? JSON(parsing: call.arguments), case .object = parsed { parameters = parsed }
            return ["tool": .string(call.name), "parameters": parameters, "id": .string(call.id)]
        }
        return StorableText.clean(["tools": .array(tools)]).description
    }

    /// The reverse; what is not of this form is left out.
    package static func toolCalls(parsing text: String) -> [ToolCall] {
        guard let tools = (try? JSON(parsing: text))?["tools"]?.array else { return [] }
        return tools.compactMap { tool in
            guard let name = tool["tool"]?.string else { return nil }
            let arguments =
                switch tool["parameters"] {
                case .string(let text): text
                case .some(let value): value.description
                case nil: "{}"
                }
            return ToolCall(id: tool["id"]?.string ?? "", name: name, arguments: arguments)
        }
    }
}
