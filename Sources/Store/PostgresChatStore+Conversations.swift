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
}

extension Statements {
    private typealias T = PostgresType

    static let isAnothers = Statement("is_anothers", "select parley.is_anothers($1, $2)", T.text, T.uuid)
}
