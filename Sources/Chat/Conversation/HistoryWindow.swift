import Strings

/// What an assistant is shown of a conversation.
package enum HistoryWindow {
    /// Stored messages turn by turn: each question with what answers it, in the order of the questions. By position a
    /// question that waited stands before the answer to the one before it.
    package static func byTurns(_ messages: [Message]) -> [Message] {
        var places: [Identifier: Int] = [:]
        // Of the calls, by their ids: a run that begins with a result goes on with what another has asked a person.
        var asked: [ExactString: Int] = [:]
        let keyed = messages.enumerated().map { index, message in
            guard let run = message.runID ?? message.run?.id else { return (turn: index, index: index) }
            // What answers a question that is no longer among these stands where its first part does.
            let place = places[run] ?? message.toolCallID.flatMap { asked[ExactString($0)] } ?? index
            places[run] = place
            for call in message.toolCalls { asked[ExactString(call.id)] = place }
            return (turn: place, index: index)
        }
        return keyed.sorted { ($0.turn, $0.index) < ($1.turn, $1.index) }.map { messages[$0.index] }
    }

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
