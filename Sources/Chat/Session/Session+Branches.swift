/// Edit, regenerate, branch (Protocol.md section 9).
extension Session {
    /// A new message behind another one, or at the beginning.
    package func edit(
        _ content: String, behind parent: ThreadReference?, in threadID: Identifier,
        policy: ClientCommand.QueuePolicy, id: String?, from client: any SessionClient
    ) {
        var known: Identifier?
        if case .known(let id)? = parent { known = id }
        guard parent == nil || known != nil else {
            return client.answer(.refused(.noSuchPlace(for: nil)), id: id)
        }
        branch(content, in: threadID, policy: policy, answer: Answer(client: client, id: id)) {
            .message(id: $0, content: content, parent: known)
        }
    }

    /// Another answer to a message of the user's, which is named by itself or by a message of an answer to it.
    package func regenerate(
        _ message: ThreadReference, in threadID: Identifier, policy: ClientCommand.QueuePolicy, id: String?,
        from client: any SessionClient
    ) {
        guard case .known(let messageID) = message else {
            return client.answer(.refused(.noMessage), id: id)
        }
        // What it asks is known when it is stored.
        branch("", in: threadID, policy: policy, answer: Answer(client: client, id: id)) { _ in .answer(to: messageID) }
    }

    private func branch(
        _ content: String, in threadID: Identifier, policy: ClientCommand.QueuePolicy, answer: Answer,
        _ kind: @escaping (Identifier) -> NewBranch.Kind
    ) {
        do throws(ClientError) {
            _ = try accept(content, to: .known(threadID), policy: policy, answer: answer, branch: kind)
        } catch {
            answer.send(.refused(error))
        }
    }

    /// Shows the path through a message, down to the newest turn below it.
    func select(_ message: ThreadReference, in reference: ThreadReference, answer: Answer) {
        guard case .known(let threadID) = reference else { return answer.send(.refused(.noThread)) }
        select(message, in: threadID) { outcome in
            switch outcome {
            case .success: answer.send(.done(threadID: threadID, runID: nil, .selected))
            case .failure(let error): answer.send(.refused(error))
            }
        }
    }

    package func select(
        _ message: ThreadReference, in threadID: Identifier,
        completion: @escaping (Result<Void, ClientError>) -> Void
    ) {
        guard case .known(let messageID) = message else { return completion(.failure(.noMessage)) }
        let busy = ClientError(.busy, "A turn is under way in this conversation.")
        if conversation(threadID)?.hasWork == true { return completion(.failure(busy)) }
        environment.store.tree(userID: userID, threadID: threadID, messageID: messageID) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(.notRead(error)))
            case .success(let tree):
                guard let head = tree?.newestBelow else { return refuse(threadID, completion) }
                environment.store.select(userID: userID, threadID: threadID, head: head) { [self] outcome in
                    switch outcome {
                    case .stored(.selected):
                        completion(.success(()))
                        conversation(threadID)?.pathChanged()
                    case .stored(.threadNotFound): completion(.failure(.noThread))
                    case .stored(.busy): completion(.failure(busy))
                    case .stored(.noSuchPlace): completion(.failure(.noMessage))
                    case .fenced: completion(.failure(.notStored(retryAfter: 1)))
                    case .failed(.unavailable(let seconds)): completion(.failure(.notStored(retryAfter: seconds)))
                    case .failed: completion(.failure(.notStored(retryAfter: 1)))
                    }
                }
            }
        }
    }

    /// There is no such message, or no such conversation at all.
    private func refuse(_ threadID: Identifier, _ completion: @escaping (Result<Void, ClientError>) -> Void) {
        environment.store.conversation(userID: userID, threadID: threadID) { result in
            switch result {
            case .success(nil): completion(.failure(.noThread))
            case .success: completion(.failure(.noMessage))
            case .failure(let error): completion(.failure(.notRead(error)))
            }
        }
    }
}
