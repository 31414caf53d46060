import HTTP
import HTTPTypes

/// One route of the gateway: who may use it, how it is described, and what answers it.
///
/// The description is no option: `/openapi.json` and the table of who may do what are made from it.
package struct Endpoint: Sendable {
    /// Who may use a route. What is somebody else's is 403 where the path names the user, otherwise 404.
    package enum Access: String, Sendable, CaseIterable {
        /// No token is looked at.
        case everyone
        /// Anybody on this machine, with `serve --dev` only.
        case development
        /// Whoever has a token, with his own things only.
        case user
        /// The user whose id is in the path.
        case owner
        /// That user, or an admin.
        case ownerOrAdmin = "owner or admin"
        case admin

        var needsToken: Bool { self != .everyone && self != .development }
    }

    let method: HTTPRequest.Method
    package let pattern: String
    package let access: Access
    package let operation: APIOperation
    let action: GatewayHandler.Action

    /// `GET`, `POST`…
    package var methodName: String { method.rawValue }

    /// A route that looks at the request itself.
    init(
        _ method: HTTPRequest.Method, _ pattern: String, _ access: Access, _ operation: APIOperation,
        action: @escaping GatewayHandler.Action
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.operation = operation
        self.action = action
    }

    /// A route of the API: who is asking is known and may ask before `body` is called; what it throws is answered.
    init(
        api method: HTTPRequest.Method, _ pattern: String, _ access: Access, _ operation: APIOperation,
        body: @escaping @Sendable (APICall) throws(APIFailure) -> Void
    ) {
        self.init(method, pattern, access, operation) { handler, request, parameters, responder in
            guard let principal = handler.authenticate(request, responder) else { return }
            handler.noteSignIn(of: principal, request)
            let call = APICall(
                handler: handler, principal: principal, request: request, parameters: parameters, responder: responder)
            do throws(APIFailure) {
                try call.check(access)
                try body(call)
            } catch {
                call.fail(error)
            }
        }
    }
}
