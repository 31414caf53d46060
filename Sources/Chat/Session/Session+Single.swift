/// `SINGLE_CONVERSATION`: a message that names no conversation goes to the user's active one.
extension Session {
    /// A send that waits to hear where it goes.
    struct UnaddressedSend {
        var content: String
        var policy: ClientCommand.QueuePolicy
        var answer: Answer
    }

    /// Sends come out in the order in which they came in: while one waits, the next waits behind it.
    func sendToActive(_ send: UnaddressedSend) throws(ClientError) {
        guard unaddressed.count < environment.limits.waitingAnswers else { throw .tooManyRequests }
        unaddressed.append(send)
        if unaddressed.count == 1 { addressNext() }
    }

    private func addressNext() {
        guard let send = unaddressed.first else {
            if isIdle { becameIdle?() }
            return
        }
        if let opened, conversation(opened)?.hasWork == true {
            // The conversation that the one before has begun, which may not be stored yet.
            return address(send, to: opened)
        }
        environment.store.activeConversation(userID: userID) { [self] result in
            switch result {
            case .success(let found): address(send, to: found)
            case .failure(let error):
                unaddressed.removeFirst()
                send.answer.send(.refused(.notRead(error)))
                addressNext()
            }
        }
    }

    private func address(_ send: UnaddressedSend, to found: Identifier?) {
        unaddressed.removeFirst()
        do throws(ClientError) {
            opened = try accept(
                send.content, to: found.map { .known($0) }, policy: send.policy, answer: send.answer)
        } catch {
            send.answer.send(.refused(error))
        }
        addressNext()
    }
}
