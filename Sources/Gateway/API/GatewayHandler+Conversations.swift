import Chat
import EventLoop
import HTTP
import HTTPTypes
import Store

extension GatewayHandler {
    private static let defaultLimit = 50
    private static let maximumLimit = 200

    /// `GET /api/users/{user_id}/conversations?limit&before&status`: newest activity first.
    func listConversations(_ request: HTTPServerRequest, _ parameters: PathParameters, _ responder: HTTPResponder) {
        guard let principal = authenticate(request, responder) else { return }
        guard let userID = parameters["user_id"], userID == principal.userID || principal.isAdmin else {
            responder.respond(error: .forbidden, "These are another user's conversations.")
            return
        }
        guard let limit = limit(of: request, responder) else { return }
        var before: ConversationCursor?
        if let text = request.queryValue("before") {
            before = Self.cursor(text)
            guard before != nil else {
                responder.respond(error: .invalidField, "\"before\" is the \"next\" of an earlier page.")
                return
            }
        }
        var status: ConversationStatus?
        if let text = request.queryValue("status") {
            status = ConversationStatus(rawValue: text)
            guard let status, status != .deleted else {
                responder.respond(error: .invalidField, "\"status\" is active, dormant or archived.")
                return
            }
        }
        shard.chatStore.conversations(userID: userID, limit: limit, before: before, status: status) { [self] result in
            guard let page = value(result, responder) else { return }
            var body: [UInt8] = []
            body.append(#"{"data":["#)
            for (index, conversation) in page.conversations.enumerated() {
                if index > 0 { body.append(",") }
                body.append(conversation: conversation)
            }
            body.append(#"],"next":"#)
            if let next = page.next {
                body.append(jsonString: "\(next.updatedAt)_\(next.id)")
            } else {
                body.append("null")
            }
            body.append("}")
            respond(json: body, responder)
        }
    }

    /// `GET /api/conversations/{id}/messages?limit`: the newest messages, chronological.
    func listMessages(_ request: HTTPServerRequest, _ parameters: PathParameters, _ responder: HTTPResponder) {
        guard let principal = authenticate(request, responder) else { return }
        guard let limit = limit(of: request, responder) else { return }
        guard let id = parameters["id"].flatMap({ Identifier($0) }) else {
            responder.respond(error: .threadNotFound, "There is no such conversation.")
            return
        }
        shard.chatStore.newestMessages(userID: principal.userID, threadID: id, limit: limit) { [self] result in
            guard let found = value(result, responder) else { return }
            guard let page = found else {
                responder.respond(error: .threadNotFound, "There is no such conversation.")
                return
            }
            var body: [UInt8] = []
            body.append(#"{"data":["#)
            for (index, message) in page.messages.enumerated() {
                if index > 0 { body.append(",") }
                body.append(storedMessage: message)
            }
            body.append(#"],"next":"#)
            if page.hasMore, let first = page.messages.first {
                body.append(jsonString: first.id.description)
            } else {
                body.append("null")
            }
            body.append("}")
            respond(json: body, responder)
        }
    }

    private func limit(of request: HTTPServerRequest, _ responder: HTTPResponder) -> Int? {
        guard let text = request.queryValue("limit") else { return Self.defaultLimit }
        guard let limit = Int(text), (1...Self.maximumLimit).contains(limit) else {
            responder.respond(error: .invalidField, "\"limit\" is a number from 1 to \(Self.maximumLimit).")
            return nil
        }
        return limit
    }

    private func value<Value>(_ result: Result<Value, StoreError>, _ responder: HTTPResponder) -> Value? {
        switch result {
        case .success(let value):
            return value
        case .failure(.rejected):
            responder.respond(error: .internal, "The request could not be carried out.")
        case .failure(.unavailable(let seconds)):
            responder.respond(error: .unavailable, "The database is away.", retryAfter: seconds)
        case .failure(.unknown):
            responder.respond(error: .unavailable, "The database is away.", retryAfter: 1)
        }
        return nil
    }

    private static func cursor(_ text: String) -> ConversationCursor? {
        let parts = text.split(separator: "_")
        guard parts.count == 2, let time = Int64(parts[0]), let id = Identifier(parts[1]) else { return nil }
        return ConversationCursor(updatedAt: time, id: id)
    }
}

extension [UInt8] {
    /// A conversation as the HTTP API shows it.
    mutating func append(conversation: Conversation) {
        append(#"{"id":""#)
        conversation.id.append(to: &self)
        append(#"","title":"#)
        if let title = conversation.title { append(jsonString: title) } else { append("null") }
        append(#","status":""#)
        append(contentsOf: conversation.status.rawValue.utf8)
        append(#"","message_count":"#)
        append(decimal: conversation.messageCount)
        append(#","created_at":"#)
        append(jsonString: Timestamp.rfc3339(microseconds: conversation.createdAt))
        append(#","updated_at":"#)
        append(jsonString: Timestamp.rfc3339(microseconds: conversation.updatedAt))
        append("}")
    }

    /// A message as the HTTP API shows it.
    mutating func append(storedMessage message: Message) {
        append(#"{"id":""#)
        message.id.append(to: &self)
        append(#"","position":"#)
        append(decimal: message.position)
        append(#","role":""#)
        append(contentsOf: message.role.rawValue.utf8)
        append(#"","status":""#)
        append(contentsOf: message.status.rawValue.utf8)
        append(#"","content":"#)
        append(jsonString: message.content)
        append(#","tool_calls":["#)
        for (index, call) in message.toolCalls.enumerated() {
            if index > 0 { append(",") }
            append(#"{"id":"#)
            append(jsonString: call.id)
            append(#","tool":"#)
            append(jsonString: call.name)
            append(#","arguments":"#)
            append(jsonString: call.arguments)
            append("}")
        }
        append(#"],"tool_call_id":"#)
        if let id = message.toolCallID { append(jsonString: id) } else { append("null") }
        append("}")
    }
}
