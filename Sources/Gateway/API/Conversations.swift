import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/users/{user_id}/conversations` and `/api/conversations/{id}`: reading.
enum Conversations {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/users/{user_id}/conversations", .ownerOrAdmin,
            APIOperation(
                id: "listConversations", tag: "conversations",
                summary: "A user's conversations, newest activity first.",
                query: [
                    .limit, .place("before", "The `next` of an earlier page."),
                    .init(
                        name: "status", summary: "Only those.",
                        schema: ["type": "string", "enum": ["active", "dormant", "archived"]]),
                ],
                answers: APIOperation.tagged("A page.", APISchemas.reference("ConversationPage"))),
            body: list)
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let query = try ConversationQuery(RequestQuery(call.request.query))
        call.store.conversations(
            userID: call.userID, limit: query.limit, before: query.before, status: query.status
        ) { result in
            call.answer(result) { page in
                .read(
                    .page(of: page.conversations, next: page.next.map { "\($0.updatedAt)_\($0.id)" }) {
                        $0.append(conversation: $1)
                    })
            }
        }
    }
}

/// Which page of a user's conversations is wanted.
package struct ConversationQuery: Sendable, Equatable {
    var limit: Int
    var before: ConversationCursor?
    var status: ConversationStatus?

    package init(_ query: RequestQuery) throws(APIFailure) {
        limit = try query.limit()
        if let place = try query.place("before") {
            guard let id = Identifier(place.id) else { throw RequestQuery.wrongPlace("before") }
            before = ConversationCursor(updatedAt: place.time, id: id)
        }
        if let text = query.text("status") {
            status = ConversationStatus(rawValue: text)
            guard let status, status != .deleted else {
                throw APIFailure(.invalidField, "\"status\" is active, dormant or archived.")
            }
        }
    }
}

extension [UInt8] {
    /// A conversation as the HTTP API shows it.
    mutating func append(conversation: Conversation) {
        append("{")
        append(fieldsOf: conversation)
        append("}")
    }

    mutating func append(fieldsOf conversation: Conversation) {
        append(#""id":""#)
        conversation.id.append(to: &self)
        append(#"","title":"#)
        append(optional: conversation.title)
        append(#","status":""#)
        append(contentsOf: conversation.status.rawValue.utf8)
        append(#"","message_count":"#)
        append(decimal: conversation.messageCount)
        append(#","created_at":"#)
        append(time: conversation.createdAt)
        append(#","updated_at":"#)
        append(time: conversation.updatedAt)
    }
}
