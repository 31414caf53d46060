package import Chat
import Strings

/// What an upstream is told of a conversation: whole turns, the newest ones that fit, each beginning with the user's
/// question, the roles one after the other.
///
/// A turn that an upstream refused is left out. A question without an answer is put together with the next one; one whose
/// tools were carried out and that then failed keeps them, with a word in the place of its answer, so that "try again"
/// does not do it twice.
package struct Transcript: Sendable {
    package struct Turn: Sendable {
        package var messages: [Message]
        /// Bytes of its texts and calls.
        package let size: Int

        init(_ messages: [Message]) {
            self.messages = messages
            size = messages.reduce(0) { $0 + Transcript.size(of: $1) }
        }

        var question: Message { messages[0] }
        var isAnswered: Bool { messages.count > 1 }
    }

    package private(set) var turns: [Turn] = []
    /// The question that is answered now.
    package var message: Message
    /// What was said and done to answer it before a person was asked.
    package var exchange: [Message]

    /// - Parameter refused: questions whose turns are left out.
    package init(
        _ history: [Message], _ message: Message, exchange: [Message] = [], refused: Set<Identifier> = []
    ) {
        self.message = message
        self.exchange = exchange
        var turn: [Message] = []
        func close() {
            if let first = turn.first, first.role == .user, !refused.contains(first.id) { turns.append(Turn(turn)) }
            turn = []
        }
        for message in history {
            if message.role == .user { close() }
            turn.append(message)
        }
        close()
    }

    package static func size(of message: Message) -> Int {
        message.toolCalls.reduce(message.content.utf8.count + overhead) {
            $0 + $1.name.utf8.count + $1.arguments.utf8.count + overhead
        }
    }

    /// What a message costs beside its text, roughly.
    static let overhead = 16

    /// The question that a turn's stand-in answers.
    static let standIn = "(This turn ended before an answer was given.)"

    /// The newest turns that have at most `budget` bytes together: how many, and their bytes.
    package func chosen(budget: Int) -> (count: Int, size: Int) {
        var (count, size) = (0, 0)
        for turn in turns.reversed() {
            guard turn.size <= budget - size else { break }
            count += 1
            size += turn.size
        }
        return (count, size)
    }

    /// The messages of the newest turns that have at most `budget` bytes together, and of the question.
    package func messages(budget: Int) -> [Message] {
        let chosen = turns.suffix(chosen(budget: budget).count)
        var result: [Message] = []
        var unanswered: [String] = []
        func question(_ message: Message) {
            var message = message
            message.content = (unanswered + [message.content]).joined(separator: "\n\n")
            unanswered = []
            result.append(message)
        }
        for turn in chosen {
            guard turn.isAnswered else {
                unanswered.append(turn.question.content)
                continue
            }
            question(turn.question)
            result += ToolExchange.ordered(
                Array(turn.messages.dropFirst()), calls: { $0.toolCalls.map(\.id) }, answers: \.toolCallID)
            if result.last?.role != .assistant {
                result.append(Message(id: turn.question.id, role: .assistant, content: Self.standIn))
            }
        }
        question(message)
        return result + ToolExchange.ordered(exchange, calls: { $0.toolCalls.map(\.id) }, answers: \.toolCallID)
    }
}

/// What is known of conversations beyond their messages, on one shard: how much an upstream takes of one, and which of
/// its turns it has refused. Bounded: the oldest are forgotten, and found out again.
package final class ConversationMemory {
    package struct Entry: Sendable {
        /// Bytes of a request that went through where a longer one did not.
        package var budget: Int?
        package var refused: Set<Identifier> = []
    }

    package static let conversationLimit = 4_096
    package static let refusedLimit = 64

    private var entries: [Identifier: Entry] = [:]
    private var order: [Identifier] = []

    package init() {}

    package subscript(_ conversation: Identifier) -> Entry { entries[conversation] ?? Entry() }

    package func remember(budget: Int, of conversation: Identifier) {
        change(conversation) { $0.budget = min(budget, $0.budget ?? budget) }
    }

    package func remember(refused questions: [Identifier], in conversation: Identifier) {
        change(conversation) { entry in
            // The oldest have left every window by then.
            if entry.refused.count + questions.count > Self.refusedLimit { entry.refused = [] }
            entry.refused.formUnion(questions.suffix(Self.refusedLimit))
        }
    }

    private func change(_ conversation: Identifier, _ body: (inout Entry) -> Void) {
        if entries[conversation] == nil {
            if order.count >= Self.conversationLimit {
                for forgotten in order.prefix(Self.conversationLimit / 4) { entries[forgotten] = nil }
                order.removeFirst(Self.conversationLimit / 4)
            }
            order.append(conversation)
        }
        body(&entries[conversation, default: Entry()])
    }
}
