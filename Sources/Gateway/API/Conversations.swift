package import JSON
import Chat
import HTTP
import HTTPTypes
package import Store
import Synchronization

/// `/api/users/{user_id}/conversations` and `/api/conversations/{id}`.
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
            body: list),
        Endpoint(
            api: .post, "/api/users/{user_id}/conversations", .owner,
            APIOperation(
                id: "createConversation", tag: "conversations", summary: "Makes a conversation without a message.",
                body: APISchemas.reference("NewConversation"),
                answers: [
                    APIOperation.Answer(
                        status: 201, summary: "The new conversation.",
                        content: [("application/json", APISchemas.reference("Conversation"))],
                        headers: [("Location", "Where it is.")])
                ]),
            body: create),
        Endpoint(
            api: .get, "/api/conversations/{id}", .user,
            APIOperation(
                id: "getConversation", tag: "conversations", summary: "A conversation with its newest messages.",
                answers: APIOperation.tagged("The conversation.", APISchemas.reference("ConversationDetail"))),
            body: get),
        Endpoint(
            api: .patch, "/api/conversations/{id}", .user,
            APIOperation(
                id: "changeConversation", tag: "conversations",
                summary: "Renames a conversation, sets its metadata, archives or restores it.",
                detail: "With `If-Match` only when it still is what that tag stands for.",
                body: APISchemas.reference("ConversationChange"),
                answers: [
                    APIOperation.json(200, "The conversation as it is now.", APISchemas.reference("Conversation"))
                ],
                failures: [
                    (409, "It can't be archived while a turn is under way."), (412, "It has changed since `If-Match`."),
                ]),
            body: change),
        Endpoint(
            api: .delete, "/api/conversations/{id}", .user,
            APIOperation(
                id: "deleteConversation", tag: "conversations",
                summary: "Deletes a conversation; a turn that is under way is cancelled.",
                detail: "With `If-Match` only when it still is what that tag stands for.",
                answers: [APIOperation.Answer(status: 204, summary: "It is gone.")],
                failures: [(412, "It has changed since `If-Match`.")]),
            body: delete),
        Endpoint(
            api: .post, "/api/conversations/{id}/resume", .user,
            APIOperation(
                id: "resumeConversation", tag: "conversations",
                summary: "Answers all that a conversation asks before a tool is carried out.",
                detail: "The first answer counts: a later one is answered with the run that followed.",
                body: APISchemas.reference("Resume"),
                answers: [
                    APIOperation.json(200, "It was answered before.", APISchemas.reference("Resumed")),
                    APIOperation.json(202, "The decision is stored.", APISchemas.reference("Resumed")),
                ]),
            body: resume),
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let query = try ConversationQuery(RequestQuery(call.request.query))
        call.store.conversations(
            userID: call.userID, limit: query.limit, before: query.before, status: query.status
        ) { result in
            call.answer(result) { page in
                .read(
                    .page(of: page.conversations, next: page.next.map { "\($0.updatedAt)_\($0.id)" }) {
                        $0.append(fieldsOf: $1, userID: call.userID)
                    })
            }
        }
    }

    private static func create(_ call: APICall) throws(APIFailure) {
        let fields = try ConversationFields(try call.object())
        call.asOwner {
            call.admitCreation {
                let id = call.handler.shard.makeIdentifier()
                call.store.createConversation(
                    userID: call.userID, id: id, title: fields.title.value, metadata: fields.metadata.value
                ) { result in
                    call.answer(result) { conversation throws(APIFailure) in
                        guard var conversation else {
                            throw APIFailure(.internal, "The conversation could not be made.")
                        }
                        call.announce(conversation)
                        conversation.metadata = fields.metadata.value?.description ?? "{}"
                        return .done(
                            .of(conversation, userID: call.userID), status: .created,
                            location: "/api/conversations/\(id)")
                    }
                }
            }
        }
    }

    private static func get(_ call: APICall) throws(APIFailure) {
        read(call, try call.identifier(orElse: .noConversation)) { call.respond(.read($0)) }
    }

    private static func change(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        let fields = try ConversationFields(try call.object())
        let change = try fields.change()
        call.asOwner {
            expect(call, id) {
                guard let head = fields.head.value else { return Self.change(call, id, change) }
                select(call, id, head) {
                    change == ConversationChange() ? answer(call, id) : Self.change(call, id, change)
                }
            }
        }
    }

    /// Shows another path of the conversation, in the user's session, which tells the sockets.
    private static func select(
        _ call: APICall, _ id: Identifier, _ head: ThreadReference, then: @escaping () -> Void
    ) {
        let selection = Selection()
        call.visit { _, session, goOn in
            session.select(head, in: id) { result in
                if case .failure(let error) = result { selection.refusal.withLock { $0 = error } }
                goOn()
            }
        } then: {
            if let error = selection.refusal.withLock({ $0 }) { call.fail(APIFailure(error)) } else { then() }
        }
    }

    /// What came of it on the user's shard.
    private final class Selection: Sendable {
        let refusal = Mutex<ClientError?>(nil)
    }

    private static func answer(_ call: APICall, _ id: Identifier) {
        call.store.conversation(userID: call.userID, threadID: id) { result in
            call.proceed(result) { conversation throws(APIFailure) in
                guard let conversation else { throw .noConversation }
                call.respond(.done(.of(conversation, userID: call.userID)))
            }
        }
    }

    private static func change(_ call: APICall, _ id: Identifier, _ change: ConversationChange) {
        call.store.changeConversation(userID: call.userID, threadID: id, change) { result in
            call.proceed(result) { outcome throws(APIFailure) in
                switch outcome {
                case .changed(let conversation, _):
                    call.announce(conversation)
                    show(call, conversation)
                case .notFound: throw .noConversation
                case .busy: throw APIFailure(.busy, "A turn is under way in this conversation.")
                }
            }
        }
    }

    /// A conversation that was just changed, with its metadata.
    private static func show(_ call: APICall, _ conversation: Conversation) {
        call.store.metadata(userID: call.userID, threadID: conversation.id) { result in
            call.answer(result) { metadata throws(APIFailure) in
                guard let metadata else { throw .noConversation }
                var conversation = conversation
                conversation.metadata = metadata.description
                return .done(.of(conversation, userID: call.userID))
            }
        }
    }

    /// What runs is cancelled first, so that nothing is written into what is being deleted.
    private static func delete(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        expect(call, id) {
            // An id of somebody else's must not make this user's session believe in it.
            call.store.conversation(userID: call.userID, threadID: id) { result in
                call.proceed(result) { conversation throws(APIFailure) in
                    guard conversation != nil else { throw .noConversation }
                    call.asOwner {
                        call.visit { _, session, goOn in
                            session.stopTurns(in: id, goOn)
                        } then: {
                            erase(call, id)
                        }
                    }
                }
            }
        }
    }

    private static func erase(_ call: APICall, _ id: Identifier) {
        call.store.deleteConversation(userID: call.userID, threadID: id) { result in
            var deleted: Conversation?
            if case .success(let conversation) = result { deleted = conversation }
            if deleted != nil { call.audit(.conversationDeleted, on: "conversation/\(id)") }
            let gone = deleted
            call.visit { _, session, goOn in
                if let gone { session.deleted(gone) } else { session.allow(id) }
                goOn()
            } then: {
                call.answer(result) { conversation throws(APIFailure) in
                    guard conversation != nil else { throw .noConversation }
                    return .noContent
                }
            }
        }
    }

    /// The representation that `GET` gives, whose tag the conditions of the other methods are about.
    private static func read(_ call: APICall, _ id: Identifier, _ body: @escaping ([UInt8]) -> Void) {
        let store = call.store
        store.conversation(userID: call.userID, threadID: id) { result in
            call.proceed(result) { conversation throws(APIFailure) in
                guard let conversation else { throw .noConversation }
                store.newestMessages(
                    userID: call.userID, threadID: id, limit: RequestQuery.defaultLimit
                ) { result in
                    call.proceed(result) { page throws(APIFailure) in
                        guard let page else { throw .noConversation }
                        guard page.mayAsk else {
                            return body(.of(conversation, page, [], userID: call.userID))
                        }
                        store.approvals(userID: call.userID, threadID: id, ids: []) { result in
                            call.proceed(result) { known in
                                body(.of(conversation, page, known?.open ?? [], userID: call.userID))
                            }
                        }
                    }
                }
            }
        }
    }

    private static func resume(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        let body = JSON.object(try call.object())
        let answers: [InterruptAnswer]
        do throws(ClientError) {
            answers = try InterruptAnswer.read(body["resume"], idName: "interrupt_id")
        } catch {
            throw APIFailure(error)
        }
        Resuming.start(call, id, answers)
    }

    /// Goes on when the conversation is what `If-Match` names, or nothing is asked.
    private static func expect(_ call: APICall, _ id: Identifier, _ body: @escaping () -> Void) {
        let wanted = call.request.headers.values("if-match")
        guard !wanted.isEmpty else { return body() }
        read(call, id) { representation in
            let etag = ETag.make(of: representation)
            if wanted.contains(where: { EntityTag.matches($0, etag) }) {
                body()
            } else {
                call.fail(.preconditionFailed)
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

/// The body of a new conversation, or of a change of one.
package struct ConversationFields: Sendable, Equatable {
    static let titleLength = 255
    /// Bytes of compact JSON.
    static let metadataBytes = 16 << 10

    var title: Given<String>
    var metadata: Given<JSON>
    var status: Given<String>
    /// The message through which the shown path is to go.
    var head: Given<ThreadReference>

    package init(_ object: JSONObject) throws(APIFailure) {
        title = try object.text("title", limit: Self.titleLength)
        metadata = try object.given("metadata", "an object") { $0.object.map(JSON.object) }
        status = try object.text("status", limit: 16)
        head = try object.given("head", "the id of a message") {
            $0.string.map { Identifier($0).map(ThreadReference.known) ?? .impossible }
        }
        guard head != .null else { throw APIFailure(.invalidField, "\"head\" must be the id of a message.") }
        guard let value = metadata.value else { return }
        guard value.description.utf8.count <= Self.metadataBytes else {
            throw APIFailure(.invalidField, "\"metadata\" has at most \(Self.metadataBytes) bytes.")
        }
        guard !value.holdsNUL else {
            throw APIFailure(.invalidField, "\"metadata\" holds a NUL character, which can't be stored.")
        }
    }

    package func change() throws(APIFailure) -> ConversationChange {
        var change = ConversationChange()
        switch title {
        case .absent: break
        case .null: change.title = .remove
        case .value(let text): change.title = .set(text)
        }
        switch metadata {
        case .absent: break
        case .null: change.metadata = .object([:])
        case .value(let value): change.metadata = value
        }
        switch status {
        case .absent: break
        case .value("archived"): change.isArchived = true
        case .value("active"): change.isArchived = false
        default: throw APIFailure(.invalidField, "\"status\" is active or archived.")
        }
        guard change != ConversationChange() || !head.isAbsent else {
            throw APIFailure(.invalidField, "title, metadata, status or head is required.")
        }
        return change
    }
}

extension JSON {
    /// In a string or a name, where the database can't hold it.
    fileprivate var holdsNUL: Bool {
        switch self {
        case .string(let text): text.unicodeScalars.contains("\0")
        case .array(let elements): elements.contains(where: \.holdsNUL)
        case .object(let object):
            object.members.contains { $0.key.unicodeScalars.contains("\0") || $0.value.holdsNUL }
        default: false
        }
    }
}

extension [UInt8] {
    static func of(_ conversation: Conversation, userID: String) -> [UInt8] {
        .object { $0.append(fieldsOf: conversation, userID: userID) }
    }

    fileprivate static func of(
        _ conversation: Conversation, _ page: MessagePage, _ open: [Approval], userID: String
    ) -> [UInt8] {
        .object { bytes in
            bytes.append(fieldsOf: conversation, userID: userID)
            bytes.append(#","messages":"#)
            bytes.append(list: page.messages) {
                $0.append(fieldsOf: $1, of: conversation.id, userID: userID)
                $0.append(placeOf: $1)
            }
            bytes.append(#","has_more":"#)
            page.hasMore ? bytes.append("true") : bytes.append("false")
            bytes.append(#","interrupts":"#)
            bytes.append(json: .array(open.map(\.apiObject)))
        }
    }
}
