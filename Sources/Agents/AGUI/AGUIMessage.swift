import JSON
package import Chat

/// A message as it goes to an AG-UI upstream and comes in its snapshots.
package struct AGUIMessage: Sendable, Equatable {
    package var id: String
    package var role: Role
    package var content: String
    package var toolCalls: [ToolCall]
    package var toolCallID: String?

    package init(id: String, role: Role, content: String, toolCalls: [ToolCall] = [], toolCallID: String? = nil) {
        self.id = id
        self.role = role
        self.content = content
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
    }

    package init(_ message: Message) {
        self.init(
            id: message.id.description, role: message.role, content: message.content, toolCalls: message.toolCalls,
            toolCallID: message.toolCallID)
    }

    /// One of a snapshot; `nil`: of a role that no conversation here has (system, reasoning, activity, …).
    init?(_ json: JSON) throws(AgentFailure) {
        guard let object = json.object else { throw .malformed }
        let fields = AGUIFields(object)
        guard let role = Role(rawValue: (try? fields.text("role")) ?? "") else { return nil }
        self.init(id: try fields.text("id"), role: role, content: try Self.content(object["content"]))
        toolCallID = try fields.optional("toolCallId")
        for call in try fields.list("toolCalls") ?? [] {
            guard let id = call["id"]?.string, let name = call["function"]?["name"]?.string,
                let arguments = call["function"]?["arguments"]?.string
            else { throw .malformed }
            toolCalls.append(ToolCall(id: id, name: name, arguments: arguments))
        }
    }

    /// Text, or parts of which those of text are kept.
    static func content(_ json: JSON?) throws(AgentFailure) -> String {
        switch json {
        case .string(let text): return text
        case .array(let parts):
            return parts.compactMap { $0["type"]?.string == "text" ? $0["text"]?.string : nil }.joined(separator: "\n")
        case nil, .null: return ""
        default: throw .malformed
        }
    }
}

extension [UInt8] {
    mutating func append(agui message: AGUIMessage) {
        append(#"{"id":"#)
        append(jsonString: message.id)
        append(
            messageFields: message.role, content: message.content, toolCalls: message.toolCalls,
            toolCallID: message.toolCallID)
        append("}")
    }
}
