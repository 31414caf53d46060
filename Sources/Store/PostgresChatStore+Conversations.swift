package import Chat
import Postgres

extension PostgresChatStore {
    /// Whether a conversation is there and another user's, which no client is told.
    package func isAnothers(
        userID: String, threadID: Identifier, completion: @escaping (Result<Bool, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        run(userID, Statements.isAnothers, parameters) { [self] outcome in
            completion(decoded(outcome) { rows throws(PostgresError) in rows.count == 1 ? try rows.bool(0, 0) : false })
        }
    }

    /// Tells of a conversation that a session asked for and this user does not have.
    func missed(_ userID: String, _ threadID: Identifier) {
        guard let onMissing else { return }
        isAnothers(userID: userID, threadID: threadID) { result in
            if case .success(true) = result { onMissing(userID, threadID) }
        }
    }

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

    static let isAnothers = Statement("is_anothers", "select parley.is_anothers($1, $2)", T.text, T.uuid)

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
