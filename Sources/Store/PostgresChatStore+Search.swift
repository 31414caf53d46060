package import Chat
import EventLoop
import Logging
import Postgres

/// A title or a message in which the words stand that were looked for.
package struct SearchHit: Sendable, Equatable {
    package var threadID: Identifier
    package var title: String?
    /// `nil`: the title itself.
    package var messageID: Identifier?
    package var role: String?
    /// Some words of the message around those that were looked for.
    package var excerpt: String?
    /// Of the message, or of the last change of the conversation. Microseconds since 1970, UTC.
    package var createdAt: Int64
}

package struct SearchPage: Sendable, Equatable {
    package var hits: [SearchHit]
    /// The message behind which the next page begins; `nil`: this is the last.
    package var next: Identifier?
    /// Titles and messages are sealed, some of them or all, and what is sealed is not searched.
    package var isSealed: Bool
}

extension PostgresChatStore {
    /// Titles (on the first page, at most 20) and messages of a user, archived ones too, in which all words stand.
    ///
    /// - Parameters:
    ///   - before: the `next` of an earlier page.
    ///   - limit: of messages, 1 to 200.
    package func search(
        userID: String, _ query: String, before: Identifier?, limit: Int,
        completion: @escaping (Result<SearchPage, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 1), 200)
        let isSealed = !settings.contents.isEmpty
        var parameters = Parameters()
        parameters.append(text: query)
        if let before { parameters.append(before) } else { parameters.appendNull() }
        parameters.append(int4: Int32(limit + 1))
        // It keeps the words that it has read.
        run(userID, Statements.search, parameters, isWrite: true) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var page = SearchPage(hits: [], next: nil, isSealed: isSealed)
                    var messages = 0
                    for row in 0..<rows.count {
                        let hit = try rows.hit(row, settings.contents)
                        if hit.messageID != nil {
                            messages += 1
                            guard messages <= limit else {
                                page.next = page.hits.last?.messageID
                                break
                            }
                        }
                        page.hits.append(hit)
                    }
                    return page
                })
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    static let search = Statement("search", "select * from parley.search($1, $2, $3)", T.text, T.uuid, T.int4)
}

extension Rows {
    fileprivate func hit(_ row: Int, _ contents: ContentCipher) throws(PostgresError) -> SearchHit {
        let threadID = try identifier(row, 0)
        let isMessage = try !isNull(row, 3)
        return SearchHit(
            threadID: threadID,
            title: contents.open(title: try optionalText(row, 1), key: try optionalText(row, 2), thread: threadID),
            messageID: isMessage ? try identifier(row, 3) : nil, role: try optionalText(row, 4),
            excerpt: try optionalText(row, 5), createdAt: try timestamp(row, 6))
    }
}
