/// A conversation that is held in memory because somebody is subscribed to it or something is under way in it.
///
/// What it writes to the database it writes one after the other: a turn is accepted, or a run's end stored, only
/// when the write before it is settled. So "does this turn start now?" and "which run comes next?" are decided on
/// what is committed, never on what may still fail.
final class ChatThread {
    let id: Identifier
    /// Held as long as the thread is in use, so that a write under way always finds it; the session lets go of the
    /// thread when it is not (`Session.release`), which ends the cycle.
    let session: Session
    let environment: any SessionEnvironment
    /// Made by this gateway and perhaps not stored yet.
    private let isNew: Bool
    /// As last heard of from the database.
    var conversation: Conversation?

    /// Turns without a run yet, in the order in which they will run.
    private(set) var turns: [Turn] = [] {
        // Not by the old value, for which the list would be copied at each change.
        didSet {
            environment.chatMetrics.waiting += turns.count - countedTurns
            countedTurns = turns.count
        }
    }
    private var countedTurns = 0
    private(set) var active: Run? {
        didSet { environment.chatMetrics.running += (active == nil ? 0 : 1) - (oldValue == nil ? 0 : 1) }
    }
    /// Counts the ends of runs, so that a history read in the meantime is known to be stale.
    private(set) var endings = 0

    private enum Write {
        case accept(Turn)
        case end(Run)
        case withdraw(Turn)
    }

    private var writes: [Write] = []
    private var isWriting = false
    /// Milliseconds until the write under way is offered again; 0: it is offered for the first time.
    private var retryDelay: UInt64 = 0
    /// Turns whose withdrawal is being stored.
    private var withdrawing: [Turn] = []
    /// The gateway goes down: what would begin ends with this.
    private var interruption: RunFailure?
    /// The conversation is about to be deleted: turns end as soon as they are stored.
    private var isStopping = false
    private var whenStopped: [() -> Void] = []

    var subscriptions: [Subscription] = []
    var logs: [(log: RunLog, expires: UInt64)] = []
    /// Up to here everything was handed to the sockets that keep up.
    var published: UInt64
    /// For the deltas of the message that is being streamed.
    var envelope: TextDeltaEnvelope?
    var coalescingTimer: UInt64?
    var logTimer: UInt64?
    private let base: UInt64

    /// The newest committed messages as far as the assistant needs them; `nil`: not read yet.
    private var recent: [Message]?

    init(id: Identifier, isNew: Bool, session: Session, environment: any SessionEnvironment) {
        self.id = id
        self.isNew = isNew
        self.session = session
        self.environment = environment
        base = environment.freshPosition()
        published = base
        recent = isNew ? [] : nil
    }

    /// The position up to which everything has been said.
    var newest: UInt64 { active?.machine.log.end ?? logs.last?.log.end ?? max(published, base) }

    /// It is this user's: the database has said so.
    var isKnown = false
    /// Subscribers whose history is being read.
    var readers: [Reader] = []
    /// Events are being handed out; see `publish`.
    var isPublishing = false

    var isUsed: Bool { !subscriptions.isEmpty || !readers.isEmpty || hasWork || !logs.isEmpty }
    var hasWork: Bool { active != nil || !turns.isEmpty || isWriting || !writes.isEmpty }

    /// Whether a run is in memory here, also one that has just ended.
    func holds(_ runID: Identifier) -> Bool {
        active?.id == runID || turns.contains { $0.runID == runID } || withdrawing.contains { $0.runID == runID }
            || logs.contains { $0.log.runID == runID }
    }

    func runID(ofClientID key: String) -> (message: Identifier, run: Identifier)? {
        let turn = active?.turn.clientID == key ? active?.turn : turns.first { $0.clientID == key }
        return turn.map { ($0.message.id, $0.runID) }
    }

    // MARK: Turns

    /// Turns behind the one that runs or is about to.
    private var waiting: Int { turns.count - (active == nil ? 1 : 0) }

    func send(_ turn: Turn, policy: ClientCommand.QueuePolicy) throws(ClientError) {
        guard retryDelay == 0 else { throw Self.notStored(retryAfter: 1) }
        let isOccupied = active != nil || !turns.isEmpty
        if isOccupied {
            if policy == .reject { throw ClientError(.busy, "A turn is under way in this conversation.") }
            guard waiting < environment.limits.queuedTurns else {
                throw ClientError(
                    .queueFull, "\(environment.limits.queuedTurns) turns are waiting in this conversation.")
            }
        }
        if isOccupied, policy == .interrupt {
            turn.interrupts = active?.id ?? turns.first?.runID
            turns.insert(turn, at: active == nil ? 1 : 0)
        } else {
            turns.append(turn)
        }
        write(.accept(turn))
    }

