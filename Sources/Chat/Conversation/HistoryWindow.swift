import Strings

/// What an assistant is shown of a conversation.
package enum HistoryWindow {
    /// The newest turns that have at most `limit` messages together, each from its question on; the newest one goes in
    /// whole also where its tools make it longer. Without half of a tool exchange: a call of which a result is missing
    /// goes.
    package static func select(_ messages: [Message], limit: Int) -> [Message] {
        guard limit > 0 else { return [] }
        let questions = messages.indices.filter { messages[$0].role == .user }
        guard let newest = questions.last else { return [] }
        let start = questions.first { messages.count - $0 <= limit } ?? newest
        var window = Array(messages[start...])
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
