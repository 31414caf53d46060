package import JSON
import Chat
import HTTP

/// What `/openapi.json` says of a route, beyond what follows from its method, path and access.
package struct APIOperation: Sendable {
    package struct Parameter: Sendable {
        var name: String
        var summary: String
        var schema: JSON
        var isRequired = false
    }

    /// One answer: its status, what it means, and the schemas of its bodies by media type.
    package struct Answer: Sendable {
        var status: Int
        var summary: String
        var content: [(type: String, schema: JSON)] = []
        var headers: [(name: String, summary: String)] = []
    }

    /// Unique; what generated clients call it.
    package var id: String
    package var tag: String
    package var summary: String
    /// What is worth knowing and not obvious; may be empty.
    var detail = ""
    var query: [Parameter] = []
    package var body: JSON?
    var bodyType = "application/json"
    /// The answers that are no failures.
    package var answers: [Answer]
    /// Statuses of failures beside those that every route of its kind has, with the codes that they carry.
    var failures: [(status: Int, summary: String)] = []

    static func json(_ status: Int, _ summary: String, _ schema: JSON) -> Answer {
        Answer(status: status, summary: summary, content: [("application/json", schema)])
    }

    /// A representation with a tag, and 304 for who has it already.
    static func tagged(_ summary: String, _ schema: JSON) -> [Answer] {
        [
            Answer(
                status: 200, summary: summary, content: [("application/json", schema)],
                headers: [("ETag", "The tag of this representation.")]),
            Answer(status: 304, summary: "It is what `If-None-Match` names."),
        ]
    }
}

extension APIOperation.Parameter {
    static let limit = Self(
        name: "limit", summary: "Items of a page.",
        schema: [
            "type": "integer", "minimum": 1, "maximum": .integer(Int64(RequestQuery.maximumLimit)),
            "default": .integer(Int64(RequestQuery.defaultLimit)),
        ])

    static func place(_ name: String, _ summary: String) -> Self {
        Self(name: name, summary: summary, schema: ["type": "string"])
    }
}
