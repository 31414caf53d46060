import Strings

/// What is decided in a conversation: its turns and their queue, its one run at a time, and what is written of them.
/// Events come in, effects go out, to be carried out when the state has settled; no clock, no randomness, no I/O.
///
/// What it writes to the database it writes one after the other: a turn is accepted, or a run's end stored, only when the
/// write before it is settled. So "does this turn start now?" and "which run comes next?" are decided on what is
/// committed, never on what may still fail.
///
/// ```
///           send             accepted, none is active
///  (sought) ────▶ unstored ─────────────────────────────▶ running ──canEnd──▶ ending ──ended──▶ (gone)
///                    │ accepted                             ▲ ▲                  │
///                    ▼          the end before it is stored │ │ none is active   │ the next one
///                 waiting ──────────────────────────────────┘ │ anywhere         │
///                    │  cancel                                placed ◀────────────┘
///                    ▼
///                 withdrawing ──withdrawn──▶ (gone)
/// ```
///
/// What a run says is the matter of `RunMachine`; this one knows when it begins, whether its end may be stored, and what
/// comes behind it.
package struct ConversationMachine {
    package let threadID: Identifier
    /// Made by this gateway and perhaps not stored yet.
    var isNew: Bool
    private let queuedTurns: Int
    let waitingAnswers: Int

    /// Turns without a run yet, in the order in which they will run.
    package internal(set) var turns: [Turn] = []
    package internal(set) var active: ActiveRun?
    /// Turns whose withdrawal is being stored.
    package internal(set) var withdrawing: [Turn] = []
    /// Turns that are refused, unless their client's id was used before: the database is asked.
    package internal(set) var sought: [SoughtTurn] = []
    /// Runs that are stored and not here, while the database is asked whose they are: until it is known, nothing else
    /// begins.
    package internal(set) var claims: [Claim] = []
    /// The database did not say so far: what comes meanwhile is refused.
    package internal(set) var isClaimLate = false

    /// The run that waits for a person, where one is known to.
    package internal(set) var suspended: Identifier?
    /// What was answered to it, or declined, on its way to the database.
    package internal(set) var resumes: [PendingResume] = []
    package internal(set) var declining: [Declining] = []

    /// What the assistant is to say by itself, before the turns that wait.
    package internal(set) var unasked: [UnaskedMessage] = []

    var writes: [PendingWrite] = []
    /// The write under way.
    package internal(set) var writing: Write?
    /// Milliseconds until the write under way is offered again; 0: it is offered for the first time.
    package internal(set) var retryDelay: UInt64 = 0

    /// The gateway goes down, and nothing begins any more: with this what runs has ended.
    var interruption: RunFailure?
    var isDraining: Bool
    /// The conversation is about to be deleted: turns end as soon as they are stored.
    package internal(set) var isStopping = false
    /// This process was taken for dead, and all that it has is another gateway's.
    package private(set) var isAbandoned = false
    private var effects: [Effect] = []

    /// The run at work. One that waits for a person is at work no more: it is rows.
    package struct ActiveRun {
        package enum Phase: Sendable, Equatable {
            /// Its assistant is at work, or was told to stop.
            case running
            /// What there is to store is known, and on its way.
            case ending
        }

        package var turn: Turn
        package var phase = Phase.running
        /// It ends to wait for a person.
        package var suspends = false
        package var id: Identifier { turn.runID }
    }

    package struct SoughtTurn {
        package var turn: Turn
        package let refusal: ClientError
        var isSecond = false
    }

    /// A repeated turn whose run is stored, has not ended, and is not here.
    package struct Claim {
        package let turn: Turn
        package let messageID: Identifier
        package let runID: Identifier
        let key: String
    }

    enum PendingWrite {
        case accept(Identifier)
        case end(Identifier)
        case withdraw(Identifier)
        case resume(Identifier)
        case decline(Identifier)
    }

    /// A write as it is offered, the first time and again: the same to the letter, since the one before may have been
    /// stored after all.
    package enum Write: Sendable, Equatable {
        case accept(run: Identifier, startsNow: Bool, isNew: Bool)
        case end(run: Identifier, next: Identifier?)
        case withdraw(run: Identifier, next: Identifier?)
        case tell(UnaskedMessage)
        case resume(run: Identifier)
        case decline(run: Identifier)
    }

    package init(threadID: Identifier, isNew: Bool, isDraining: Bool = false, limits: ChatLimits) {
        self.threadID = threadID
        self.isNew = isNew
        self.isDraining = isDraining
        queuedTurns = limits.queuedTurns
        waitingAnswers = limits.waitingAnswers
    }

    // MARK: What it is asked

    /// Something runs, waits or is being written; since the newest event. Kept, so that who asks copies nothing else.
    package private(set) var hasWork = false
    /// The same, or the database is asked.
    package private(set) var isUsed = false
    private var isAtWork: Bool {
        active != nil || !turns.isEmpty || writing != nil || !writes.isEmpty || !unasked.isEmpty
    }
    /// Nothing is on its way to the database or asked of it that decides what comes next.
    var isSettled: Bool { writing == nil && claims.isEmpty }
    /// The database does not answer: what is under way is offered or asked again, and nothing is taken behind it.
    var isHeldUp: Bool { retryDelay > 0 || isClaimLate }

    /// Whether it has a run: at work, waiting, or being withdrawn.
    package func holds(_ runID: Identifier) -> Bool {
        active?.id == runID || turns.contains { $0.runID == runID } || isWithdrawing(runID)
    }

    package func isWithdrawing(_ runID: Identifier) -> Bool { withdrawing.contains { $0.runID == runID } }

    package var unfinishedRuns: [ServerFrame.UnfinishedRun] {
        var runs: [ServerFrame.UnfinishedRun] = []
        if let active { runs.append(.init(threadID: threadID, runID: active.id, status: .running)) }
        if let suspended { runs.append(.init(threadID: threadID, runID: suspended, status: .suspended)) }
        for turn in turns where turn.isStored {
            runs.append(.init(threadID: threadID, runID: turn.runID, status: .queued))
        }
        return runs
    }

    // MARK: Events

    package mutating func handle(_ event: Event) -> [Effect] {
        var decided: [Effect] = []
        handle(event, into: &decided)
        return decided
    }

    /// The same, behind what was decided before: no array is made for it.
    package mutating func handle(_ event: Event, into decided: inout [Effect]) {
        guard !isAbandoned else { return }
        swap(&effects, &decided)
        switch event {
        case .send(let turn, let policy, let refusal): send(turn, policy, refusal)
        case .sendAgain(let runID, let answer): sendAgain(runID, answer)
        case .cancel(let runID, let answer): cancel(runID, answer)
        case .unsubscribed(let client): change { if $0.isDue(to: client) { $0.subscribes = false } }
        case .gone(let client): forget(client)
        case .duplicate(let turn, let message, let run, let isOver): duplicate(turn, message, run, isOver: isOver)
        case .adopt(let turn): adopt(turn)
        case .tell(let message): tell(message)
        case .told: told()
        case .stop: stop()
        case .allow: allow()
        case .drain: isDraining = true
        case .interrupt(let failure): interrupt(failure)
        case .abandon: abandon()
        case .canEnd(let runID): canEnd(runID)
        case .canSuspend(let runID): canEnd(runID, suspends: true)
        case .asks(let runID): asks(runID)
        case .resume(let request): resume(request)
        case .resumed(let outcome): resumed(outcome)
        case .declined(let outcome): declined(outcome)
        case .expired(let runID): if suspended == runID { decline(runID, as: .expired, for: []) }
        case .lost(let runID): lost(runID)
        case .accepted(let outcome, let isHeld): accepted(outcome, isHeld)
        case .branched(let outcome, let isHeld): branched(outcome, isHeld)
        case .ended(let outcome): ended(outcome)
        case .withdrawn(let outcome): withdrawn(outcome)
        case .begun(let runID, let outcome): begun(runID, outcome)
        case .found(let runID, let result, let isHeld): found(runID, result, isHeld)
        case .claimed(let runID, let result, let isHeld): claimed(runID, result, isHeld)
        case .due(let timer): due(timer)
        }
        hasWork = isAtWork
        isUsed = hasWork || !claims.isEmpty || !sought.isEmpty
        swap(&effects, &decided)
    }

    mutating func effect(_ effect: Effect) { effects.append(effect) }

    // MARK: Turns

    /// Turns behind the one that runs or is about to.
    private var waiting: Int { turns.count - (active == nil ? 1 : 0) }

    private mutating func send(_ turn: Turn, _ policy: ClientCommand.QueuePolicy, _ refused: ClientError?) {
        if let key = turn.clientID, let known = known(byClient: key) {
            // A repetition does nothing, also where a new message would be refused or interrupt.
            effect(.settled(run: turn.runID, key: key))
            duplicate(turn, known.message.id, known.runID, isOver: false)
            return
        }
        if let refusal = refused ?? refusal(of: policy) {
            guard let key = turn.clientID else {
                refuse(turn, refusal)
                return
            }
            // The id may be one that was used before: then the answer is the old one, whatever is under way here.
            sought.append(SoughtTurn(turn: turn, refusal: refusal))
            effect(.find(run: turn.runID, key: key))
            return
        }
        var turn = turn
        turn.waits = policy != .reject
        if policy == .interrupt, let first = active?.id ?? turns.first?.runID {
            turn.interrupts = first
            turns.insert(turn, at: active == nil ? 1 : 0)
        } else {
            turns.append(turn)
        }
        write(.accept(turn.runID))
    }

    private func refusal(of policy: ClientCommand.QueuePolicy) -> ClientError? {
        if isHeldUp { return .notStored(retryAfter: 1) }
        guard active != nil || !turns.isEmpty || suspended != nil else { return nil }
        if policy == .reject { return ClientError(.busy, "A turn is under way in this conversation.") }
        guard waiting >= queuedTurns else { return nil }
        return ClientError(.queueFull, "\(queuedTurns) turns are waiting in this conversation.")
    }

    private func known(byClient key: String) -> Turn? {
        if let active, active.turn.clientID.isExactly(key) { return active.turn }
        return turns.first { $0.clientID.isExactly(key) }
    }

    /// The same message again while it is being stored: one message, and everyone hears of it.
    private mutating func sendAgain(_ runID: Identifier, _ answer: Answer) {
        func join(_ turn: inout Turn) -> ClientError? {
            if turn.answers.count >= waitingAnswers { return .tooManyRequests }
            if turn.standing == .inDoubt { return .notStored(retryAfter: 2) }
            turn.answers.append(answer)
            return nil
        }
        var refusal: ClientError?
        if let index = turns.firstIndex(where: { $0.runID == runID }) {
            refusal = join(&turns[index])
        } else if let index = sought.firstIndex(where: { $0.turn.runID == runID }) {
            refusal = join(&sought[index].turn)
        } else {
            refusal = .notStored(retryAfter: 1)
        }
        if let refusal { effect(.answer(answer, .refused(refusal))) }
    }

    /// What was said of a turn that would be refused.
    ///
    /// An answer that says of a run which is not in memory that it has not ended may have been overtaken by the end of
    /// that run. Asked again, with the run certainly not in memory, the answer stands.
    private mutating func found(_ runID: Identifier, _ result: Result<SentTurn?, StoreError>, _ isHeld: Bool) {
        guard let index = sought.firstIndex(where: { $0.turn.runID == runID }),
            let key = sought[index].turn.clientID
        else { return }
        if case .success(let sent?) = result, !sent.runEnded, !sought[index].isSecond, !isHeld {
            sought[index].isSecond = true
            effect(.find(run: runID, key: key))
            return
        }
        let (turn, refusal) = (sought[index].turn, sought[index].refusal)
        sought.remove(at: index)
        effect(.settled(run: runID, key: key))
        switch result {
        case .success(let sent?): effect(.duplicate(turn, of: sent))
        case .success(nil): tell(turn.answers, .refused(refusal))
        case .failure(let error): tell(turn.answers, .refused(.notRead(error)))
        }
    }

    /// Cancels the running turn, or the one that `runID` names.
    private mutating func cancel(_ runID: Identifier?, _ answer: Answer) {
        if let active, runID == nil || runID == active.id {
            guard hasRoom(active.turn.cancellations, for: answer) else { return }
            self.active?.turn.cancellations.append(answer)
            effect(.stop(active.id, .cancelled, nil))
        } else if let index = turns.firstIndex(where: { $0.runID == runID || (runID == nil && active == nil) }) {
            guard hasRoom(turns[index].cancellations, for: answer) else { return }
            turns[index].cancellations.append(answer)
            if turns[index].isStored { withdraw(turns[index]) }
        } else if let index = withdrawing.firstIndex(where: { $0.runID == runID }) {
            guard hasRoom(withdrawing[index].cancellations, for: answer) else { return }
            withdrawing[index].cancellations.append(answer)
        } else if let suspended, runID == nil || runID == suspended {
            guard hasRoom(declining.flatMap(\.answers), for: answer) else { return }
            decline(suspended, as: .declined, for: [answer])
        } else {
            effect(.answer(answer, .done(threadID: threadID, runID: runID, .idle)))
        }
    }

    private mutating func hasRoom(_ waiting: [Answer], for answer: Answer) -> Bool {
        if waiting.count < waitingAnswers { return true }
        effect(.answer(answer, .refused(.tooManyRequests)))
        return false
    }

    mutating func withdraw(_ turn: Turn) {
        remove(turn.runID)
        withdrawing.append(turn)
        write(.withdraw(turn.runID))
    }

    mutating func remove(_ runID: Identifier) { turns.removeAll { $0.runID == runID } }

    mutating func tell(_ answers: [Answer], _ reply: Reply) {
        for answer in answers { effect(.answer(answer, reply)) }
    }

    mutating func refuse(_ turn: Turn, _ error: ClientError) {
        remove(turn.runID)
        tell(turn.answers, .refused(error))
        tell(turn.cancellations, .done(threadID: threadID, runID: turn.runID, .idle))
    }

    /// A client that has gone: nothing that is under way subscribes it again.
    private mutating func forget(_ client: any SessionClient) {
        for index in turns.indices { turns[index].answers.removeAll { $0.isDue(to: client) } }
    }

    private mutating func change(_ body: (inout Answer) -> Void) {
        for turn in turns.indices {
            for index in turns[turn].answers.indices { body(&turns[turn].answers[index]) }
        }
    }

    // MARK: The run

    mutating func begin(_ turn: Turn) {
        if interruption != nil, turn.cancellations.isEmpty { return }
        active = ActiveRun(turn: turn)
        effect(.begin(turn, isWorking: turn.cancellations.isEmpty && turn.expectsAnswer))
        if !turn.cancellations.isEmpty {
            effect(.stop(turn.runID, .cancelled, nil))
        } else if !turn.expectsAnswer {
            effect(.stop(turn.runID, .completed, nil))
        }
    }

    private mutating func canEnd(_ runID: Identifier, suspends: Bool = false) {
        guard active?.id == runID, active?.phase == .running else { return }
        active?.phase = .ending
        active?.suspends = suspends
        write(.end(runID))
    }

    /// A run that another gateway has taken over: it ends here without an end of its own, and whoever is subscribed is
    /// shown what is stored.
    mutating func lost(_ runID: Identifier) {
        guard active?.id == runID else { return }
        loseActive()
        if writing == nil { goOn() }
    }

    mutating func loseActive() {
        guard let run = active?.id else { return }
        active = nil
        effect(.abandon(run))
        // Whose place those have that wait behind it, the database knows.
        for index in turns.indices where turns[index].standing == .placed {
            turns[index].standing = .waiting(isAsked: false)
        }
        effect(.showAnew)
    }

    // MARK: The end of it all

    /// Cancels what runs and withdraws what waits; `stopped` follows when that is stored, at once where there is nothing.
    private mutating func stop() {
        guard isAtWork || !withdrawing.isEmpty else { return effect(.stopped) }
        isStopping = true
        unasked.removeAll()
        suspended = nil
        for turn in turns where turn.isStored { withdraw(turn) }
        if let active { effect(.stop(active.id, .cancelled, nil)) }
    }

    /// The conversation is not deleted after all, or nothing is left that its deletion waits for.
    mutating func allow() {
        isStopping = false
        effect(.stopped)
    }

    /// The gateway goes down. What waits is left as it is stored: the next process runs it, as after a crash.
    private mutating func interrupt(_ failure: RunFailure) {
        interruption = failure
        unasked.removeAll()
        turns.removeAll { $0.isStored }
        if let active { effect(.stop(active.id, .interrupted, failure)) }
    }

    /// All of it is another gateway's: nothing is written, asked, begun or said here any more.
    private mutating func abandon() {
        isAbandoned = true
        if let active { effect(.abandon(active.id)) }
        active = nil
        turns.removeAll()
        unasked.removeAll()
        writes.removeAll()
        writing = nil
        withdrawing.removeAll()
        sought.removeAll()
        claims.removeAll()
        suspended = nil
        resumes.removeAll()
        declining.removeAll()
        effect(.stopped)
    }

    /// The write before is settled, or the run that was looked for is found or not.
    mutating func goOn() {
        writeNext()
        tellNext()
        if active == nil, isSettled, let first = turns.first, first.isStored {
            switch first.standing {
            case .waiting(isAsked: false):
                turns[0].standing = .waiting(isAsked: true)
                effect(.askToBegin(first.runID))
            case .placed:
                turns.removeFirst()
                begin(first)
            case .waiting, .unstored, .inDoubt: break
            }
        }
        if isStopping, !isAtWork, withdrawing.isEmpty { allow() }
    }

}
