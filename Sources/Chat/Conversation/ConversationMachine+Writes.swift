/// What a conversation writes to the database, one write after the other: turns that are accepted, ends of runs, and
/// withdrawals of turns that wait.
extension ConversationMachine {
    mutating func write(_ write: PendingWrite) {
        writes.append(write)
        writeNext()
    }

    mutating func writeNext() {
        guard isSettled, !writes.isEmpty else { return }
        switch writes.removeFirst() {
        case .accept(let runID):
            // One that is being withdrawn may have been started by the end before it.
            let startsNow =
                active == nil && turns.first?.runID == runID && withdrawing.isEmpty && interruption == nil
            writing = .accept(run: runID, startsNow: startsNow, isNew: isNew)
        case .end(let runID):
            guard active?.id == runID else { return writeNext() }
            writing = .end(run: runID, next: runBehindEnd())
        case .withdraw(let runID):
            writing = .withdraw(run: runID, next: active == nil && suspended == nil ? nextRunID : nil)
        case .resume(let runID): writing = .resume(run: runID)
        case .decline(let runID): writing = .decline(run: runID)
        }
        offer()
    }

    private var nextRunID: Identifier? { turns.first { $0.isStored }?.runID }

    /// The run that begins with the end before it: none where something is to be said first, or where the end waits for a
    /// person: what begins then declines that.
    private mutating func runBehindEnd() -> Identifier? {
        guard !unasked.isEmpty || active?.suspends == true else { return nextRunID }
        if let index = turns.firstIndex(where: { $0.isStored }) { turns[index].standing = .waiting(isAsked: false) }
        return nil
    }

    mutating func offer() {
        switch writing {
        case .accept(let runID, let startsNow, let isNew):
            guard let turn = turns.first(where: { $0.runID == runID }) else { return written() }
            effect(.accept(turn, startsNow: startsNow, isNew: isNew))
        case .end(let runID, let next): effect(.end(runID, next: next))
        case .withdraw(let runID, let next): effect(.withdraw(runID, next: next))
        case .tell(let message): effect(.tell(message))
        case .resume(let runID):
            guard let request = resumes.first(where: { $0.runID == runID }) else { return written() }
            effect(.resume(request.runID, request.answers))
        case .decline(let runID):
            guard let request = declining.first(where: { $0.runID == runID }) else { return written() }
            effect(.decline(runID, request.status))
        case nil: break
        }
    }

    mutating func written() {
        writing = nil
        retryDelay = 0
        goOn()
    }

    /// The database is away: what must be stored is offered again, less and less often, until it is taken. Nobody is
    /// kept waiting for that: the messages behind it, of which nothing is stored yet, are refused.
    mutating func retry() {
        retryDelay = min(max(retryDelay * 2, 100), 2_000)
        effect(.schedule(.retry, after: retryDelay))
        refuseWaiting()
    }

    mutating func refuseWaiting() {
        var refused: [Identifier] = []
        writes.removeAll { write in
            guard case .accept(let runID) = write else { return false }
            refused.append(runID)
            return true
        }
        for turn in refused.compactMap({ id in turns.first { $0.runID == id } }) {
            settle(turn)
            refuse(turn, .notStored(retryAfter: 1))
        }
    }

    private mutating func settle(_ turn: Turn) {
        if let key = turn.clientID { effect(.settled(run: turn.runID, key: key)) }
    }

    // MARK: A turn

    /// A message whose commit got lost is offered again, with the same ids, until it is known: it may be stored, and
    /// its run would then be one that nobody runs. Its sender is not kept waiting for that (the store has tried for a
    /// while): sent again, the message is answered by what became of it.
    mutating func accepted(_ outcome: StoreWrite<Acceptance>, _ isHeld: Bool) {
        guard case .accept(let runID, let startsNow, let isNew)? = writing,
            let index = turns.firstIndex(where: { $0.runID == runID })
        else { return }
        if case .failed(let error) = outcome, error == .unknown || turns[index].standing == .inDoubt, error != .rejected
        {
            let answers = turns[index].answers
            turns[index].standing = .inDoubt
            turns[index].answers = []
            tell(answers, .refused(.notStored(retryAfter: 2)))
            retry()
            return
        }
        let turn = turns[index]
        settle(turn)
        switch outcome {
        case .stored(.accepted(let conversation, let position, let isRunning)):
            self.isNew = false
            turns[index].position = position
            turns[index].standing = isRunning ? .placed : .waiting(isAsked: false)
            turns[index].isBehindAnothers = startsNow && !isRunning
            accepted(turns[index], at: index, conversation, isNew: isNew, startsNow: startsNow && isRunning)
        case .stored(.duplicate(let threadID, let messageID, let runID, let runEnded)):
            remove(turn.runID)
            if threadID == self.threadID {
                // Before what waits behind it is written: its run may have to go before that.
                duplicate(turn, messageID, runID, isOver: runEnded || isHeld)
            } else {
                effect(
                    .duplicate(
                        turn,
                        of: SentTurn(
                            threadID: threadID, messageID: messageID, runID: runID, runEnded: runEnded,
                            isElsewhere: false)))
            }
        case .stored(.threadNotFound):
            refuse(turn, .noThread)
        case .stored(.conversationFull):
            refuse(turn, ClientError(.conversationFull, "This conversation is full. Please start a new one."))
        case .failed(.unavailable(let seconds)):
            refuse(turn, .notStored(retryAfter: seconds))
        case .stored(.busy):
            refuse(turn, ClientError(.busy, "A turn is under way in this conversation."))
        case .fenced:
            refuse(turn, .notStored(retryAfter: 1))
        case .failed:
            effect(.report("thread \(threadID): the database refused a message"))
            refuse(turn, ClientError(.internal, "The message could not be stored."))
        }
        written()
    }

