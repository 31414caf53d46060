import JSON
import Chat
import EventLoop
import HTTP
import HTTPTypes
import Store
import Strings

/// `/api/users/{user_id}`: all that is stored of a user, taken along or deleted.
enum Users {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/users/{user_id}/sessions", .ownerOrAdmin,
            APIOperation(
                id: "listSessions", tag: "users", summary: "The sockets of a user that are open, oldest first.",
                detail: "Of the gateway that has the user's session; another one answers 503.",
                answers: APIOperation.tagged("The sockets.", APISchemas.reference("SessionPage"))),
            body: sessions),
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
        Endpoint(
            api: .post, "/api/users/{user_id}/import", .admin,
            APIOperation(
                id: "importUser", tag: "users", summary: "Reads lines of an export, or of its plain form, for a user.",
                detail: """
                    Ids stay, and lines that say what is there already change nothing, so the same can be sent again. A \
                    line that can't be used is refused by itself. An export that is larger than a body may be goes in \
                    several, each with whole lines, in their order.
                    """,
                body: ["type": "string"], bodyType: ExportStream.mediaType,
                answers: [
                    APIOperation.json(200, "What became of the lines.", APISchemas.reference("ImportReport"))
                ]),
            body: importLines),
    ]

    private static func sessions(_ call: APICall) throws(APIFailure) {
        let userID = call.userID
        call.asOwner {
            guard let home = call.handler.siblings.home(of: userID) else { return }
            let here = LoopBound(call, on: call.loop)
            home.loop.execute {
                let sockets = home.value.sessions[ExactString(userID)]?.clients ?? []
                let found = sockets.compactMap { ($0 as? any ChatCarrier)?.presence }
                let gateway = home.value.place
                here.loop.execute {
                    here.value.respond(.read(.page(of: found, next: nil) { $0.append(fieldsOf: $1, at: gateway) }))
                }
            }
        }
    }

    /// What runs is cancelled first, so that nothing is written of a user who is being deleted.
    private static func delete(_ call: APICall) throws(APIFailure) {
        call.asOwner {
            call.visit { _, session, goOn in
                session.stopAllTurns(goOn)
            } then: {
                erase(call)
            }
        }
    }

    private static func erase(_ call: APICall) {
        let userID = call.userID
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

    private static func importLines(_ call: APICall) throws(APIFailure) {
        guard RequestBody.isJSONLines(call.request.headers["content-type"]) else {
            throw APIFailure(
                .invalidField, "The body must be \(ExportStream.mediaType).", status: .unsupportedMediaType)
        }
        guard (1...255).contains(call.userID.unicodeScalars.count), !call.userID.utf8.contains(0) else {
            throw APIFailure(.invalidField, "A user's id has 1 to 255 characters.")
        }
        call.asOwner {
            call.audit(.imported, on: "user/\(call.userID)")
            call.store.importLines(userID: call.userID, call.request.body, now: wallClockMicroseconds()) { result in
                call.answer(result) { .done(Array($0.json.description.utf8)) }
            }
        }
    }

    private static func export(_ call: APICall) throws(APIFailure) {
        call.audit(.exported, on: "user/\(call.userID)")
        ExportStream.start(call)
    }
}

/// An open socket, as its user may see it.
struct SocketPresence: Sendable {
    /// Microseconds since 1970.
    var connectedAt: Int64
    var address: String
    var userAgent: String?
    /// Which one it is connected to; nil: this one.
    var gateway: String?
}

extension [UInt8] {
    fileprivate mutating func append(fieldsOf socket: SocketPresence, at gateway: String) {
        append(#""gateway":"#)
        append(jsonString: socket.gateway ?? gateway)
        append(#","connected_at":"#)
        append(time: socket.connectedAt)
        append(#","address":"#)
        append(jsonString: socket.address)
        append(#","user_agent":"#)
        append(optional: socket.userAgent)
    }
}
