package import Chat
import Postgres

/// What the run of a user's message has come to.
package struct StoredReply: Sendable, Equatable {
    package var status: RunStatus
    /// Why it failed or was interrupted.
    package var failure: RunFailure?
    /// All but the user's own, in order of position; none before the run has ended.
    package var messages: [Message]

    package init(status: RunStatus, failure: RunFailure?, messages: [Message]) {
        self.status = status
        self.failure = failure
        self.messages = messages
    }
}

extension PostgresChatStore {
    /// - Parameters:
    ///   - limit: messages of the reply, 0 to 1 000.
    ///   - completion: `nil`: no run of this user's belongs to such a message of this conversation.
    package func reply(
        userID: String, threadID: Identifier, messageID: Identifier, limit: Int,
        completion: @escaping (Result<StoredReply?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(messageID)
        run(userID, Statements.runOfMessage, parameters) { [self] outcome in
            let found = outcome.flatMap { rows in
                decode { () throws(PostgresError) in rows.count == 0 ? nil : try rows.runOfMessage() }
            }
            switch found {
            case .failure(let error): completion(.failure(error))
            case .success(nil): completion(.success(nil))
            case .success(let (runID, reply)?):
                guard reply.status.isTerminal else { return completion(.success(reply)) }
                messages(of: runID, userID: userID, threadID: threadID, limit: limit) { result in
                    completion(
                        result.map { messages in
                            messages.map {
                                StoredReply(status: reply.status, failure: reply.failure, messages: $0)
                            }
                        })
                }
            }
        }
    }

    private func messages(
        of runID: Identifier, userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<[Message]?, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 0), 1_000)
        var parameters = Parameters()
        parameters.append(threadID)
        parameters.append(text: userID)
        parameters.append(int4: Int32(limit))
        parameters.append(runID)
        parameters.append(bool: true)
        run(userID, Statements.messagesOfRun, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        try rows.page(limit: limit, isAscending: true, settings.contents, thread: threadID).page?
                            .messages
                    }
                })
        }
    }
}

extension Rows {
    fileprivate func runOfMessage() throws(PostgresError) -> (Identifier, StoredReply) {
        guard let status = RunStatus(rawValue: try text(0, 1)) else {
            throw PostgresError(kind: .usage, message: "unknown status of a run")
        }
        var failure: RunFailure?
        if let code = try optionalText(0, 2) {
            failure = RunFailure(
                code: RunErrorCode(rawValue: code) ?? .internal, message: try optionalText(0, 3) ?? "")
        }
        return (try identifier(0, 0), StoredReply(status: status, failure: failure, messages: []))
    }
}
