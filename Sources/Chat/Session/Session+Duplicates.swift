/// Messages that were sent before: who sends one again hears of the original, and its run is run once, by whoever has it.
extension Session {
    /// The id was used before: the sender hears of the original, and of what its run says.
    func duplicate(_ turn: Turn, threadID: Identifier, messageID: Identifier, runID: Identifier, runEnded: Bool) {
        for answer in turn.answers {
            answer.send(
                ServerFrame.ack(
                    id: answer.id, threadID: threadID, messageID: messageID, runID: runID, status: .duplicate))
        }
        guard let thread = try? open(threadID) else { return }
        thread.isKnown = true
        if let key = turn.clientID, !runEnded, !thread.holds(runID), !isDraining {
            claim(turn, key, of: thread, messageID: messageID, runID: runID)
        } else {
            follow(turn, in: thread, runID)
        }
    }

    /// What is known of a run that is neither at work nor waiting here.
    package enum Whereabouts {
        case over
        /// Another gateway has it, its withdrawal is being stored, or the database is asked whose it is. Where that is
        /// asked of another run of the conversation it may be said of this one too.
        case underWay
        /// The database does not say.
        case unknown
    }

    package func whereabouts(of runID: Identifier, in threadID: Identifier) -> Whereabouts {
        guard let thread = thread(threadID) else { return .over }
        if thread.isClaimLate || thread.watched[runID] == .unanswered { return .unknown }
        let isSought = thread.claims > 0 || thread.watched[runID] != nil
        return isSought || thread.isWithdrawing(runID) ? .underWay : .over
    }

    private func follow(_ turn: Turn, in thread: ChatThread, _ runID: Identifier) {
        for answer in turn.answers where answer.subscribes {
            if let client = answer.client { thread.join(client, from: runID) }
        }
        for answer in turn.cancellations { thread.cancel(runID: runID, answer: answer) }
        release(thread)
    }

    /// A run that is stored and not run would hold its conversation up, also where nobody is left who asked: it is taken
    /// over, unless another gateway has it, or had it (then it is a matter of the recovery).
    private func claim(_ turn: Turn, _ key: String, of thread: ChatThread, messageID: Identifier, runID: Identifier) {
        thread.claims += 1
        environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
            let isOpen = !isDraining && !thread.holds(runID)
            if case .failure = result, isOpen {
                thread.refuseWaiting()
                thread.isClaimLate = true
                _ = environment.schedule(after: Self.lookInterval) { [self] in
                    thread.claims -= 1
                    claim(turn, key, of: thread, messageID: messageID, runID: runID)
                }
                return
            }
            thread.claims -= 1
            thread.isClaimLate = false
            switch result {
            case .success(let sent?) where isOpen && !sent.runEnded && !sent.isElsewhere:
                thread.adopt(
                    Turn(
                        threadID: thread.id,
                        message: Message(id: messageID, role: .user, content: turn.message.content), runID: runID,
                        clientID: key, answer: Answer(client: nil, id: nil)))
            case .success(let sent?) where isOpen && !sent.runEnded:
                watch(runID, key, of: thread)
            default: break
            }
            follow(turn, in: thread, runID)
            thread.goOn()
        }
    }

    /// A run that another gateway has: its events are not here. Whoever is subscribed is shown the history when it has
    /// ended.
    private func watch(_ runID: Identifier, _ key: String, of thread: ChatThread) {
        guard thread.watched[runID] == nil else { return }
        thread.watched[runID] = .underWay
        lookAgain(at: runID, key, of: thread)
    }

    private func lookAgain(at runID: Identifier, _ key: String, of thread: ChatThread) {
        _ = environment.schedule(after: Self.lookInterval) { [self] in
            guard !thread.subscriptions.isEmpty, !thread.holds(runID), !isDraining else {
                thread.watched[runID] = nil
                return release(thread)
            }
            environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
                switch result {
                case .success(let sent) where sent?.runEnded ?? true:
                    thread.watched[runID] = nil
                    refresh(threadID: thread.id)
                    release(thread)
                case .success:
                    thread.watched[runID] = .underWay
                    lookAgain(at: runID, key, of: thread)
                case .failure:
                    thread.watched[runID] = .unanswered
                    lookAgain(at: runID, key, of: thread)
                }
            }
        }
    }

    /// Runs that a history shows as under way, and that are not here, are another gateway's: whoever is subscribed is
    /// shown the history anew when one of them has ended.
    func watchOthers(_ messages: [Message], of thread: ChatThread) {
        var others: Set<Identifier> = []
        for message in messages {
            guard let run = message.run, !run.status.isTerminal, !thread.holds(run.id), thread.watched[run.id] == nil
            else { continue }
            thread.watched[run.id] = .underWay
            others.insert(run.id)
        }
        if !others.isEmpty { lookForEnds(of: others, in: thread) }
    }

    private func lookForEnds(of runs: Set<Identifier>, in thread: ChatThread) {
        _ = environment.schedule(after: Self.lookInterval) { [self] in
            guard !thread.isAbandoned else { return }
            guard !thread.subscriptions.isEmpty, !isDraining else {
                for id in runs { thread.watched[id] = nil }
                return release(thread)
            }
            environment.store.newestMessages(
                userID: userID, threadID: thread.id, limit: environment.limits.snapshotMessages
            ) { [self] result in
                guard !thread.isAbandoned else { return }
                var left = runs
                if case .success(let page) = result {
                    let underWay = (page?.messages ?? []).compactMap { $0.run }.filter { !$0.status.isTerminal }
                    left.formIntersection(underWay.map(\.id))
                    left = left.filter { !thread.holds($0) }
                }
                for id in runs { thread.watched[id] = nil }
                for id in left { thread.watched[id] = if case .failure = result { .unanswered } else { .underWay } }
                // What is here by now, since it was taken over, is told by its events.
                if !runs.subtracting(left).allSatisfy({ thread.holds($0) }) { refresh(threadID: thread.id) }
                left.isEmpty ? release(thread) : lookForEnds(of: left, in: thread)
            }
        }
    }

    /// Milliseconds between two looks at a run that is not here.
    static let lookInterval: UInt64 = 1_000
}
