import Chat
import EventLoop
import Logging
import Postgres

/// What is written, under the key of `CONTENT_KEYS`. A row keeps the form that it was given when it came: offered
/// again after a lost connection it is the same to the letter.
extension PostgresChatStore {
    /// - Parameter add: takes the row, or throws where it can't be sealed: then it is refused, never stored plain.
    func sealing<Value>(
        _ completion: @escaping (Result<Value, StoreError>) -> Void, _ add: () throws(PostgresError) -> Void
    ) {
        sealing(orElse: { completion(.failure(.rejected)) }, add)
    }

    func sealing<Value>(
        _ completion: @escaping (StoreWrite<Value>) -> Void, _ add: () throws(PostgresError) -> Void
    ) {
        sealing(orElse: { completion(.failed(.rejected)) }, add)
    }

    private func sealing(orElse refuse: @escaping () -> Void, _ add: () throws(PostgresError) -> Void) {
        do throws(PostgresError) {
            try add()
        } catch {
            logger.error("a text could not be sealed", metadata: ["cause": "\(error)"])
            _ = pool.loop.schedule(after: 0, refuse)
        }
    }

    func sealed(_ turn: NewTurn) throws(PostgresError) -> NewTurn {
        var turn = turn
        turn.content = try settings.contents.seal(turn.content, .content, thread: turn.threadID, id: turn.messageID)
        turn.title = try settings.contents.seal(title: turn.title, thread: turn.threadID)
        return turn
    }

    func sealed(_ ending: RunEnding) throws(PostgresError) -> RunEnding {
        var ending = ending
        for index in ending.messages.indices {
            let message = ending.messages[index]
            ending.messages[index].content = try settings.contents.seal(
                StorableText.clean(message.content), .content, thread: ending.threadID, id: message.id)
            guard !message.toolCalls.isEmpty else { continue }
            let calls = try settings.contents.seal(
                StoredJSON.toolCalls(message.toolCalls), .toolCalls, thread: ending.threadID, id: message.id)
            ending.messages[index].toolCalls = [StoredJSON.sealedCalls(calls)]
        }
        return ending
    }

    func sealed(_ checkpoint: RunCheckpoint) throws(PostgresError) -> RunCheckpoint {
        var checkpoint = checkpoint
        for index in checkpoint.messages.indices {
            // The form that it will have as a message, if the run is never ended but by a recovery.
            let (id, content) = checkpoint.messages[index]
            checkpoint.messages[index].content = try settings.contents.seal(
                StorableText.clean(content), .content, thread: checkpoint.threadID, id: id)
        }
        return checkpoint
    }
}

extension StoredJSON {
    /// Sealed calls, in the form that the column has: one call that stands for all.
    static func sealedCalls(_ sealed: String) -> ToolCall {
        ToolCall(id: "", name: "sealed", arguments: sealed)
    }

    /// - Parameter key: of the row; `nil`: the calls are plain.
    static func toolCalls(
        parsing text: String, key: String?, _ contents: ContentCipher, thread: Identifier, message: Identifier
    ) throws(PostgresError) -> [ToolCall] {
        let calls = toolCalls(parsing: text)
        guard key != nil, let sealed = calls.first else { return calls }
        return toolCalls(
            parsing: try contents.open(sealed.arguments, key: key, .toolCalls, thread: thread, id: message))
    }
}
