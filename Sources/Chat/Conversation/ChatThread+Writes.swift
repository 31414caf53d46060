/// What a conversation writes to the database, one write after the other: turns that are accepted, ends of runs, and
/// withdrawals of turns that wait.
extension ChatThread {
    func store(endOf run: Run) {
        write(.end(run))
    }

    func write(_ write: Write) {
        writes.append(write)
        writeNext()
    }

    private func writeNext() {
        guard isSettled, !writes.isEmpty else { return }
        isWriting = true
        switch writes.removeFirst() {
        case .accept(let turn): accept(turn)
        case .end(let run): storeEnd(of: run)
        case .withdraw(let turn): storeWithdrawal(of: turn)
        }
    }

    private func written() {
        isWriting = false
        retryDelay = 0
        goOn()
    }

    /// The write before is settled, or the run that was looked for is found or not.
    func goOn() {
        writeNext()
        if active == nil, isSettled, let first = turns.first, first.isCommitted {
            if first.needsPlace {
                askForPlace(of: first)
            } else {
                remove(first)
                begin(first)
            }
        }
        if isStopping, !hasWork, withdrawing.isEmpty { goOnAfterStop() }
        session.release(self)
    }

    private func accept(_ turn: Turn) {
        let isNew = conversation == nil && isNew
        // One that is being withdrawn may have been started by the end before it.
        let startsNow = active == nil && turns.first === turn && withdrawing.isEmpty && interruption == nil
        let newTurn = NewTurn(
            userID: session.userID, threadID: id, isNewThread: isNew,
            title: isNew ? ConversationTitle.make(from: turn.message.content) : nil, messageID: turn.message.id,
            clientID: turn.clientID, content: turn.message.content, runID: turn.runID, startsNow: startsNow)
        offer(newTurn, of: turn)
    }

    /// A message whose commit got lost is offered again, with the same ids, until it is known: it may be stored, and
    /// its run would then be one that nobody runs. Its sender is not kept waiting for that (the store has tried for a
    /// while): sent again, the message is answered by what became of it.
    private func offer(_ newTurn: NewTurn, of turn: Turn) {
        environment.store.accept(newTurn) { [self] result in
            guard !isAbandoned else { return session.settled(turn) }
            if case .failure(let error) = result, error == .unknown || turn.isInDoubt, error != .rejected,
                error != .fenced
            {
                turn.isInDoubt = true
                tell(turn, Self.notStored(retryAfter: 2))
                retry { self.offer(newTurn, of: turn) }
                return
            }
            session.settled(turn)
            switch result {
            case .success(.accepted(let conversation, let position, let isRunning)):
                turn.position = position
                turn.needsPlace = !isRunning
                turn.isBehindAnothers = newTurn.startsNow && !isRunning
                accepted(
                    turn, conversation, isNew: newTurn.isNewThread, startsNow: newTurn.startsNow && isRunning)
            case .success(.duplicate(let threadID, let messageID, let runID, let runEnded)):
                remove(turn)
                session.duplicate(
                    turn, threadID: threadID, messageID: messageID, runID: runID, runEnded: runEnded)
            case .success(.threadNotFound):
                refuse(turn, ClientError(.threadNotFound, "There is no such conversation."))
            case .success(.conversationFull):
                refuse(turn, ClientError(.conversationFull, "This conversation is full. Please start a new one."))
            case .failure(.unavailable(let seconds)):
                refuse(turn, Self.notStored(retryAfter: seconds))
            case .failure(.fenced):
                refuse(turn, Self.notStored(retryAfter: 1))
            case .failure:
                environment.report("thread \(id): the database refused a message")
                refuse(turn, ClientError(.internal, "The message could not be stored."))
            }
            written()
        }
    }

    private func accepted(_ turn: Turn, _ conversation: Conversation, isNew: Bool, startsNow: Bool) {
        turn.isCommitted = true
        isKnown = true
        changes += 1
        self.conversation = conversation
        if let received = turn.receivedAt {
            environment.chatMetrics.acknowledged(after: environment.nowNanoseconds &- received)
        }
        // One that waits for another gateway's run has that before it.
        let before = active == nil && turns.first?.isBehindAnothers != true ? 0 : 1
        let position = startsNow ? nil : (turns.firstIndex { $0 === turn } ?? 0) + before
        for (index, answer) in turn.answers.enumerated() {
            answer.send(
                ServerFrame.ack(
                    id: answer.id, threadID: id, messageID: turn.message.id, runID: turn.runID,
                    status: index > 0 ? .duplicate : startsNow ? .running : .queued,
                    position: index > 0 ? nil : position))
            if answer.subscribes, let client = answer.client { join(client) }
        }
        turn.answers = []
        if isNew || conversation.wasAsleep { session.announce(conversation) }
        if startsNow {
            remove(turn)
            begin(turn)
        } else if !turn.cancellations.isEmpty || isStopping {
            withdraw(turn)
        } else if interruption != nil {
            remove(turn)
        }
        if isStopping { active?.stop(.cancelled) }
        if let active, active.id == turn.interrupts { active.stop(.cancelled) }
    }

