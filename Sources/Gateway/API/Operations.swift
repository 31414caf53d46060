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
                                $0.append(operation: $1, of: id)
                            })
                    }
                }
            }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(operation: StoredOperation, of conversation: Identifier) {
        append(#"{"operation_id":""#)
        operation.id.append(to: &self)
        append(#"","conversation_id":""#)
        conversation.append(to: &self)
        append(#"","user_message_id":"#)
        append(optional: operation.messageID?.description)
        append(#","run_id":""#)
        operation.runID.append(to: &self)
        append(#"","ordinal":"#)
        append(decimal: operation.ordinal)
        append(#","operation_type":"#)
        append(jsonString: operation.type)
        append(#","input_params":"#)
        append(contentsOf: operation.parameters.utf8)
        append(#","result":"#)
        append(contentsOf: (operation.result ?? "null").utf8)
        append(#","status":"#)
        append(jsonString: operation.status)
        append(#","created_at":"#)
        append(time: operation.createdAt)
        append(#","finished_at":"#)
        if let finished = operation.finishedAt { append(time: finished) } else { append("null") }
        append("}")
    }
}
