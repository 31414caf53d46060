package import Chat
import EventLoop
import Logging
import Postgres

/// Where a page of messages lies.
package enum MessageRange: Sendable, Equatable {
    /// The newest ones.
    case newest
    /// The newest ones before this position.
    case before(Int)
    /// The oldest ones behind this position.
    case after(Int)
}

/// Conversations by latest activity, newest first.
package struct ConversationPage: Sendable, Equatable {
    package var conversations: [Conversation]
    /// Where the next page begins; `nil`: this is the last.
    package var next: ConversationCursor?
}

/// The last conversation of a page.
package struct ConversationCursor: Sendable, Equatable {
    /// Microseconds since 1970, UTC.
    package var updatedAt: Int64
    package var id: Identifier

    package init(updatedAt: Int64, id: Identifier) {
        self.updatedAt = updatedAt
        self.id = id
    }
}

extension PostgresChatStore {
    package func sentTurn(
        userID: String, clientID: String, completion: @escaping (Result<SentTurn?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(text: clientID)
        parameters.append(text: settings.node)
        run(userID, Statements.sentTurn, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        guard rows.count > 0 else { return nil }
                        return SentTurn(
                            threadID: try rows.identifier(0, 0), messageID: try rows.identifier(0, 1),
                            runID: try rows.identifier(0, 2), runEnded: try rows.bool(0, 3),
                            isElsewhere: try rows.bool(0, 4))
                    }
                })
        }
    }

    package func conversation(
        userID: String, threadID: Identifier, completion: @escaping (Result<Conversation?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(threadID)
        parameters.append(text: userID)
        run(userID, Statements.conversation, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        rows.count == 0 ? nil : try rows.conversation(0, settings.contents)
                    }
                })
        }
    }

    package func activeConversation(
        userID: String, completion: @escaping (Result<Identifier?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(int4: Int32(clamping: settings.messagesPerConversation))
        run(userID, Statements.activeConversation, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in rows.count == 0 ? nil : try rows.identifier(0, 0) }
                })
        }
    }

    package func newestMessages(
        userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        messages(userID: userID, threadID: threadID, .newest, limit: limit) { [self] result in
            completion(result)
            if case .success(nil) = result { missed(userID, threadID) }
        }
    }

    /// A page of a conversation in order of position; `nil`: there is no such conversation of this user. `hasMore`
    /// tells of older ones, for `after` of newer ones.
    package func messages(
        userID: String, threadID: Identifier, _ range: MessageRange, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 0), 1_000)
        var statement = Statements.messagesBefore
        var bound = Int32.max
        switch range {
        case .newest: break
        case .before(let position): bound = Int32(clamping: position)
        case .after(let position):
            statement = Statements.messagesAfter
            bound = Int32(clamping: position)
        }
        var parameters = Parameters()
        parameters.append(threadID)
        parameters.append(text: userID)
        // One more shows whether there is more.
        parameters.append(int4: Int32(limit + 1))
        parameters.append(int4: bound)
        let isAscending = statement === Statements.messagesAfter
        read(userID, statement, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        try rows.page(
                            limit: limit, isAscending: isAscending, settings.contents, thread: threadID)
                    }
                })
        }
    }

    /// - Parameters:
    ///   - limit: 1 to 200.
    ///   - status: only those; `nil`: all but the deleted.
    package func conversations(
        userID: String, limit: Int, before: ConversationCursor? = nil, status: ConversationStatus? = nil,
        completion: @escaping (Result<ConversationPage, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 1), 200)
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(text: status?.rawValue)
        if let before {
            parameters.append(timestamptz: before.updatedAt)
            parameters.append(before.id)
        } else {
            parameters.appendNull()
            parameters.appendNull()
        }
        parameters.append(int4: Int32(limit + 1))
        read(userID, Statements.conversations, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        var page: [Conversation] = []
                        for row in 0..<min(rows.count, limit) {
                            page.append(try rows.conversation(row, settings.contents))
                        }
                        let cursor = page.last.map { ConversationCursor(updatedAt: $0.updatedAt, id: $0.id) }
                        return ConversationPage(conversations: page, next: rows.count > limit ? cursor : nil)
                    }
                })
        }
    }

    func decode<Value>(_ body: () throws(PostgresError) -> Value) -> Result<Value, StoreError> {
        do throws(PostgresError) {
            return .success(try body())
        } catch {
            logger.error("an answer could not be read", metadata: ["cause": "\(error)"])
            return .failure(.rejected)
        }
    }
}

extension Rows {
    func conversation(
        _ row: Int, _ contents: ContentCipher, hasMetadata: Bool = true
    ) throws(PostgresError) -> Conversation {
        guard let status = ConversationStatus(rawValue: try text(row, 2)) else {
            throw PostgresError(kind: .usage, message: "unknown status of a conversation")
        }
        let id = try identifier(row, 0)
        let title = contents.open(title: try optionalText(row, 1), key: try optionalText(row, 6), thread: id)
        return Conversation(
            id: id, title: title, status: status,
            messageCount: Int(try int4(row, 3)), createdAt: try timestamp(row, 4), updatedAt: try timestamp(row, 5),
            metadata: hasMetadata ? try jsonb(row, 7) : nil)
    }

    func page(
        limit: Int, isAscending: Bool, _ contents: ContentCipher, thread: Identifier
    ) throws(PostgresError) -> MessagePage? {
        if count == 0 { return nil }
        if try isNull(0, 0) { return MessagePage(messages: [], hasMore: false) }
        var messages: [Message] = []
        messages.reserveCapacity(min(count, limit))
        for row in 0..<min(count, limit) { messages.append(try message(row, contents, thread)) }
        if !isAscending { messages.reverse() }
        return MessagePage(messages: messages, hasMore: count > limit)
    }

    func message(
        _ row: Int, _ contents: ContentCipher, _ thread: Identifier
    ) throws(PostgresError) -> Message {
        guard let role = Role(rawValue: try text(row, 1)), let status = MessageStatus(rawValue: try text(row, 5)) else {
            throw PostgresError(kind: .usage, message: "unknown role or status of a message")
        }
        let id = try identifier(row, 0)
        let key = try optionalText(row, 7)
        var toolCalls: [ToolCall] = []
        if let stored = try optionalJSONB(row, 3) {
            toolCalls = try StoredJSON.toolCalls(parsing: stored, key: key, contents, thread: thread, message: id)
        }
        return Message(
            id: id, role: role,
            content: try contents.open(try text(row, 2), key: key, .content, thread: thread, id: id),
            toolCalls: toolCalls,
            toolCallID: try optionalText(row, 4), status: status, position: Int(try int4(row, 6)),
            run: try messageRun(row), runID: try isNull(row, 11) ? nil : try identifier(row, 11),
            createdAt: try timestamp(row, 12))
    }

    private func messageRun(_ row: Int) throws(PostgresError) -> MessageRun? {
        if try isNull(row, 8) { return nil }
        guard let status = RunStatus(rawValue: try text(row, 9)) else {
            throw PostgresError(kind: .usage, message: "unknown status of a run")
        }
        let code = try optionalText(row, 10).map { RunErrorCode(rawValue: $0) ?? .internal }
        return MessageRun(id: try identifier(row, 8), status: status, code: code)
    }
}