    /// The same for a turn that goes elsewhere than behind what is shown.
    mutating func branched(_ outcome: StoreWrite<BranchAcceptance>, _ isHeld: Bool) {
        guard case .accept(let runID, _, _)? = writing, let index = turns.firstIndex(where: { $0.runID == runID })
        else { return }
        switch outcome {
        case .stored(.accepted(let conversation, let question, let isRunning, let replaced)):
            turns[index].asks(question, replacing: replaced)
            accepted(.stored(.accepted(conversation, position: question.position, isRunning: isRunning)), isHeld)
        case .stored(.duplicate(let threadID, let messageID, let runID, let runEnded)):
            accepted(
                .stored(.duplicate(threadID: threadID, messageID: messageID, runID: runID, runEnded: runEnded)),
                isHeld)
        case .stored(.threadNotFound): accepted(.stored(.threadNotFound), isHeld)
        case .stored(.conversationFull): accepted(.stored(.conversationFull), isHeld)
        case .stored(.busy): accepted(.stored(.busy), isHeld)
        case .stored(.noSuchPlace):
            settle(turns[index])
            refuse(turns[index], .noSuchPlace(for: turns[index].branch))
            written()
        case .fenced: accepted(.fenced, isHeld)
        case .failed(let error): accepted(.failed(error), isHeld)
        }
    }

    private mutating func accepted(
        _ turn: Turn, at index: Int, _ conversation: Conversation, isNew: Bool, startsNow: Bool
    ) {
        effect(.committed(receivedAt: turn.receivedAt))
        if suspended != nil, active == nil {
            // The database has declined what was open, which is in the history now.
            suspended = nil
            effect(.showAnew)
        }
        // One that waits for another gateway's run has that before it.
        let before = active == nil && turns.first?.isBehindAnothers != true ? 0 : 1
        let position = startsNow ? nil : index + before
        for (number, answer) in turn.answers.enumerated() {
            let status: ServerFrame.AckStatus = number > 0 ? .duplicate : startsNow ? .running : .queued
            effect(
                .answer(
                    answer,
                    .sent(
                        threadID: threadID, messageID: turn.message.id, runID: turn.runID, status,
                        position: number > 0 ? nil : position)))
            if answer.subscribes { effect(.join(answer, from: nil)) }
        }
        turns[index].answers = []
        if turn.branch != nil { effect(.showPath) }
        if isNew || conversation.wasAsleep { effect(.announce(conversation)) }
        if startsNow {
            begin(turns.remove(at: index))
        } else if !turn.cancellations.isEmpty || isStopping {
            withdraw(turns[index])
        } else if interruption != nil {
            turns.remove(at: index)
        }
        guard let active else { return }
        if isStopping || active.id == turn.interrupts { effect(.stop(active.id, .cancelled, nil)) }
    }

    // MARK: An end

    /// What the database refuses it would refuse again, so the run fails instead, with its text or without. Where even
    /// that is refused, it is the database that is not as it should be: the end is offered until it is, and nobody hears
    /// of an end before.
    mutating func ended(_ outcome: Ending) {
        guard case .end(let runID, let next)? = writing else { return }
        // It was lost meanwhile.
        guard let active, active.id == runID else { return written() }
        switch outcome {
        case .fenced:
            loseActive()
            written()
        case .refused(isBare: true): retry()
        case .refused(isBare: false):
            effect(.report("run \(runID): the database refused its end"))
            offer()
        case .failed: retry()
        case .stored(let status):
            self.active = nil
            effect(.finish(runID))
            let ack: ServerFrame.AckStatus = status == .cancelled ? .cancelled : .idle
            if status == .suspended {
                suspended = runID
                effect(.asked)
                if !active.turn.cancellations.isEmpty || isStopping {
                    decline(runID, as: .declined, for: active.turn.cancellations)
                }
            } else {
                for answer in active.turn.cancellations {
                    effect(.answerBehindEnd(answer, run: runID, ack))
                }
            }
            if let index = turns.firstIndex(where: { $0.runID == next }) { begin(turns.remove(at: index)) }
            written()
        }
    }

    mutating func withdrawn(_ outcome: StoreWrite<EndingOutcome>) {
        guard case .withdraw(let runID, _)? = writing else { return }
        if case .failed(let error) = outcome {
            if error == .rejected, retryDelay == 0 {
                effect(.report("run \(runID): the database refused its withdrawal"))
            }
            retry()
            return
        }
        if let index = withdrawing.firstIndex(where: { $0.runID == runID }) {
            let turn = withdrawing.remove(at: index)
            tell(turn.cancellations, .done(threadID: threadID, runID: runID, .cancelled))
        }
        written()
    }

    mutating func due(_ timer: Timer) {
        switch timer {
        case .retry: offer()
        case .askToBegin(let runID):
            guard let index = turns.firstIndex(where: { $0.runID == runID }) else { return }
            if turns[index].standing == .waiting(isAsked: true) { turns[index].standing = .waiting(isAsked: false) }
            goOn()
        case .claim(let runID):
            guard let claim = claims.first(where: { $0.turn.runID == runID }) else { return }
            effect(.claim(turn: runID, key: claim.key))
        }
    }
}
