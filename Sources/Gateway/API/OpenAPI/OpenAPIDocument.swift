package import JSON
import HTTP
import HTTPTypes

/// `/openapi.json`: OpenAPI 3.1, made from the table of routes.
package enum OpenAPIDocument {
    package static func make(_ endpoints: [Endpoint]) -> JSON {
        var paths = JSONObject()
        for endpoint in endpoints {
            var path = paths[endpoint.pattern]?.object ?? JSONObject()
            if path.members.isEmpty { path["parameters"] = .array(pathParameters(endpoint.pattern)) }
            path[endpoint.method.rawValue.lowercased()] = operation(endpoint)
            paths[endpoint.pattern] = .object(path)
        }
        let schemas = APISchemas.all.map { JSONObject.Member(key: $0.name, value: $0.schema) }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Parley", "version": "1",
                "description":
                    "The HTTP API beside the WebSocket at /ws. What is another user's looks like what does not exist.",
            ],
            "paths": .object(paths),
            "components": [
                "schemas": .object(JSONObject(members: schemas)),
                "securitySchemes": ["token": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"]],
            ],
        ]
    }

    private static func operation(_ endpoint: Endpoint) -> JSON {
        let described = endpoint.operation
        var operation: JSONObject = [
            "operationId": .string(described.id), "tags": [.string(described.tag)],
            "summary": .string(described.summary),
        ]
        if !described.detail.isEmpty { operation["description"] = .string(described.detail) }
        operation["x-access"] = .string(endpoint.access.rawValue)
        operation["security"] = endpoint.access.needsToken ? [["token": []]] : []
        if !described.query.isEmpty {
            operation["parameters"] = .array(
                described.query.map {
                    [
                        "name": .string($0.name), "in": "query", "required": .bool($0.isRequired),
                        "description": .string($0.summary), "schema": $0.schema,
                    ]
                })
        }
        if let body = described.body {
            operation["requestBody"] = ["required": true, "content": .object([described.bodyType: ["schema": body]])]
        }
        operation["responses"] = .object(responses(endpoint))
        return .object(operation)
    }

    private static func responses(_ endpoint: Endpoint) -> JSONObject {
        var responses = JSONObject()
        for answer in endpoint.operation.answers {
            var response: JSONObject = ["description": .string(answer.summary)]
            if !answer.content.isEmpty {
                response["content"] = .object(
                    JSONObject(members: answer.content.map { .init(key: $0.type, value: ["schema": $0.schema]) }))
            }
            if !answer.headers.isEmpty {
                response["headers"] = .object(
                    JSONObject(
                        members: answer.headers.map {
                            .init(
                                key: $0.name,
                                value: ["description": .string($0.summary), "schema": ["type": "string"]])
                        }))
            }
            responses["\(answer.status)"] = .object(response)
        }
        for failure in failures(of: endpoint) where responses["\(failure.status)"] == nil {
            responses["\(failure.status)"] = [
                "description": .string(failure.summary),
                "content": ["application/json": ["schema": APISchemas.reference("Error")]],
            ]
        }
        return responses
    }

    /// The failures that follow from what a route is, and its own.
    static func failures(of endpoint: Endpoint) -> [(status: Int, summary: String)] {
        var failures = endpoint.operation.failures
        failures.append((400, "The request is malformed, or a field or parameter is wrong."))
        failures.append((414, "The request target is too long."))
        failures.append((431, "The header is too large."))
        if endpoint.access.needsToken {
            failures.append((401, "There is no valid token."))
            failures.append((403, "It is another user's, or the page's origin is not allowed."))
            failures.append((429, "Too many requests; `Retry-After` says when to come again."))
            failures.append((503, "The database is away, or the server restarts: nothing was done."))
            if endpoint.pattern.contains("{") { failures.append((404, "It does not exist, or is another user's.")) }
        }
        if endpoint.operation.body != nil {
            failures.append((413, "The body, or the message in it, is too long."))
            failures.append((415, "The body is not `\(endpoint.operation.bodyType)`."))
        }
        return failures
    }

    private static func pathParameters(_ pattern: String) -> [JSON] {
        pattern.split(separator: "/").compactMap { segment in
            guard segment.hasPrefix("{"), segment.hasSuffix("}") else { return nil }
            let name = segment.dropFirst().dropLast()
            let schema: JSON =
                if name == "user_id" {
                    ["type": "string", "minLength": 1, "maxLength": 255]
                } else if pattern.hasPrefix("/api/tasks/") {
                    ["type": "integer", "format": "int64"]
                } else {
                    ["type": "string", "format": "uuid"]
                }
            return ["name": .string(String(name)), "in": "path", "required": true, "schema": schema]
        }
    }
}
