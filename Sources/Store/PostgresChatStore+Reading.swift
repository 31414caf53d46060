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

/// What a look at the messages of a conversation by position finds.
enum PageReading {
    /// There is no such conversation.
    case none
    case page(MessagePage)
    /// Its messages are shown in another order.
    case branched

    var page: MessagePage? { if case .page(let page) = self { page } else { nil } }
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

    /// A page of all messages of a conversation in order of position, whichever are shown; `nil`: there is no such
    /// conversation of this user. `hasMore` tells of older ones, for `after` of newer ones.
    package func messages(
        userID: String, threadID: Identifier, _ range: MessageRange, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        messages(userID: userID, threadID: threadID, range, limit: limit, isWhole: true) { result in
            // Asked for all of them, there are none in that range.
            completion(
                result.map { if case .branched = $0 { MessagePage(messages: [], hasMore: false) } else { $0.page } })
        }
    }

    /// - Parameter isWhole: all messages are wanted, also of a conversation that shows them in another order than that of
    ///   their positions.
    func messages(
        userID: String, threadID: Identifier, _ range: MessageRange, limit: Int, isWhole: Bool,
        completion: @escaping (Result<PageReading, StoreError>) -> Void
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
        parameters.append(bool: isWhole)
        let isAscending = statement === Statements.messagesAfter
        read(userID, statement, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    try rows.page(limit: limit, isAscending: isAscending, settings.contents, thread: threadID)
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
    ) throws(PostgresError) -> PageReading {
        if count == 0 { return .none }
        let isLinear = try bool(0, 13)
        if try isNull(0, 0) { return isLinear ? .page(MessagePage(messages: [], hasMore: false)) : .branched }
        var messages: [Message] = []
        messages.reserveCapacity(min(count, limit + 1))
        for row in 0..<min(count, limit + 1) {
            var message = try message(row, contents, thread)
            if !isLinear { message.place = try place(row, of: message) }
            messages.append(message)
        }
        let hasMore = count > limit
        if isAscending {
            if isLinear { Self.place(&messages, isFirst: false) }
            if hasMore { messages.removeLast() }
        } else {
            messages.reverse()
            // The one too many is what the first of the others follows.
            if isLinear { Self.place(&messages, isFirst: !hasMore) }
            if hasMore { messages.removeFirst() }
        }
        return .page(MessagePage(messages: messages, hasMore: hasMore))
    }

    /// In a linear conversation a question follows the message before it.
    ///
    /// - Parameter isFirst: nothing is before the first of them.
    private static func place(_ messages: inout [Message], isFirst: Bool) {
        for index in messages.indices where messages[index].role == .user {
            if index > 0 {
                messages[index].place = MessagePlace(parent: messages[index - 1].id)
            } else if isFirst {
                messages[index].place = MessagePlace()
            }
        }
    }

    private func place(_ row: Int, of message: Message) throws(PostgresError) -> MessagePlace? {
        let siblings =
            try optionalText(row, 15).map { $0.split(separator: ",").compactMap { Identifier(String($0)) } } ?? []
        let parent = try optionalText(row, 14).flatMap { Identifier($0) }
        guard message.role == .user || siblings.count > 1 else { return nil }
        return MessagePlace(parent: parent, siblings: siblings.count > 1 ? siblings : [])
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
