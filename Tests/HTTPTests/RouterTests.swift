import HTTP
import HTTPTypes
import Testing

@Suite struct RouterTests {
    private static func router() -> Router<String> {
        var router = Router<String>()
        router.on(.get, "/", "root")
        router.on(.get, "/healthz", "health")
        router.on(.get, "/api/users/{user_id}/conversations", "list")
        router.on(.post, "/api/users/{user_id}/conversations", "create")
        router.on(.get, "/api/users/me/profile", "profile")
        router.on(.delete, "/api/users/{id}", "erase")
        router.on(.get, "/api/conversations/{id}", "conversation")
        router.on(.patch, "/api/conversations/{id}", "change")
        router.on(.options, "/cors", "cors")
        router.on(.head, "/head", "head")
        router.on(.get, "/files/{path...}", "files")
        router.on(.get, "/files/special", "special")
        return router
    }

    private func describe(_ match: Router<String>.Match) -> String {
        switch match {
        case .found(let name, let parameters):
            let known = ["user_id", "id", "path"].compactMap { key in parameters[key].map { "\(key)=\($0)" } }
            return ([name] + known).joined(separator: " ")
        case .notFound: return "404"
        case .methodNotAllowed(let allow): return "405 \(allow)"
        case .options(let allow): return "options \(allow)"
        }
    }

    @Test(arguments: [
        ("GET", "/", "root"), ("HEAD", "/", "root"), ("GET", "/healthz", "health"),
        ("GET", "/api/users/u1/conversations", "list user_id=u1"),
        ("POST", "/api/users/a%2Fb/conversations", "create user_id=a/b"),
        ("GET", "/api/users/me/profile", "profile"),
        // The literal `me` leads nowhere here: the parameter takes it.
        ("GET", "/api/users/me/conversations", "list user_id=me"),
        ("DELETE", "/api/users/u1", "erase id=u1"),
        ("PATCH", "/api/conversations/c", "change id=c"),
        ("GET", "/files/a/b/c", "files path=a/b/c"), ("GET", "/files/special", "special"),
        ("GET", "/files/special/x", "files path=special/x"), ("OPTIONS", "/cors", "cors"), ("HEAD", "/head", "head"),
        ("GET", "/nope", "404"), ("GET", "/healthz/", "404"), ("GET", "/Healthz", "404"), ("GET", "/files", "404"),
        ("GET", "/api/users//conversations", "404"), ("GET", "/api/users", "404"), ("BREW", "/nope", "404"),
        ("PUT", "/healthz", "405 GET, HEAD, OPTIONS"),
        ("PUT", "/api/users/u/conversations", "405 GET, POST, HEAD, OPTIONS"),
        ("GET", "/api/users/u", "405 DELETE, OPTIONS"), ("GET", "/head", "405 HEAD, OPTIONS"),
        ("OPTIONS", "/api/conversations/c", "options GET, PATCH, HEAD, OPTIONS"),
    ])
    func routes(_ method: String, _ target: String, _ expected: String) throws {
        let method = try #require(HTTPRequest.Method(method))
        #expect(describe(Self.router().match(method, try request(target).segments)) == expected)
    }

    @Test func enumerates() {
        let routes = Self.router().routes
        #expect(routes.count == 12)
        #expect(routes[2].method == .get && routes[2].pattern == "/api/users/{user_id}/conversations")
        #expect(routes.map(\.handler).contains("special"))
    }

    @Test func badPatternsTrap() async {
        await #expect(processExitsWith: .failure) {
            var router = Router<Int>()
            router.on(.get, "/a/{x}", 1)
            router.on(.get, "/a/{y}", 2)
        }
        await #expect(processExitsWith: .failure) {
            var router = Router<Int>()
            router.on(.get, "/{rest...}/a", 1)
        }
    }
}
