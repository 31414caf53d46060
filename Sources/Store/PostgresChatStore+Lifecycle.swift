package import JSON
package import Chat
import EventLoop
import Logging
import Postgres

/// What a user changes of a conversation; `nil` leaves it as it is.
package struct ConversationChange: Sendable, Equatable {
    package enum Title: Sendable, Equatable {
        /// At most 255 code points.
        case set(String)
        case remove
    }

    package var title: Title?
    /// An object.
    package var metadata: JSON?
    /// True: into the archive; false: out of it, or awake again.
    package var isArchived: Bool?

    package init(title: Title? = nil, metadata: JSON? = nil, isArchived: Bool? = nil) {
        self.title = title
        self.metadata = metadata
        self.isArchived = isArchived
    }
}

package enum ConversationChangeOutcome: Sendable, Equatable {
    /// As it is now. A change of an archived one has brought it back, unless it is to stay there.
    case changed(Conversation, hasNewStatus: Bool)
    case notFound
    /// It is not archived while a run of it is unfinished.
    case busy
}

package enum MessageDeletion: Sendable, Equatable {
    case deleted(userID: String, threadID: Identifier)
    case notFound
    /// The run that answers it is unfinished.
    case busy
}

/// A conversation's life beside the messages in it. All of this goes through functions of the schema's owner, each one
/// transaction.
extension PostgresChatStore {
    /// Makes a conversation without a message, for a user who need not be known yet. The same id again gives the same
    /// conversation. With `SINGLE_CONVERSATION` the user's others become dormant.
    ///
    /// - Returns: `nil` where the id is taken by another conversation.
    package func createConversation(
        userID: String, id: Identifier, title: String?, metadata: JSON?,
        completion: @escaping (Result<Conversation?, StoreError>) -> Void
    ) {
        sealing(completion) { () throws(PostgresError) in
            var parameters = Parameters()
            parameters.append(text: userID)
            parameters.append(id)
            parameters.append(text: try settings.contents.seal(title: title, thread: id))
            parameters.append(text: title == nil ? nil : settings.contents.sealingKey)
            if let metadata {
                parameters.append(jsonb: StorableText.clean(metadata).description)
            } else {
                parameters.appendNull()
            }
            parameters.append(bool: settings.keepsSingleConversation)
            run(userID, Statements.createConversation, parameters, isWrite: true) { [self] outcome in
                completion(
                    outcome.flatMap { rows in
                        decode { () throws(PostgresError) in
                            rows.count == 0 ? nil : try rows.conversation(id, settings.contents)
                        }
                    })
            }
        }
    }

    /// Title, metadata, into the archive and out of it.
    package func changeConversation(
        userID: String, threadID: Identifier, _ change: ConversationChange,
        completion: @escaping (Result<ConversationChangeOutcome, StoreError>) -> Void
    ) {
        sealing(completion) { () throws(PostgresError) in
            var title: String?
            if case .set(let text)? = change.title { title = text }
            var parameters = Parameters()
            parameters.append(text: userID)
            parameters.append(threadID)
            parameters.append(bool: change.title != nil)
            parameters.append(text: try settings.contents.seal(title: title, thread: threadID))
            parameters.append(text: title == nil ? nil : settings.contents.sealingKey)
            if let metadata = change.metadata {
                parameters.append(jsonb: StorableText.clean(metadata).description)
            } else {
                parameters.appendNull()
            }
            if let isArchived = change.isArchived {
                parameters.append(bool: isArchived)
            } else {
                parameters.appendNull()
            }
            parameters.append(bool: settings.keepsSingleConversation)
            run(userID, Statements.changeConversation, parameters, isWrite: true) { [self] outcome in
                completion(
                    outcome.flatMap { rows in
                        decode { () throws(PostgresError) -> ConversationChangeOutcome in
                            switch try rows.int4(0, 6) {
                            case 0:
                                return .changed(
                                    try rows.conversation(threadID, settings.contents),
                                    hasNewStatus: try rows.bool(0, 7))
                            case 2: return .busy
                            default: return .notFound
                            }
                        }
                    })
            }
        }
    }

    /// The conversation vanishes at once, and is purged after `PURGE_AFTER`. A run that is unfinished, here or at
    /// another gateway, ends as cancelled.
    ///
    /// - Returns: the conversation as deleted; `nil`: there is none.
    package func deleteConversation(
        userID: String, threadID: Identifier, completion: @escaping (Result<Conversation?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        run(userID, Statements.deleteConversation, parameters, isWrite: true) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        rows.count == 0 ? nil : try rows.conversation(threadID, settings.contents)
                    }
                })
        }
    }

    /// What an application has put beside a conversation; `nil`: there is no such conversation.
    package func metadata(
        userID: String, threadID: Identifier, completion: @escaping (Result<JSON?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(threadID)
        parameters.append(text: userID)
        read(userID, Statements.metadata, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) -> JSON? in
                        guard rows.count > 0 else { return nil }
                        let text = try rows.jsonb(0, 0)
                        return (try? JSON(parsing: text)) ?? .object(JSONObject())
                    }
                })
        }
    }

    /// An administrator's, so of any user. Its position stays empty; a user's message takes its run and the operations
    /// of that along.
    package func deleteMessage(
        id: Identifier, completion: @escaping (Result<MessageDeletion, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(id)
        run("", Statements.deleteMessage, parameters, isWrite: true) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) -> MessageDeletion in
                        switch try rows.int4(0, 0) {
                        case 0: return .deleted(userID: try rows.text(0, 1), threadID: try rows.identifier(0, 2))
                        case 2: return .busy
                        default: return .notFound
                        }
                    }
                })
        }
    }

    /// Deletes a user with all that is theirs, the archive included, in transactions of bounded size. What is begun is
    /// finished by the retention, should this process end before.
    ///
    /// - Returns: false where there is no such user.
    package func deleteUser(id: String, completion: @escaping (Result<Bool, StoreError>) -> Void) {
        deleteUser(id: id, isKnown: false, completion)
    }

    private func deleteUser(
        id: String, isKnown: Bool, _ completion: @escaping (Result<Bool, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: id)
        parameters.append(int4: Int32(clamping: settings.sweepMessages))
        run(id, Statements.deleteUser, parameters, isWrite: true) { [self] outcome in
            let step = outcome.flatMap { rows in decode { () throws(PostgresError) in try rows.int4(0, 0) } }
            switch step {
            case .success(1): deleteUser(id: id, isKnown: true, completion)
            case .success(let code): completion(.success(isKnown || code == 2))
            case .failure(let error): completion(.failure(error))
            }
        }
    }
}

extension Rows {
    /// What the functions above return of the one conversation that they are about: title, its key, status, count, times.
    fileprivate func conversation(
        _ id: Identifier, _ contents: ContentCipher
    ) throws(PostgresError) -> Conversation {
        guard let status = ConversationStatus(rawValue: try text(0, 2)) else {
            throw PostgresError(kind: .usage, message: "unknown status of a conversation")
        }
        return Conversation(
            id: id, title: contents.open(title: try optionalText(0, 0), key: try optionalText(0, 1), thread: id),
            status: status, messageCount: Int(try int4(0, 3)), createdAt: try timestamp(0, 4),
            updatedAt: try timestamp(0, 5))
    }
}