    /// Takes over a committed turn whose run nobody has: its acceptance was stored, but the answer got lost.
    func adopt(_ turn: Turn) {
        turn.isCommitted = true
        // It was stored before those that are not yet.
        turns.insert(turn, at: turns.firstIndex { !$0.isCommitted } ?? turns.count)
        if active == nil, turns.first === turn, !isWriting, writes.isEmpty {
            remove(turn)
            begin(turn)
        }
    }

    /// Cancels the running turn, or the one that `runID` names.
    func cancel(runID: Identifier?, answer: Answer) {
        let turn =
            turns.first { $0.runID == runID || (runID == nil && active == nil) }
            ?? withdrawing.first { $0.runID == runID }
        if let active, runID == nil || runID == active.id {
            guard hasRoom(active.cancellations, for: answer) else { return }
            active.cancellations.append(answer)
            active.stop(.cancelled)
        } else if let turn {
            guard hasRoom(turn.cancellations, for: answer) else { return }
            turn.cancellations.append(answer)
            if turn.isCommitted { withdraw(turn) }
        } else {
            answer.send(ServerFrame.ack(id: answer.id, threadID: id, runID: runID, status: .idle))
        }
    }

    private func hasRoom(_ waiting: [Answer], for answer: Answer) -> Bool {
        if waiting.count < environment.limits.waitingAnswers { return true }
        answer.send(ServerFrame.error(id: answer.id, Self.tooManyRequests))
        return false
    }

    static let tooManyRequests = ClientError(.rateLimited, "Too many requests wait for the same answer.", retryAfter: 1)

    /// Forgets a client that has gone: nothing that is under way subscribes it again.
    func forget(_ client: any SessionClient) {
        leave(client)
        for turn in turns { turn.answers.removeAll { $0.client === client } }
    }

    /// Cancels what runs and withdraws what waits; `stopped` is called when that is stored, at once where there is
    /// nothing.
    func stopTurns(_ stopped: @escaping () -> Void) {
        guard hasWork || !withdrawing.isEmpty else { return stopped() }
        whenStopped.append(stopped)
        isStopping = true
        for turn in turns where turn.isCommitted { withdraw(turn) }
        active?.stop(.cancelled)
    }

    /// Its conversation is gone: nobody hears of it any longer.
    func letGo() {
        isKnown = false
        subscriptions.removeAll()
        forgetHistory()
    }

    /// What is remembered of the messages is no longer what is stored.
    func forgetHistory() {
        recent = nil
        logs.removeAll()
    }

    func interrupt(_ failure: RunFailure) {
        interruption = failure
        for turn in turns where turn.isCommitted { withdraw(turn) }
        active?.stop(.interrupted, failure: failure)
    }

    var unfinishedRuns: [ServerFrame.UnfinishedRun] {
        var runs: [ServerFrame.UnfinishedRun] = []
        if let active { runs.append(.init(threadID: id, runID: active.id, status: .running)) }
        for turn in turns where turn.isCommitted && !turn.isWithdrawn {
            runs.append(.init(threadID: id, runID: turn.runID, status: .queued))
        }
        return runs
    }

    private func withdraw(_ turn: Turn) {
        guard !turn.isWithdrawn else { return }
        turn.isWithdrawn = true
        remove(turn)
        withdrawing.append(turn)
        write(.withdraw(turn))
    }

    private func remove(_ turn: Turn) {
        turns.removeAll { $0 === turn }
    }

    // MARK: Writes

    func store(endOf run: Run) {
        write(.end(run))
    }

    private func write(_ write: Write) {
        writes.append(write)
        writeNext()
    }

    private func writeNext() {
        guard !isWriting, !writes.isEmpty else { return }
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
        writeNext()
        if active == nil, !isWriting, let first = turns.first, first.isCommitted {
            remove(first)
            begin(first)
        }
        if isStopping, !hasWork, withdrawing.isEmpty {
            isStopping = false
            let told = whenStopped
            whenStopped = []
            for stopped in told { stopped() }
        }
        session.release(self)
    }