    private func refuse(_ turn: Turn, _ error: ClientError) {
        remove(turn)
        tell(turn, error)
        for answer in turn.cancellations {
            answer.send(ServerFrame.ack(id: answer.id, threadID: id, runID: turn.runID, status: .idle))
        }
    }

    private func tell(_ turn: Turn, _ error: ClientError) {
        let answers = turn.answers
        turn.answers = []
        for answer in answers { answer.send(ServerFrame.error(id: answer.id, error)) }
    }

    private func storeEnd(of run: Run) {
        guard case .ending(let status) = run.machine.state else {
            written()
            return
        }
        let next = turns.first { $0.isCommitted }
        offer(ending(of: run, as: status, next: next), of: run, next: next)
    }

    private func ending(of run: Run, as status: RunStatus, next: Turn?) -> RunEnding {
        RunEnding(
            userID: session.userID, threadID: id, runID: run.id, status: status, messages: run.machine.messages(),
            usage: run.machine.usage, failure: run.machine.failure, nextRunID: next?.runID)
    }

    /// Offered again it is the same ending to the letter, since the one before may have been stored after all.
    private func offer(_ ending: RunEnding, of run: Run, next: Turn?) {
        environment.store.end(ending) { [self] result in
            guard !isAbandoned else { return }
            switch result {
            case .success(let outcome):
                if case .stored(let updatedAt) = outcome { conversation?.updatedAt = updatedAt }
                recent?.append(contentsOf: ending.messages)
            case .failure(.fenced):
                abandon(run)
                written()
                return
            case .failure(.rejected):
                refusedEnd(of: run, next: next)
                return
            case .failure:
                retry { self.offer(ending, of: run, next: next) }
                return
            }
            ended(run, next: next)
            written()
        }
    }

    /// What the database refuses it would refuse again, so the run fails instead, with its text or without. Where even
    /// that is refused, it is the database that is not as it should be: the end is offered until it is, and nobody hears
    /// of an end before.
    private func refusedEnd(of run: Run, next: Turn?) {
        let wasBare = run.machine.isBare
        run.machine.refused()
        if !wasBare { environment.report("run \(run.id): the database refused its end") }
        let ending = ending(of: run, as: .failed, next: next)
        guard wasBare else { return offer(ending, of: run, next: next) }
        retry { self.offer(ending, of: run, next: next) }
    }

    private func ended(_ run: Run, next: Turn?) {
        run.machine.stored()
        publish()
        changes += 1
        keep(run.machine.log)
        envelope = nil
        active = nil
        measure(run)
        let status: ServerFrame.AckStatus = run.machine.state == .ended(.cancelled) ? .cancelled : .idle
        for answer in run.cancellations + run.turn.cancellations { self.answer(answer, endOf: run.id, status) }
        run.letGo()
        guard let next, !next.isWithdrawn else { return }
        remove(next)
        begin(next)
    }

    private func measure(_ run: Run) {
        guard case .ended(let status) = run.machine.state else { return }
        let code = run.machine.failure?.code
        environment.chatMetrics.runEnded(status, code)
        environment.runEnded(run.id, userID: session.userID, threadID: id, status, code)
        if let received = run.turn.receivedAt {
            environment.chatMetrics.turnEnded(after: environment.nowNanoseconds &- received)
        }
    }

    private func storeWithdrawal(of turn: Turn) {
        let ending = RunEnding(
            userID: session.userID, threadID: id, runID: turn.runID, status: .cancelled, messages: [],
            nextRunID: active == nil ? turns.first { $0.isCommitted }?.runID : nil)
        offer(ending, ofWithdrawn: turn)
    }

    private func offer(_ ending: RunEnding, ofWithdrawn turn: Turn) {
        environment.store.end(ending) { [self] result in
            guard !isAbandoned else { return }
            switch result {
            case .success, .failure(.fenced): break
            case .failure(let error):
                if error == .rejected, retryDelay == 0 {
                    environment.report("run \(turn.runID): the database refused its withdrawal")
                }
                retry { self.offer(ending, ofWithdrawn: turn) }
                return
            }
            withdrawing.removeAll { $0 === turn }
            for answer in turn.cancellations {
                answer.send(ServerFrame.ack(id: answer.id, threadID: id, runID: turn.runID, status: .cancelled))
            }
            written()
        }
    }

    /// The database is away: what must be stored is offered again, less and less often, until it is taken. Nobody is
    /// kept waiting for that: the messages behind it, of which nothing is stored yet, are refused.
    private func retry(_ action: @escaping () -> Void) {
        retryDelay = min(max(retryDelay * 2, 100), 2_000)
        _ = environment.schedule(after: retryDelay) { [self] in
            if !isAbandoned { action() }
        }
        refuseWaiting()
    }

    func refuseWaiting() {
        var refused: [Turn] = []
        writes.removeAll { write in
            guard case .accept(let turn) = write else { return false }
            refused.append(turn)
            return true
        }
        for turn in refused {
            session.settled(turn)
            refuse(turn, Self.notStored(retryAfter: 1))
        }
    }

    static func notStored(retryAfter seconds: Int) -> ClientError {
        ClientError(.unavailable, "The message could not be stored. Please try again.", retryAfter: seconds)
    }
}
