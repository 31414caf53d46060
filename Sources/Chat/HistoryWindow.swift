import Strings

/// What an assistant is shown of a conversation.
package enum HistoryWindow {
    /// The newest `limit` messages, without half of a tool exchange: a result whose call is cut off goes, and so does
    /// a call of which a result is missing.
    package static func select(_ messages: [Message], limit: Int) -> [Message] {
        var window = Array(messages.suffix(max(limit, 0)))
        // From behind: a result answers the nearest call before it, since ids may come again in later turns.
        var answered: Set<ExactString> = []
        for index in window.indices.reversed() {
            if let id = window[index].toolCallID { answered.insert(ExactString(id)) }
            window[index].toolCalls.removeAll { answered.remove(ExactString($0.id)) == nil }
        }
        var asked: Set<ExactString> = []
        return window.compactMap { message in
            switch message.role {
            case .user:
                return message
            case .tool:
                guard let id = message.toolCallID, asked.remove(ExactString(id)) != nil else { return nil }
                return message
            case .assistant:
                for call in message.toolCalls { asked.insert(ExactString(call.id)) }
                return message.content.isEmpty && message.toolCalls.isEmpty ? nil : message
            }
        }
    }
}
