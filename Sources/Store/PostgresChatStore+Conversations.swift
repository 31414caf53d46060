package import Chat
import Postgres

extension PostgresChatStore {
    /// Where a message stands in a conversation of this user; `nil`: it is none of its messages.
    package func position(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<Int?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(messageID)
        read(userID, Statements.messagePosition, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in rows.count == 0 ? nil : Int(try rows.int4(0, 0)) })
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    static let messagePosition = Statement(
        "message_position",
        """
        select m.position from parley.messages m where m.id = $3 and m.conversation_id = $2 and m.user_id = $1
        union all
        select m.position from parley.archived_messages m
        where m.id = $3 and m.conversation_id = $2 and m.user_id = $1
        limit 1
        """, T.text, T.uuid, T.uuid)
}
