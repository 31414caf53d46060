import Strings

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
    let isNew: Bool
    /// As last heard of from the database.
    var conversation: Conversation?

    /// Turns without a run yet, in the order in which they will run.
    var turns: [Turn] = [] {
        // Not by the old value, for which the list would be copied at each change.
        didSet {
            environment.chatMetrics.waiting += turns.count - countedTurns
            countedTurns = turns.count
        }
    }
    private var countedTurns = 0
    var active: Run? {
        didSet { environment.chatMetrics.running += (active == nil ? 0 : 1) - (oldValue == nil ? 0 : 1) }
    }
    /// Counts the turns accepted and the ends of runs, so that a history read in the meantime is known to be stale.
    var changes = 0

    enum Write {
        case accept(Turn)
        case end(Run)
        case withdraw(Turn)
    }

    var writes: [Write] = []
    var isWriting = false
    /// Milliseconds until the write under way is offered again; 0: it is offered for the first time.
    var retryDelay: UInt64 = 0
    /// Turns whose withdrawal is being stored.
    var withdrawing: [Turn] = []
    /// The gateway goes down, and nothing begins any more: with this what runs has ended.
    var interruption: RunFailure?
    /// This process was taken for dead, and all that it has is another gateway's.
    private(set) var isAbandoned = false
    /// The conversation is about to be deleted: turns end as soon as they are stored.
    var isStopping = false
    var whenStopped: [() -> Void] = []

    // What each token looks at: nothing is called while one of them is in use.
    @exclusivity(unchecked) var subscriptions: [Subscription] = []
    /// Up to here everything was handed to the sockets that keep up.
    @exclusivity(unchecked) var published: UInt64
    /// For the deltas of the message that is being streamed.
    @exclusivity(unchecked) var envelope: TextDeltaEnvelope?
    @exclusivity(unchecked) var coalescingTimer: UInt64?
    var logs: [(log: RunLog, expires: UInt64)] = []
    /// Milliseconds, of the limits; looked at for each token.
    let coalescingWindow: UInt64
    var logTimer: UInt64?
    private let base: UInt64

    /// The newest committed messages as far as the assistant needs them; `nil`: not read yet.
    var recent: [Message]?

    init(id: Identifier, isNew: Bool, session: Session, environment: any SessionEnvironment) {
        self.id = id
        self.isNew = isNew
        self.session = session
        self.environment = environment
        coalescingWindow = environment.limits.coalescingWindow
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
    /// Runs that are stored and not here, while the database is asked whose they are: until it is known, nothing else
    /// begins.
    var claims = 0
    /// The database did not say so far: what comes meanwhile is refused.
    var isClaimLate = false
    /// Runs of other gateways whose end is waited for, and what the last look at them said.
    var watched: [Identifier: Look] = [:]

    enum Look {
        case underWay, unanswered
    }

    /// Nothing is on its way to the database or asked of it that decides what comes next.
    var isSettled: Bool { !isWriting && claims == 0 }
    /// The database does not answer: what is under way is offered or asked again, and nothing is taken behind it.
    var isHeldUp: Bool { retryDelay > 0 || isClaimLate }
    /// Events are being handed out; see `publish`.
    @exclusivity(unchecked) var isPublishing = false

    var isUsed: Bool {
        !subscriptions.isEmpty || !readers.isEmpty || hasWork || !logs.isEmpty || claims > 0 || !watched.isEmpty
    }
    var hasWork: Bool { active != nil || !turns.isEmpty || isWriting || !writes.isEmpty }

    /// Whether a run is in memory here, also one that has just ended.
    func holds(_ runID: Identifier) -> Bool {
        active?.id == runID || turns.contains { $0.runID == runID } || isWithdrawing(runID)
            || logs.contains { $0.log.runID == runID }
    }

    func isWithdrawing(_ runID: Identifier) -> Bool { withdrawing.contains { $0.runID == runID } }

    func runID(ofClientID key: String) -> (message: Identifier, run: Identifier)? {
        let turn =
            active?.turn.clientID.isExactly(key) == true
            ? active?.turn : turns.first { $0.clientID.isExactly(key) }
        return turn.map { ($0.message.id, $0.runID) }
    }

    // MARK: Turns

    /// Turns behind the one that runs or is about to.
    private var waiting: Int { turns.count - (active == nil ? 1 : 0) }

    func send(_ turn: Turn, policy: ClientCommand.QueuePolicy) throws(ClientError) {
        guard !isHeldUp else { throw Self.notStored(retryAfter: 1) }
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
    ///
    /// - Parameter isRunning: whether it is the conversation's active one in the database; `nil`: it is, or it waits for
    ///   one that is here.
    func adopt(_ turn: Turn, isRunning: Bool? = nil) {
        guard interruption == nil else { return }
        turn.isCommitted = true
        turn.needsPlace = isRunning != true
        // Before those that wait for it: they would ask for its place for ever. Otherwise where it was stored, which was
        // before those that are not yet.
        let behind = turns.firstIndex { !$0.isCommitted || ($0.position ?? 0) > (turn.position ?? .max) }
        turns.insert(turn, at: isRunning == true ? 0 : behind ?? turns.count)
        if active == nil, turns.first === turn, isSettled, writes.isEmpty { goOn() }
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

    // MARK: Other gateways

    /// A run that another gateway has taken over: it ends here without an end of its own, and whoever is subscribed is
    /// shown what is stored.
    func abandon(_ run: Run) {
        guard active === run else { return }
        run.abandon()
        active = nil
        envelope = nil
        changes += 1
        forgetHistory()
        // Whose place those have that wait behind it, the database knows.
        for turn in turns where turn.isCommitted { turn.needsPlace = true }
        session.refresh(threadID: id)
        if !isWriting { goOn() }
    }

    /// All of it is another gateway's: nothing is written, asked, begun or said here any more.
    func abandon() {
        isAbandoned = true
        active?.abandon()
        active = nil
        turns.removeAll()
        writes.removeAll()
        withdrawing.removeAll()
        subscriptions.removeAll()
        readers.removeAll()
        watched.removeAll()
        logs.removeAll()
        for timer in [coalescingTimer, logTimer].compactMap({ $0 }) { environment.cancel(timer: timer) }
        coalescingTimer = nil
        logTimer = nil
        let told = whenStopped
        whenStopped = []
        for stopped in told { stopped() }
    }

    /// Asks until the run of another gateway that holds this one up has ended.
    func askForPlace(of turn: Turn) {
        guard !turn.asksForPlace else { return }
        turn.asksForPlace = true
        environment.store.begin(userID: session.userID, runID: turn.runID) { [self] result in
            guard !isAbandoned, turns.contains(where: { $0 === turn }) else { return }
            switch result {
            case .success(.begun):
                turn.needsPlace = false
                // The other gateway's reply is stored by now, and was not shown here.
                changes += 1
                forgetHistory()
                session.refresh(threadID: id)
            case .success(.gone), .failure(.fenced):
                remove(turn)
                session.refresh(threadID: id)
            case .success(.waits(let active))
            where turns.contains { $0.runID == active && $0 !== turn && $0.isCommitted }:
                // One of those that wait here has the place: what is first here was taken over behind it, or has gone
                // before it. The database decides, else each would wait for the other for ever.
                advance(active)
            case .success(.waits), .failure:
                _ = environment.schedule(after: Session.lookInterval) { [self] in
                    turn.asksForPlace = false
                    if !isAbandoned { goOn() }
                }
                return
            }
            turn.asksForPlace = false
            goOn()
        }
    }

    private func advance(_ runID: Identifier?) {
        guard let index = turns.firstIndex(where: { $0.runID == runID }) else { return }
        turns.insert(turns.remove(at: index), at: 0)
    }

    /// Forgets a client that has gone: nothing that is under way subscribes it again.
    func forget(_ client: any SessionClient) {
        leave(client)
        for turn in turns { turn.answers.removeAll { $0.isDue(to: client) } }
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

    /// The conversation is not deleted after all.
    func goOnAfterStop() {
        isStopping = false
        let told = whenStopped
        whenStopped = []
        for stopped in told { stopped() }
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

    /// The gateway goes down. What waits is left as it is stored: the next process runs it, as after a crash.
    func interrupt(_ failure: RunFailure) {
        interruption = failure
        turns.removeAll { $0.isCommitted }
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

    func withdraw(_ turn: Turn) {
        guard !turn.isWithdrawn else { return }
        turn.isWithdrawn = true
        remove(turn)
        withdrawing.append(turn)
        write(.withdraw(turn))
    }

    func remove(_ turn: Turn) {
        turns.removeAll { $0 === turn }
    }

    // MARK: Runs

    func begin(_ turn: Turn) {
        if interruption != nil, turn.cancellations.isEmpty { return }
        let run = Run(turn: turn, thread: self, environment: environment)
        active = run
        run.start()
        if !turn.cancellations.isEmpty {
            run.stop(.cancelled)
            remember(turn.message)
            return
        }
        // The message itself is the newest of those that the assistant sees.
        let wanted = min(environment.agent.historyWanted, environment.limits.contextMessages - 1)
        if wanted <= 0 {
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
            guard active === run, !isAbandoned else { return }
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
