/// What a conversation asks a person (Protocol.md section 10).
extension Session {
    func resume(_ reference: ThreadReference, _ answers: [InterruptAnswer], answer: Answer) {
        guard case .known(let threadID) = reference, !closing.contains(threadID) else {
            return answer.send(.refused(.noThread))
        }
        guard environment.holdsLease else { return answer.send(.refused(.notStored(retryAfter: 1))) }
        do throws(ClientError) {
            let conversation = try open(threadID)
            conversation.handle(
                .resume(.init(runID: environment.makeIdentifier(), answers: answers, answer: answer)))
            release(conversation)
        } catch {
            answer.send(.refused(error))
        }
    }

    /// Answers what is asked in a conversation, for a client that is no socket.
    package func resume(
        _ threadID: Identifier, _ answers: [InterruptAnswer], id: String?, from client: any SessionClient
    ) {
        resume(.known(threadID), answers, answer: Answer(client: client, id: id))
    }

    /// A cancel where nothing is under way: something may be open all the same that nobody here knows of.
    func cancelAsked(
        in threadID: Identifier, _ runID: Identifier?, _ answer: Answer,
        orElse carryOut: @escaping (ConversationDriver?) -> Void
    ) {
        if !environment.mayAsk || conversation(threadID)?.hasWork == true { return carryOut(conversation(threadID)) }
        environment.store.approvals(userID: userID, threadID: threadID, ids: []) { [self] result in
            switch result {
            case .failure(let error): answer.send(.refused(.notRead(error)))
            case .success(let known):
                guard let open = known?.open, !open.isEmpty, let conversation = try? self.open(threadID) else {
                    return carryOut(conversation(threadID))
                }
                conversation.asks(open)
                carryOut(conversation)
                release(conversation)
            }
        }
    }

    /// What was asked there has expired, or was declined elsewhere: whoever is subscribed is shown it so.
    package func expired(threadID: Identifier, runID: Identifier) {
        guard let conversation = conversation(threadID) else { return }
        if conversation.machine.suspended == runID {
            conversation.handle(.expired(runID))
        } else {
            conversation.historyChanged()
        }
        release(conversation)
    }

    /// What has run out by this process's clock is let expire, or has been by another one.
    package func expireDue() {
        for conversation in Array(conversationsInMemory) where conversation.isOverdue {
            if let run = conversation.machine.suspended { conversation.handle(.expired(run)) }
        }
    }

    /// Takes over a run that goes on with answers, which a dead process left.
    package func adopt(
        threadID: Identifier, message: Message, runID: Identifier, isRunning: Bool, resuming resumption: Resumption
    ) {
        guard let conversation = try? open(threadID), !conversation.holds(runID) else { return }
        conversation.isFound()
        var turn = Turn(message: message, runID: runID, clientID: nil, resuming: resumption)
        turn.trace = environment.span(ofTurn: runID, in: threadID, begins: "recovered")
        turn.position = message.position
        turn.standing = isRunning ? .placed : .waiting(isAsked: false)
        conversation.handle(.adopt(turn))
    }
}
