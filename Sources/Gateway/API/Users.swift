import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/users/{user_id}`: all that is stored of a user, taken along or deleted.
enum Users {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .delete, "/api/users/{user_id}", .ownerOrAdmin,
            APIOperation(
                id: "deleteUser", tag: "users", summary: "Deletes a user with everything, and closes the sockets.",
                detail: "Answered when it is done. What a failure leaves undone is finished by the gateway later.",
                answers: [APIOperation.Answer(status: 204, summary: "Nothing is left.")]),
            body: delete),
        Endpoint(
            api: .get, "/api/users/{user_id}/export", .ownerOrAdmin,
            APIOperation(
                id: "exportUser", tag: "users", summary: "Everything that is stored of a user, as JSON lines.",
                detail: """
                    Each line is an object with a `type`; the last one is `{"type":"end","lines":…}`, so that an export \
                    that was cut is known as such.
                    """,
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The lines.",
                        content: [(ExportStream.mediaType, ["type": "string"])])
                ]),
            body: export),
    ]

    /// What runs is cancelled first, so that nothing is written of a user who is being deleted.
    private static func delete(_ call: APICall) throws(APIFailure) {
        let userID = call.userID
        call.visit { _, session, goOn in
            session.stopAllTurns(goOn)
        } then: {
            call.store.deleteUser(id: userID) { result in
                if case .success(true) = result { call.audit(.userDeleted, on: "user/\(userID)") }
                call.visit { shard, session, goOn in
                    if case .success = result { shard.forget(userID) } else { session.allowAll() }
                    goOn()
                } then: {
                    call.answer(result) { wasThere throws(APIFailure) in
                        guard wasThere else { throw .noUser }
                        return .noContent
                    }
                }
            }
        }
    }

    private static func export(_ call: APICall) throws(APIFailure) {
        call.audit(.exported, on: "user/\(call.userID)")
        ExportStream.start(call)
    }
}
