import JSON
import Chat
import Cluster
import EventLoop
import HTTP
import HTTPTypes
import Store
import Strings

/// One request of the API by somebody who is known, and the way to answer it. Confined to the connection's loop.
final class APICall {
    let handler: GatewayHandler
    let principal: Principal
    let request: HTTPServerRequest
    let parameters: PathParameters
    let responder: HTTPResponder

    init(
        handler: GatewayHandler, principal: Principal, request: HTTPServerRequest, parameters: PathParameters,
        responder: HTTPResponder
    ) {
        self.handler = handler
        self.principal = principal
        self.request = request
        self.parameters = parameters
        self.responder = responder
    }

    var store: PostgresChatStore { handler.shard.chatStore }
    var loop: EventLoop { handler.shard.loop }

    /// Whose things the request is about: the user in the path, or who is asking.
    var userID: String { parameters["user_id"] ?? principal.userID }

    /// As the store knows who is asking.
    var user: UserRecord { UserRecord(id: principal.userID, email: principal.email, name: principal.name) }

    func check(_ access: Endpoint.Access) throws(APIFailure) {
        let isOwn = userID.isExactly(principal.userID)
        switch access {
        case .everyone, .development, .user: return
        case .owner: if isOwn { return }
        case .ownerOrAdmin:
            if isOwn { return }
            if principal.isAdmin { return audit(.adminAccess, on: "user/\(userID)") }
        case .admin:
            if principal.isAdmin { return }
            audit(.refused, on: request.rawPath, reason: "not_admin")
            throw APIFailure(.forbidden, "This is for admins.")
        }
        audit(.refused, on: "user/\(userID)", reason: "not_owner")
        throw .forbidden
    }

    /// An entry of the audit trail, by who is asking.
    ///
    /// - Parameter reason: why it was refused; nil: it was not.
    func audit(_ action: AuditAction, on object: String, reason: String? = nil) {
        handler.shard.audit.record(
            action, by: principal.userID, on: object, from: handler.origin(of: request), allowed: reason == nil,
            detail: reason.map { ["reason": .string($0)] } ?? [:])
    }

    /// The id in the path; one that can't be ours is one that does not exist.
    func identifier(orElse failure: APIFailure) throws(APIFailure) -> Identifier {
        guard let id = parameters["id"].flatMap({ Identifier($0) }) else { throw failure }
        return id
    }

    /// The body, which must be a JSON object.
    func object() throws(APIFailure) -> JSONObject {
        try RequestBody.object(request.body, contentType: request.headers["content-type"])
    }

    /// A conversation that this user does not have may be somebody else's: who is told that is the audit trail alone.
    private func auditAnothers() {
        guard let id = parameters["id"].flatMap({ Identifier($0) }) else { return }
        store.isAnothers(userID: userID, threadID: id) { [self] result in
            if case .success(true) = result { audit(.refused, on: "conversation/\(id)", reason: "not_owner") }
        }
    }

    // MARK: The user's session

    /// Keeps the session of the request's user with this gateway until the request is answered.
    private var hold: OwnerHold?

    /// Goes on where this gateway has the session of a user, or nobody has: what another gateway's sockets would have to
    /// hear of is refused here.
    ///
    /// - Parameter user: whose; nil: of whom the request is about.
    func asOwner(of user: String? = nil, _ body: @escaping () -> Void) {
        let userID = user ?? userID
        guard let home = handler.siblings.home(of: userID) else {
            return fail(APIFailure(.unavailable, "The server is about to start.", retryAfter: 1))
        }
        let here = LoopBound((call: self, body: body), on: loop)
        home.loop.execute {
            home.value.ownership.claim(known: userID) { verdict in
                here.loop.execute {
                    let (call, body) = here.value
                    guard case .granted(let hold) = verdict else { return call.passOn(verdict, of: userID) }
                    call.hold = hold
                    body()
                }
            }
        }
    }

    /// Lets the gateway answer that has the session, or says that it can't be had.
    ///
    /// - Parameter user: whose session; nil: of whom the request is about.
    func passOn(_ verdict: Ownership.Verdict, of user: String? = nil) {
        if case .elsewhere(let owner) = verdict, passOn(to: owner, of: user) { return }
        fail(APIFailure(Self.elsewhere(verdict)))
    }

    /// - Returns: false: it can't be reached.
    func passOn(to owner: ClusterAddress, of user: String? = nil) -> Bool {
        EdgeRequest.start(handler, request, responder, of: user ?? userID, to: owner)
    }

    /// What is said to whom this gateway can't serve.
    static func elsewhere(_ verdict: Ownership.Verdict) -> ClientError {
        var seconds = 1
        if case .refused(let retryAfter) = verdict { seconds = retryAfter }
        return ClientError(
            .unavailable, "Another gateway has this user's session. Please try again.", retryAfter: seconds)
    }

    /// Tells every socket of the user of a conversation that was made or changed.
    func announce(_ conversation: Conversation) {
        let userID = userID
        guard let home = handler.siblings.home(of: userID) else { return }
        home.loop.execute { home.value.sessions[ExactString(userID)]?.announce(conversation) }
    }

    /// Does something in the session of a user, on his shard, and then goes on here.
    ///
    /// - Parameter user: whose session; nil: of whom the request is about.
    func visit(
        _ user: String? = nil, _ body: @escaping @Sendable (Shard, Session, _ goOn: @escaping () -> Void) -> Void,
        then: @escaping () -> Void
    ) {
        let userID = user ?? userID
        guard let home = handler.siblings.home(of: userID) else { return then() }
        let back = LoopBound(then, on: loop)
        home.loop.execute {
            let session = home.value.session(of: userID)
            body(home.value, session) {
                back.loop.execute { back.value() }
                // One that was made for this only is let go.
                if session.isIdle { session.becameIdle?() }
            }
        }
    }

    /// Goes on where the user may make another conversation or task now; else answers 429.
    func admitCreation(then: @escaping () -> Void) {
        let userID = userID
        guard let home = handler.siblings.home(of: userID) else { return then() }
        let back = LoopBound((call: self, then: then), on: loop)
        home.loop.execute {
            let seconds = home.value.admitCreation(by: userID)
            back.loop.execute {
                guard let seconds else { return back.value.then() }
                back.value.call.fail(
                    APIFailure(.rateLimited, "Too many are made. Please wait a moment.", retryAfter: seconds))
            }
        }
    }

    // MARK: Answers

    func respond(_ response: APIResponse) {
        responder.respond(response.head(for: request), body: response.body(for: request))
    }

    /// - Parameter isAudited: the audit trail has been told.
    func fail(_ failure: APIFailure, isAudited: Bool = false) {
        if failure == .noConversation, !isAudited { auditAnothers() }
        responder.respond(
            error: failure.code, failure.message, status: failure.status, retryAfter: failure.retryAfter)
    }

    /// Answers with what the store said: `body` makes the answer of a success.
    func answer<Value>(_ result: Result<Value, StoreError>, _ body: (Value) throws(APIFailure) -> APIResponse) {
        do throws(APIFailure) {
            respond(try body(try value(result)))
        } catch {
            fail(error)
        }
    }

    func value<Value>(_ result: Result<Value, StoreError>) throws(APIFailure) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error): throw APIFailure(error)
        }
    }

    /// Carries on with what the store said, and answers itself where that is a failure.
    func proceed<Value>(_ result: Result<Value, StoreError>, _ body: (Value) throws(APIFailure) -> Void) {
        do throws(APIFailure) {
            try body(try value(result))
        } catch {
            fail(error)
        }
    }
}
