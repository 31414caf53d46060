import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/users/{user_id}/search`: titles and messages, by their words.
enum Search {
    /// Code points of what is looked for.
    static let queryLength = 200

    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/users/{user_id}/search", .owner,
            APIOperation(
                id: "search", tag: "conversations", summary: "Titles and messages in which all words stand.",
                detail: """
                    Archived conversations too; the last word may be its beginning. First titles, at most 20, then \
                    messages, newest first. Where contents are encrypted, `not_searched` names what is passed over.
                    """,
                query: [
                    .init(
                        name: "q", summary: "The words.",
                        schema: ["type": "string", "minLength": 1, "maxLength": .integer(Int64(queryLength))],
                        isRequired: true),
                    .limit,
                    .init(
                        name: "before", summary: "The `next` of an earlier page.",
                        schema: ["type": "string", "format": "uuid"]),
                ],
                answers: APIOperation.tagged("A page of what was found.", APISchemas.reference("SearchPage"))),
            body: search)
    ]

    private static func search(_ call: APICall) throws(APIFailure) {
        let query = RequestQuery(call.request.query)
        guard let words = query.text("q"), (1...queryLength).contains(words.unicodeScalars.count),
            !words.unicodeScalars.contains("\0")
        else { throw APIFailure(.invalidField, "\"q\" is 1 to \(queryLength) characters.") }
        let limit = try query.limit()
        let before = try query.identifier("before")
        call.store.search(userID: call.userID, words, before: before, limit: limit) { result in
            call.answer(result) { page in
                var body = [UInt8].page(of: page.hits, next: page.next?.description) { $0.append(hit: $1) }
                body.removeLast()
                body.append(#","not_searched":"#)
                body.append(contentsOf: (page.isSealed ? #"["titles","messages"]}"# : "[]}").utf8)
                return .read(body)
            }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(hit: SearchHit) {
        append(#""conversation_id":""#)
        hit.threadID.append(to: &self)
        append(#"","title":"#)
        append(optional: hit.title)
        append(#","message_id":"#)
        append(optional: hit.messageID?.description)
        append(#","role":"#)
        append(optional: hit.role)
        append(#","excerpt":"#)
        append(optional: hit.excerpt)
        append(#","created_at":"#)
        append(time: hit.createdAt)
    }
}
