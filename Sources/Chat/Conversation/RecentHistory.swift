/// The newest committed messages of a conversation, as far as an assistant needs them, kept between its turns.
struct RecentHistory {
    /// `nil`: not read yet, or no longer what is stored.
    private var messages: [Message]?
    private let bound: Int

    /// - Parameter isNew: nothing is stored yet.
    init(isNew: Bool, contextMessages: Int) {
        messages = isNew ? [] : nil
        bound = contextMessages + 20
    }

    /// What an assistant is shown that wants so many; `nil`: it has to be read.
    func window(_ limit: Int) -> [Message]? {
        messages.map { HistoryWindow.select($0, limit: limit) }
    }

    mutating func read(_ stored: [Message]) { messages = stored }
    mutating func forget() { messages = nil }

    /// Keeps what the next turn's assistant will want to see, and no more.
    mutating func remember(_ message: Message) {
        messages?.append(message)
        if let count = messages?.count, count > bound { messages?.removeFirst(count - bound) }
    }

    mutating func append(_ stored: [Message]) { messages?.append(contentsOf: stored) }
}
