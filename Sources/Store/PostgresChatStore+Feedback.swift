package import Chat
import EventLoop
import Logging
import Postgres

/// What a user thinks of an answer.
package struct Feedback: Sendable, Equatable {
    package enum Rating: String, Sendable, CaseIterable {
        case up, down
    }

    /// Code points of a comment.
    package static let commentLength = 2_000

    package var messageID: Identifier
    package var rating: Rating
    package var comment: String?
    /// Microseconds since 1970, UTC.
    package var createdAt: Int64
    package var updatedAt: Int64
}

package enum FeedbackOutcome: Sendable, Equatable {
    case stored(Feedback)
    /// It was taken back.
    case none
    case notFound
    /// Only answers are judged.
    case notAnAnswer
}

extension PostgresChatStore {
    /// Puts what a user thinks of one of his answers in place of what he thought before.
    ///
    /// - Parameter rating: `nil`: takes it back, with its comment.
    package func judge(
        userID: String, messageID: Identifier, rating: Feedback.Rating?, comment: String?,
        completion: @escaping (Result<FeedbackOutcome, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(messageID)
        run(userID, Statements.answer, parameters) { [self] outcome in
            let place = decoded(outcome) { rows throws(PostgresError) -> (Identifier, Bool)? in
                guard rows.count > 0 else { return nil }
                return (try rows.identifier(0, 0), try rows.bool(0, 1))
            }
            switch place {
            case .failure(let error): completion(.failure(error))
            case .success(nil): completion(.success(.notFound))
            case .success((_, false)?): completion(.success(.notAnAnswer))
            case .success((let threadID, true)?):
                guard let rating else { return takeBack(userID, parameters, completion) }
                store(userID, threadID, messageID, rating, comment, completion)
            }
        }
    }

    private func takeBack(
        _ userID: String, _ parameters: Parameters,
        _ completion: @escaping (Result<FeedbackOutcome, StoreError>) -> Void
    ) {
        run(userID, Statements.takeFeedbackBack, parameters, isWrite: true) { outcome in
            completion(outcome.map { _ in .none })
        }
    }

    private func store(
        _ userID: String, _ threadID: Identifier, _ messageID: Identifier, _ rating: Feedback.Rating,
        _ comment: String?, _ completion: @escaping (Result<FeedbackOutcome, StoreError>) -> Void
    ) {
        sealing(completion) { () throws(PostgresError) in
            let contents = settings.contents
            var parameters = Parameters()
            parameters.append(text: userID)
            parameters.append(messageID)
            parameters.append(threadID)
            parameters.append(text: rating.rawValue)
            if let comment {
                parameters.append(text: try contents.seal(comment, .comment, thread: threadID, id: messageID))
            } else {
                parameters.appendNull()
            }
            parameters.append(text: comment == nil ? nil : contents.sealingKey)
            run(userID, Statements.judge, parameters, isWrite: true) { [self] outcome in
                completion(
                    decoded(outcome) { rows throws(PostgresError) in
                        guard rows.count > 0 else { return .notFound }
                        return .stored(try rows.feedback(0, contents, threadID))
                    })
            }
        }
    }

    /// What the user thinks of the answers of a conversation: at most one judgement a message.
    package func feedback(
        userID: String, threadID: Identifier, completion: @escaping (Result<[Feedback], StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(int4: Int32(clamping: settings.messagesPerConversation))
        run(userID, Statements.feedback, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var list: [Feedback] = []
                    for row in 0..<rows.count { list.append(try rows.feedback(row, settings.contents, threadID)) }
                    return list
                })
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    /// The conversation of a message, and whether it is an answer.
    static let answer = Statement(
        "answer",
        """
        select m.conversation_id, m.role = 'assistant'
        from parley.messages m join parley.conversations c on c.id = m.conversation_id and c.status <> 'deleted'
        where m.user_id = $1 and m.id = $2
        union all
        select m.conversation_id, m.role = 'assistant'
        from parley.archived_messages m
        join parley.archived_conversations c on c.id = m.conversation_id and c.deleted_at is null
        where m.user_id = $1 and m.id = $2
        """, T.text, T.uuid)

    private static let feedbackColumns =
        "f.message_id, f.rating, f.comment, f.comment_key, f.created_at, f.updated_at"

    /// Nothing where the message has gone meanwhile.
    static let judge = Statement(
        "judge",
        """
        insert into parley.feedback as f (user_id, message_id, conversation_id, rating, comment, comment_key)
        select $1, $2, $3, $4, $5, $6
        where exists (select from parley.messages m where m.id = $2 and m.user_id = $1)
            or exists (select from parley.archived_messages m where m.id = $2 and m.user_id = $1)
        on conflict (message_id, user_id) do update
        set rating = excluded.rating, comment = excluded.comment, comment_key = excluded.comment_key, updated_at = now()
        returning \(feedbackColumns)
        """, T.text, T.uuid, T.uuid, T.text, T.text, T.text)

    static let takeFeedbackBack = Statement(
        "feedback_back", "delete from parley.feedback f where f.user_id = $1 and f.message_id = $2", T.text, T.uuid)

    static let feedback = Statement(
        "feedback",
        """
        select \(feedbackColumns) from parley.feedback f
        where f.user_id = $1 and f.conversation_id = $2 order by f.message_id desc limit $3
        """, T.text, T.uuid, T.int4)
}

extension Rows {
    fileprivate func feedback(
        _ row: Int, _ contents: ContentCipher, _ threadID: Identifier
    ) throws(PostgresError) -> Feedback {
        let id = try identifier(row, 0)
        var comment = try optionalText(row, 2)
        if let sealed = comment {
            comment = try contents.open(
                sealed, key: try optionalText(row, 3), .comment, thread: threadID, id: id)
        }
        guard let rating = Feedback.Rating(rawValue: try text(row, 1)) else {
            throw PostgresError(kind: .usage, message: "an unknown rating")
        }
        return Feedback(
            messageID: id, rating: rating, comment: comment, createdAt: try timestamp(row, 4),
            updatedAt: try timestamp(row, 5))
    }
}
