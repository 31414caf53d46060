package import JSON
package import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/conversations/{id}/messages` and `/api/messages/{id}`.
enum Messages {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/conversations/{id}/messages", .user,
            APIOperation(
                id: "listMessages", tag: "messages", summary: "A page of a conversation's messages, oldest first.",
                detail:
                    "Without `before` and `after` the newest ones. `next` is the id to go on with in the same direction.",
                query: [
                    .limit,
                    .init(
                        name: "before", summary: "The newest ones before this message.",
                        schema: ["type": "string", "format": "uuid"]),
                    .init(
                        name: "after", summary: "The oldest ones behind this message.",
                        schema: ["type": "string", "format": "uuid"]),
                    .init(
                        name: "branch", summary: "What is shown, or all messages by position.",
                        schema: ["type": "string", "enum": ["shown", "all"], "default": "shown"]),
                ],
                answers: APIOperation.tagged("A page of messages.", APISchemas.reference("MessagePage"))),
            body: list),
        Endpoint(
            api: .post, "/api/conversations/{id}/messages", .user,
            APIOperation(
                id: "sendMessage", tag: "messages", summary: "Sends a message: a turn of the assistant.",
                detail: """
                    Answered once the message is stored: with the ids, or, with `Accept: text/event-stream`, with the \
                    run's AG-UI events up to its end. A client that goes away does not stop the run.
                    """,
                body: APISchemas.reference("NewMessage"),
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The events of the run.",
                        content: [("text/event-stream", ["type": "string"])]),
                    APIOperation.json(202, "The message is stored.", APISchemas.reference("AcceptedTurn")),
                ],
                failures: [
                    (409, "A turn is under way (`busy`), or too many wait (`queue_full`)."),
                    (422, "The conversation is full."),
                ]),
            body: send),
        Endpoint(
            api: .post, "/api/messages/{id}/regenerate", .user,
            APIOperation(
                id: "regenerate", tag: "messages", summary: "Answers a message anew, beside the answer that it has.",
                detail: """
                    The message, or any of an answer to it. Answered as a message that is sent; what is shown ends in the \
                    new answer.
                    """,
                body: APISchemas.reference("Regeneration"),
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The events of the run.",
                        content: [("text/event-stream", ["type": "string"])]),
                    APIOperation.json(202, "The run is stored.", APISchemas.reference("AcceptedTurn")),
                ],
                failures: [
                    (409, "A turn is under way (`busy`), or too many wait (`queue_full`)."),
                    (422, "The conversation is full."),
                ]),
            body: regenerate),
        Endpoint(
            api: .delete, "/api/messages/{id}", .admin,
            APIOperation(
                id: "deleteMessage", tag: "messages", summary: "Deletes a message of anybody's.",
                detail: "A user's message takes its run along, and the log of what that did.",
                answers: [APIOperation.Answer(status: 204, summary: "It is gone.")],
                failures: [(409, "Its turn is not over.")]),
            body: delete),
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        let query = try MessageQuery(RequestQuery(call.request.query))
        guard let anchor = query.anchor else {
            read(call, id, .newest, query)
            return
        }
        call.store.anchor(userID: call.userID, threadID: id, messageID: anchor) { result in
            call.proceed(result) { anchor in
                guard let anchor else { return refuseAnchor(call, id) }
                read(call, id, query.isForward ? .after(anchor) : .before(anchor), query)
            }
        }
    }

    /// There is no such message, or no such conversation at all.
    private static func refuseAnchor(_ call: APICall, _ id: Identifier) {
        call.store.conversation(userID: call.userID, threadID: id) { result in
            call.proceed(result) { conversation throws(APIFailure) in
                guard conversation != nil else { throw .noConversation }
                throw APIFailure(.invalidField, "\"before\" or \"after\" is no message of this conversation.")
            }
        }
    }

    private static func read(_ call: APICall, _ id: Identifier, _ range: PathRange, _ query: MessageQuery) {
        let answer = { (result: Result<MessagePage?, StoreError>) in
            call.answer(result) { page throws(APIFailure) in
                guard let page else { throw .noConversation }
                let last = query.isForward ? page.messages.last : page.messages.first
                let next = page.hasMore ? last?.id.description : nil
                return .read(
                    .page(of: page.messages, next: next) {
                        $0.append(fieldsOf: $1, of: id, userID: call.userID)
                        $0.append(placeOf: $1)
                    })
            }
        }
        if query.isWhole {
            call.store.messages(
                userID: call.userID, threadID: id, range.byPosition, limit: query.limit, completion: answer)
        } else {
            call.store.shownMessages(
                userID: call.userID, threadID: id, range, limit: query.limit, completion: answer)
        }
    }

    private static func send(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        let message = try NewMessage(try call.object(), limits: call.handler.shard.limits)
        let wantsStream = call.request.headers.values("accept").contains { AcceptHeader.wantsEventStream($0) }
        var request = TurnRequest(
            user: call.user, thread: .known(id), content: message.content, clientID: message.clientID,
            policy: message.policy)
        switch message.parent {
        case .absent: break
        case .null: request.branch = .behind(nil)
        case .value(let parent): request.branch = .behind(parent)
        }
        TurnExchange.start(call, request, wantsStream ? PlainEventWriter() : nil)
    }
}

extension Messages {
    private static func regenerate(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noMessage)
        let object = call.request.body.isEmpty ? JSONObject() : try call.object()
        let limits = call.handler.shard.limits
        let clientID = try NewMessage.clientID(object, limits: limits)
        let policy = try NewMessage.policy(object)
        let wantsStream = call.request.headers.values("accept").contains { AcceptHeader.wantsEventStream($0) }
        call.store.thread(userID: call.userID, messageID: id) { result in
            call.proceed(result) { thread throws(APIFailure) in
                guard let thread else { throw .noMessage }
                let request = TurnRequest(
                    user: call.user, thread: .known(thread), content: "", clientID: clientID, policy: policy,
                    branch: .again(id))
                TurnExchange.start(call, request, wantsStream ? PlainEventWriter() : nil)
            }
        }
    }

    /// The user's sockets see the conversation without it at once.
    private static func delete(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noMessage)
        call.store.owner(ofMessage: id) { result in
            call.proceed(result) { owner throws(APIFailure) in
                guard let owner else { throw .noMessage }
                call.asOwner(of: owner) { erase(call, id) }
            }
        }
    }

    private static func erase(_ call: APICall, _ id: Identifier) {
        call.store.deleteMessage(id: id) { result in
            call.proceed(result) { outcome throws(APIFailure) in
                switch outcome {
                case .notFound: throw .noMessage
                case .busy: throw APIFailure(.busy, "The turn of this message is under way.")
                case .deleted(let owner, let threadID):
                    call.audit(.messageDeleted, on: "message/\(id)")
                    call.visit(owner) { _, session, goOn in
                        session.messageDeleted(threadID: threadID)
                        goOn()
                    } then: {
                        call.respond(.noContent)
                    }
                }
            }
        }
    }
}

/// Which page of a conversation is wanted.
package struct MessageQuery: Sendable, Equatable {
    var limit: Int
    /// The message beside which it lies; nil: the newest ones.
    var anchor: Identifier?
    var isForward: Bool
    /// Those of all branches, by position.
    var isWhole: Bool

    package init(_ query: RequestQuery) throws(APIFailure) {
        limit = try query.limit()
        let before = try query.identifier("before")
        let after = try query.identifier("after")
        guard before == nil || after == nil else {
            throw APIFailure(.invalidField, "\"before\" and \"after\" exclude each other.")
        }
        anchor = before ?? after
        isForward = after != nil
        let branch = query.text("branch")
        guard branch == nil || branch == "all" || branch == "shown" else {
            throw APIFailure(.invalidField, "\"branch\" is all or shown.")
        }
        isWhole = branch == "all"
    }
}

/// The body of a message that is sent.
package struct NewMessage: Sendable, Equatable {
    var content: String
    var clientID: String?
    var policy: ClientCommand.QueuePolicy
    /// What it goes behind; absent: what is shown; null: nothing.
    var parent: Given<Identifier>

    package init(_ object: JSONObject, limits: ChatLimits) throws(APIFailure) {
        guard let content = try object.given("content", "a string", \.string).value else {
            throw APIFailure(.invalidField, "\"content\" is required and must be a string.")
        }
        do {
            try ContentRules.check(content, limits: limits)
        } catch {
            throw APIFailure(error)
        }
        self.content = content
        clientID = try Self.clientID(object, limits: limits)
        policy = try Self.policy(object)
        parent = try object.given("parent_id", "the id of a message") { $0.string.flatMap { Identifier($0) } }
    }

    static func clientID(_ object: JSONObject, limits: ChatLimits) throws(APIFailure) -> String? {
        let id = try object.text("id", limit: limits.clientIDLength).value
        if id?.isEmpty == true {
            throw APIFailure(.invalidField, "\"id\" must be a string of 1 to \(limits.clientIDLength) characters.")
        }
        return id
    }

    static func policy(_ object: JSONObject) throws(APIFailure) -> ClientCommand.QueuePolicy {
        let policy = try object.given("policy", "enqueue, reject or interrupt") { value in
            value.string.flatMap { ClientCommand.QueuePolicy(rawValue: $0) }
        }
        return policy.value ?? .enqueue
    }
}

package enum AcceptHeader {
    /// Whether an `Accept` field asks for an event stream by name (RFC 9110 section 12.5.1); `*/*` does not.
    package static func wantsEventStream(_ field: String) -> Bool {
        for range in field.lowercased().split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard parts.first == "text/event-stream" else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { $0.dropFirst(2) }
            return weight.flatMap { Double($0) } != 0
        }
        return false
    }
}