    private func accept(_ turn: Turn) {
        let isNew = conversation == nil && isNew
        let startsNow = active == nil && turns.first === turn
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
            if case .failure(let error) = result, error == .unknown || turn.isInDoubt, error != .rejected {
                turn.isInDoubt = true
                tell(turn, Self.notStored(retryAfter: 2))
                retry { self.offer(newTurn, of: turn) }
                return
            }
            session.settled(turn)
            switch result {
            case .success(.accepted(let conversation, _)):
                accepted(turn, conversation, isNew: newTurn.isNewThread, startsNow: newTurn.startsNow)
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
        self.conversation = conversation
        if let received = turn.receivedAt {
            environment.chatMetrics.acknowledged(after: environment.nowNanoseconds &- received)
        }
        let position = startsNow ? nil : (turns.firstIndex { $0 === turn } ?? 0) + (active == nil ? 0 : 1)
        for (index, answer) in turn.answers.enumerated() {
            answer.send(
                ServerFrame.ack(
                    id: answer.id, threadID: id, messageID: turn.message.id, runID: turn.runID,
                    status: index > 0 ? .duplicate : startsNow ? .running : .queued,
                    position: index > 0 ? nil : position))
            if let client = answer.client { join(client) }
        }
        turn.answers = []
        if isNew || conversation.wasAsleep { session.announce(conversation) }
        if startsNow {
            remove(turn)
            begin(turn)
        } else if !turn.cancellations.isEmpty || interruption != nil || isStopping {
            withdraw(turn)
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
        let messages = run.machine.messages()
        let next = turns.first { $0.isCommitted }
        let ending = RunEnding(
            userID: session.userID, threadID: id, runID: run.id, status: status, messages: messages,
            usage: run.machine.usage, failure: run.machine.failure, nextRunID: next?.runID)
        offer(ending, of: run, next: next)
    }

    /// Offered again it is the same ending to the letter, since the one before may have been stored after all.
    private func offer(_ ending: RunEnding, of run: Run, next: Turn?) {
        environment.store.end(ending) { [self] result in
            switch result {
            case .success(let outcome):
                if case .stored(let updatedAt) = outcome { conversation?.updatedAt = updatedAt }
                recent?.append(contentsOf: ending.messages)
            case .failure(.rejected):
                // It will be refused again, and a run without end is worse than a reply that is not stored.
                environment.report("run \(run.id): the database refused its end")
            case .failure:
                retry { self.offer(ending, of: run, next: next) }
                return
            }
            ended(run, next: next)
            written()
        }
    }

    private func ended(_ run: Run, next: Turn?) {
        run.machine.stored()
        publish()
        endings += 1
        keep(run.machine.log)
        envelope = nil
        active = nil
        measure(run)
        let status: ServerFrame.AckStatus = run.machine.state == .ended(.cancelled) ? .cancelled : .idle
        for answer in run.cancellations + run.turn.cancellations {
            answer.send(ServerFrame.ack(id: answer.id, threadID: id, runID: run.id, status: status))
        }
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
            userID: session.userID, threadID: id, runID: turn.runID,
            status: turn.cancellations.isEmpty && !isStopping ? .interrupted : .cancelled, messages: [],
            failure: turn.cancellations.isEmpty ? interruption : nil,
            nextRunID: active == nil ? turns.first { $0.isCommitted }?.runID : nil)
        offer(ending, ofWithdrawn: turn)
    }

    private func offer(_ ending: RunEnding, ofWithdrawn turn: Turn) {
        environment.store.end(ending) { [self] result in
            switch result {
            case .success: break
            case .failure(.rejected):
                environment.report("run \(turn.runID): the database refused its withdrawal")
            case .failure:
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
        _ = environment.schedule(after: retryDelay, action)
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

    // MARK: Runs

    private func begin(_ turn: Turn) {
        let run = Run(turn: turn, thread: self, environment: environment)
        active = run
        run.start()
        if !turn.cancellations.isEmpty || interruption != nil {
            turn.cancellations.isEmpty ? run.stop(.interrupted, failure: interruption) : run.stop(.cancelled)
            remember(turn.message)
            return
        }
        let wanted = min(environment.agent.historyWanted, environment.limits.contextMessages)
        if wanted == 0 {
            recent = nil
            run.begin(history: [])
        } else if let recent {
            remember(turn.message)
            run.begin(history: HistoryWindow.select(recent, limit: wanted))
        } else {
            readHistory(for: run, wanted: wanted)
        }
    }

    private func readHistory(for run: Run, wanted: Int) {
        environment.store.newestMessages(userID: session.userID, threadID: id, limit: wanted + 10) { [self] result in
            guard active === run else { return }
            switch result {
            case .success(let page):
                let others = Set(turns.map(\.message.id) + [run.turn.message.id])
                let messages = (page?.messages ?? []).filter { !others.contains($0.id) }
                recent = messages
                remember(run.turn.message)
                run.begin(history: HistoryWindow.select(messages, limit: wanted))
            case .failure:
                run.fail(.internal, "The conversation could not be read.")
            }
        }
    }

    /// Keeps what the next turn's assistant will want to see, and no more.
    private func remember(_ message: Message) {
        guard recent != nil else { return }
        recent?.append(message)
        let bound = environment.limits.contextMessages + 20
        if let count = recent?.count, count > bound { recent?.removeFirst(count - bound) }
    }
}
