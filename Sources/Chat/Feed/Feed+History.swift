/// The stored history, for those who cannot resume, or when it has changed otherwise than by events.
extension Feed {
    /// Subscribes a client by the history.
    func subscribe(_ client: any SessionClient, id: String?) throws(ClientError) {
        guard readers.count < environment.limits.waitingAnswers else { throw .tooManyRequests }
        let reader = Reader(Answer(client: client, id: id))
        readers.append(reader)
        readSnapshot(for: reader, attempt: 1)
    }

    /// Subscribes a client that has not asked, by the history: it was subscribed elsewhere.
    func showAnew(to client: any SessionClient) {
        guard !readers.contains(where: { $0.answer.client === client }) else { return }
        let reader = Reader(Answer(client: client, id: nil), isUnasked: true)
        readers.append(reader)
        readSnapshot(for: reader, attempt: 1)
    }

    /// The history has changed otherwise than by its events, as when a run that a dead process left was closed in the
    /// database: whoever is subscribed is shown it anew.
    ///
    /// - Parameter holdingBack: they are told nothing more before that.
    func showAnew(holdingBack: Bool = false) {
        // Whoever waits for a history gets one that is read after this.
        historyChanged()
        for client in subscriptions.map(\.client) {
            if readers.contains(where: { $0.answer.client === client }) { continue }
            let reader = Reader(Answer(client: client, id: nil), isUnasked: true)
            if holdingBack, let index = subscription(of: client) {
                reader.catchUps = subscriptions.remove(at: index).catchUps
                // What runs, or does from here on, is told as events from its beginning, also where it has ended by the
                // time the history is read.
                reader.start = beginning
            }
            readers.append(reader)
            readSnapshot(for: reader, attempt: 1)
        }
    }

    /// A history read while a run ended would lack its reply, or show it beside the run's own events; read while a turn
    /// was accepted it would lack its message: then it is read again.
    private func readSnapshot(for reader: Reader, attempt: Int) {
        let answer = reader.answer
        let before = changes
        environment.store.newestMessages(
            userID: userID, threadID: threadID, limit: environment.limits.snapshotMessages
        ) { [self] result in
            // It has left or unsubscribed meanwhile.
            guard readers.contains(where: { $0 === reader }) else { return }
            if case .success(.some) = result, before != changes, attempt < 10 {
                readSnapshot(for: reader, attempt: attempt + 1)
                return
            }
            if case .failure = result, reader.isUnasked {
                // Nobody asked, so nobody would ask again: what it shows is not what is stored.
                return readAgain(for: reader)
            }
            if case .success(.some(let page)) = result, page.mayAsk {
                return readApprovals(for: reader, page, attempt: attempt, before)
            }
            readers.removeAll { $0 === reader }
            switch result {
            case .success(.some(let page)):
                deliver(page, [], to: reader)
            case .success(nil):
                answer.send(.refused(.noThread))
            case .failure(let error):
                answer.send(.refused(.notRead(error)))
            }
            owner?.release()
        }
    }

    private func deliver(_ page: MessagePage, _ open: [Approval], to reader: Reader) {
        owner?.isFound()
        if let client = reader.answer.client {
            // A run that has begun since has answered.
            deliver(
                page, to: client, id: reader.answer.id, from: reader.start, owed: reader.catchUps,
                interrupts: run == nil ? open : [])
            watchOthers(page.messages)
        }
        // Behind the subscription: a conversation that nobody uses is let go with what it is told.
        owner?.asks(open)
    }

    /// The conversation may wait for a person: what is asked goes with the history.
    private func readApprovals(for reader: Reader, _ page: MessagePage, attempt: Int, _ before: Int) {
        environment.store.approvals(userID: userID, threadID: threadID, ids: []) { [self] result in
            guard readers.contains(where: { $0 === reader }) else { return }
            if before != changes, attempt < 10 { return readSnapshot(for: reader, attempt: attempt + 1) }
            if case .failure = result, reader.isUnasked {
                return readAgain(for: reader)
            }
            readers.removeAll { $0 === reader }
            switch result {
            case .success(let known?): deliver(page, known.open, to: reader)
            case .success(nil): reader.answer.send(.refused(.noThread))
            case .failure(let error): reader.answer.send(.refused(.notRead(error)))
            }
            owner?.release()
        }
    }

    private func readAgain(for reader: Reader) {
        _ = environment.schedule(after: Self.refreshInterval) { [self] in
            guard readers.contains(where: { $0 === reader }) else { return }
            readSnapshot(for: reader, attempt: 1)
        }
    }

    /// Milliseconds after which a history that could not be read is read again for those who did not ask for it.
    private static let refreshInterval: UInt64 = 1_000

    // MARK: Runs of other gateways

    /// Their events are not here: whoever is subscribed is shown the history anew when one of them has ended.
    private func watchOthers(_ messages: [Message]) {
        var others: Set<Identifier> = []
        for message in messages {
            guard let run = message.run, !run.status.isTerminal, owner?.holds(run.id) == false,
                watched[run.id] == nil
            else { continue }
            watched[run.id] = .underWay
            others.insert(run.id)
        }
        if !others.isEmpty { lookForEnds(of: others) }
    }

    private var isListenedTo: Bool { !subscriptions.isEmpty && owner?.isDraining == false }

    private func lookForEnds(of runs: Set<Identifier>) {
        _ = environment.schedule(after: ConversationMachine.lookInterval) { [self] in
            // None is watched any more where all is another gateway's.
            guard !watched.isEmpty else { return }
            guard isListenedTo else {
                for id in runs { watched[id] = nil }
                owner?.release()
                return
            }
            environment.store.newestMessages(
                userID: userID, threadID: threadID, limit: environment.limits.snapshotMessages
            ) { [self] result in
                guard !watched.isEmpty else { return }
                var left = runs
                if case .success(let page) = result {
                    let underWay = (page?.messages ?? []).compactMap { $0.run }.filter { !$0.status.isTerminal }
                    left.formIntersection(underWay.map(\.id))
                    left = left.filter { owner?.holds($0) != true }
                }
                for id in runs { watched[id] = nil }
                for id in left { watched[id] = if case .failure = result { .unanswered } else { .underWay } }
                // What is here by now, since it was taken over, is told by its events.
                if !runs.subtracting(left).allSatisfy({ owner?.holds($0) == true }) { showAnew() }
                if left.isEmpty { owner?.release() } else { lookForEnds(of: left) }
            }
        }
    }

    /// One that is known by its client's id: it need not be among the newest messages.
    func watch(_ runID: Identifier, key: String) {
        guard watched[runID] == nil else { return }
        watched[runID] = .underWay
        lookAgain(at: runID, key)
    }

    private func lookAgain(at runID: Identifier, _ key: String) {
        _ = environment.schedule(after: ConversationMachine.lookInterval) { [self] in
            guard isListenedTo, owner?.holds(runID) == false else {
                watched[runID] = nil
                owner?.release()
                return
            }
            environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
                switch result {
                case .success(let sent) where sent?.runEnded ?? true:
                    watched[runID] = nil
                    showAnew()
                    owner?.release()
                case .success:
                    watched[runID] = .underWay
                    lookAgain(at: runID, key)
                case .failure:
                    watched[runID] = .unanswered
                    lookAgain(at: runID, key)
                }
            }
        }
    }
}
