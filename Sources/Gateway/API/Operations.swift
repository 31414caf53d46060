import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/conversations/{id}/operations`: what the assistant did to the user's tasks.
enum Operations {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/conversations/{id}/operations", .user,
            APIOperation(
                id: "listOperations", tag: "conversations",
                summary: "What the assistant did to tasks in a conversation, newest first.",
                query: [.limit, .place("before", "The `next` of an earlier page.")],
                answers: APIOperation.tagged("A page of operations.", APISchemas.reference("OperationPage"))),
            body: list)
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        let query = RequestQuery(call.request.query)
        let limit = try query.limit()
        var before: OperationCursor?
        if let place = try query.place("before") {
            guard let id = Identifier(place.id) else { throw RequestQuery.wrongPlace("before") }
            before = OperationCursor(createdAt: place.time, id: id)
        }
        call.store.conversation(userID: call.userID, threadID: id) { result in
            call.proceed(result) { conversation throws(APIFailure) in
                guard conversation != nil else { throw .noConversation }
                call.store.operations(userID: call.userID, threadID: id, before: before, limit: limit) { result in
                    call.answer(result) { page in
                        .read(
                            .page(of: page.operations, next: page.next.map { "\($0.createdAt)_\($0.id)" }) {
                                $0.append(fieldsOf: $1, of: id)
                            })
                    }
                }
            }
        }
    }
}
