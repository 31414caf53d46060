import Chat
import HTTP
import HTTPTypes

/// The table of routes.
package enum Routes {
    static func make(isDevelopment: Bool) -> Router<Endpoint> {
        var router = Router<Endpoint>()
        for endpoint in endpoints(isDevelopment: isDevelopment) {
            router.on(endpoint.method, endpoint.pattern, endpoint)
        }
        return router
    }

    /// In the order in which they are described.
    package static func endpoints(isDevelopment: Bool) -> [Endpoint] {
        let api =
            Conversations.endpoints + Messages.endpoints + JudgedMessages.endpoints + Operations.endpoints
            + Search.endpoints + Assistants.endpoints + Tasks.endpoints + Users.endpoints
        return api + AGUIRuns.endpoints + ServiceRoutes.endpoints + (isDevelopment ? ServiceRoutes.development : [])
    }

    /// Paths that are never files.
    package static func isReserved(_ segments: [String]) -> Bool {
        guard let first = segments.first else { return false }
        return ["api", "dev", "ws", "events", "healthz", "readyz", "metrics", "agui", "openapi.json"].contains(first)
    }
}
