package import HTTPTypes

/// Finds the handler of a method and a path.
///
/// A pattern is a path whose segments are literal, a parameter (`{user_id}`), or, as the last one, a rest
/// (`{path...}`) that takes one or more segments. A literal wins over a parameter, a parameter over a rest; where the
/// more exact branch leads nowhere the other is tried. Segments are compared decoded and with case.
package struct Router<Handler> {
    /// One registered route; for tables made from the router.
    package struct Route {
        package let method: HTTPRequest.Method
        package let pattern: String
        package let handler: Handler
        fileprivate let parameters: [String]
    }

    package enum Match {
        case found(Handler, PathParameters)
        case notFound
        /// The path exists, the method doesn't: 405 with this `Allow`.
        case methodNotAllowed(allow: String)
        /// `OPTIONS` without a route of its own: 204 with this `Allow`.
        case options(allow: String)
    }

    private struct Node {
        var literals: [(segment: String, node: Int)] = []
        var parameter: Int?
        var rest: Int?
        /// Indices into `routes`.
        var routes: [Int] = []
    }

    /// In order of registration.
    package private(set) var routes: [Route] = []
    private var nodes = [Node()]

    package init() {}

    /// Adds a route. The pattern is the program's own text: a malformed one, or a second route for the same method
    /// and shape, is a programming error and traps.
    package mutating func on(_ method: HTTPRequest.Method, _ pattern: String, _ handler: Handler) {
        precondition(pattern.hasPrefix("/"), "A pattern begins with a slash: \(pattern)")
        let segments = pattern == "/" ? [] : pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var parameters: [String] = []
        var node = 0
        for (position, segment) in segments.enumerated() {
            guard segment.hasPrefix("{"), segment.hasSuffix("}") else {
                precondition(!segment.contains("{") && !segment.contains("}"), "A brace in a literal: \(pattern)")
                node = literal(String(segment), of: node)
                continue
            }
            let name = segment.dropFirst().dropLast()
            if name.hasSuffix("...") {
                precondition(position == segments.count - 1, "A rest is the last segment: \(pattern)")
                parameters.append(String(name.dropLast(3)))
                node = rest(of: node)
            } else {
                parameters.append(String(name))
                node = parameter(of: node)
            }
        }
        precondition(!parameters.contains(""), "A parameter without a name: \(pattern)")
        precondition(
            !nodes[node].routes.contains { routes[$0].method == method }, "Registered twice: \(method) \(pattern)")
        nodes[node].routes.append(routes.count)
        routes.append(Route(method: method, pattern: pattern, handler: handler, parameters: parameters))
    }

    /// - Parameter segments: decoded, as in `HTTPServerRequest.segments`.
    package func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
        var values: [String] = []
        guard let node = find(0, segments[...], &values) else { return .notFound }
        let candidates = nodes[node].routes
        // HEAD is answered as GET is; the connection leaves the body out.
        if let index = candidates.first(where: { routes[$0].method == method })
            ?? (method == .head ? candidates.first { routes[$0].method == .get } : nil)
        {
            let route = routes[index]
            return .found(route.handler, PathParameters(names: route.parameters, values: values))
        }
        let allow = allowed(candidates)
        return method == .options ? .options(allow: allow) : .methodNotAllowed(allow: allow)
    }

    private func allowed(_ candidates: [Int]) -> String {
        var methods = candidates.map { routes[$0].method.rawValue }
        if methods.contains("GET"), !methods.contains("HEAD") { methods.append("HEAD") }
        if !methods.contains("OPTIONS") { methods.append("OPTIONS") }
        return methods.joined(separator: ", ")
    }

    /// The node that takes all segments. Tries at most three branches a segment, to the depth of the patterns.
    private func find(_ node: Int, _ segments: ArraySlice<String>, _ values: inout [String]) -> Int? {
        guard let segment = segments.first else {
            return nodes[node].routes.isEmpty ? nil : node
        }
        let rest = segments.dropFirst()
        if let next = nodes[node].literals.first(where: { $0.segment == segment })?.node,
            let found = find(next, rest, &values)
        {
            return found
        }
        // A parameter is never empty: `/users//tasks` is not a user's tasks.
        if let next = nodes[node].parameter, !segment.isEmpty {
            values.append(segment)
            if let found = find(next, rest, &values) { return found }
            values.removeLast()
        }
        if let next = nodes[node].rest {
            values.append(segments.joined(separator: "/"))
            return next
        }
        return nil
    }

    private mutating func literal(_ segment: String, of node: Int) -> Int {
        if let known = nodes[node].literals.first(where: { $0.segment == segment }) { return known.node }
        nodes.append(Node())
        nodes[node].literals.append((segment, nodes.count - 1))
        return nodes.count - 1
    }

    private mutating func parameter(of node: Int) -> Int {
        if let known = nodes[node].parameter { return known }
        nodes.append(Node())
        nodes[node].parameter = nodes.count - 1
        return nodes.count - 1
    }

    private mutating func rest(of node: Int) -> Int {
        if let known = nodes[node].rest { return known }
        nodes.append(Node())
        nodes[node].rest = nodes.count - 1
        return nodes.count - 1
    }
}

extension Router: Sendable where Handler: Sendable {}
extension Router.Route: Sendable where Handler: Sendable {}
extension Router.Match: Sendable where Handler: Sendable {}

/// What a pattern's parameters stood for, decoded.
package struct PathParameters: Sendable, Equatable {
    private let names: [String]
    private let values: [String]

    init(names: [String], values: [String]) {
        self.names = names
        self.values = values
    }

    /// Nil when the pattern has no such parameter.
    package subscript(_ name: String) -> String? {
        names.firstIndex(of: name).map { values[$0] }
    }

    package var count: Int { names.count }
}
