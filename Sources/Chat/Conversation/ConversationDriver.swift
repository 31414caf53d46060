import Strings
import Tracing

/// A conversation that is held in memory because somebody is subscribed to it or something is under way in it: carries
/// out what its machine decides, through the ports.
///
/// Effects are carried out in the order in which they were decided, each when the state has settled. What comes in
/// meanwhile, from within a frame that a client is given or an assistant that answers at once, goes to the machine at
/// once, and its effects behind those that are due.
final class ConversationDriver: FeedOwner {
    let id: Identifier
    let userID: String
    /// Held as long as the conversation is in use, so that a write under way always finds it; the session lets go of it
    /// when it is not (`Session.release`), which ends the cycle.
    private let session: Session
    private let environment: any SessionEnvironment
    let feed: Feed
    // Each event comes by these, and nothing else comes in while one is changed.
    @exclusivity(unchecked) private(set) var machine: ConversationMachine
    /// Decided and not carried out yet, and what is being carried out.
    @exclusivity(unchecked) private var effects: [ConversationMachine.Effect] = []
    /// The run at work, with the assistant.
    private var run: Run?
    private var history: RecentHistory
    /// The newest position that is known to be taken: of a message that was accepted, stored or read.
    private var stored = 0
    /// Another path is shown than the one that has run here: what an assistant is shown is read each time.
    private var hasBranched = false
    /// It is this user's: the database has said so.
    private(set) var isKnown = false
    private var whenStopped: [() -> Void] = []
    /// When what is open ends to be, microseconds since 1970.
    private var expiresAt = Int64.max
    /// What stores the messages that nobody asked for, by their keys.
    private var storing: [Int64: (@escaping (UnaskedOutcome) -> Void) -> Void] = [:]
    @exclusivity(unchecked) private var counted = (waiting: 0, running: 0)

    init(
        id: Identifier, isNew: Bool, session: Session, buffer: EncodingBuffer, environment: any SessionEnvironment
    ) {
        self.id = id
        self.session = session
        self.environment = environment
        userID = session.userID
        feed = Feed(threadID: id, userID: session.userID, environment: environment, buffer: buffer)
        machine = ConversationMachine(
            threadID: id, isNew: isNew, isDraining: session.isDraining, limits: environment.limits)
        history = RecentHistory(isNew: isNew, contextMessages: environment.limits.contextMessages)
        feed.owner = self
    }

    // MARK: What it is asked

    var isUsed: Bool { machine.isUsed || feed.isUsed }
    var hasWork: Bool { machine.hasWork }
    var isDraining: Bool { session.isDraining }
    var timeZone: String? { session.timeZone }
    var agent: any Agent { environment.agents.agent(for: id, of: userID) }

    /// Messages that the conversation still takes; those count that are on their way to the database.
    var room: Int {
        environment.limits.messagesPerConversation - stored - machine.turns.count { !$0.isStored }
    }

    /// The database sees to the bound, but does not know of what the running reply is about to leave.
    var refusalForRoom: ClientError? {
        guard let run, room <= run.machine.places else { return nil }
        return ClientError(.conversationFull, "This conversation is full. Please start a new one.")
    }

    /// Whether a run is in memory here, also one that has just ended.
    func holds(_ runID: Identifier) -> Bool { machine.holds(runID) || feed.holdsLog(of: runID) }

    func isFound() { isKnown = true }

    func release() { session.release(self) }

    // MARK: What it is told

    func handle(_ event: ConversationMachine.Event) {
        if case .adopt(let turn) = event { stored = max(stored, turn.position ?? 0) }
        let isUnderWay = !effects.isEmpty
        machine.handle(event, into: &effects)
        count()
        guard !isUnderWay else { return }
        var index = 0
        while index < effects.count {
            // Taken out, not copied.
            var effect = ConversationMachine.Effect.showAnew
            swap(&effect, &effects[index])
            carryOut(effect)
            index += 1
        }
        effects.removeAll(keepingCapacity: effects.capacity <= Self.keptEffects)
        if !isUsed { session.release(self) }
    }

    /// Room for effects that is kept between events.
    private static let keptEffects = 32

    /// A client has gone: nothing that is under way subscribes it again.
    func forget(_ client: any SessionClient) {
        feed.leave(client)
        handle(.gone(client))
    }

    func unsubscribe(_ client: any SessionClient) {
        feed.unsubscribe(client)
        // What it has sent does not subscribe it again.
        handle(.unsubscribed(client))
    }

    /// Subscribes a client, where its cursor allows it by what it has missed.
    func subscribe(_ client: any SessionClient, after: String?, id: String?) throws(ClientError) {
        if let after, isKnown, try feed.resume(client, after: after, id: id) { return }
        try feed.subscribe(client, id: id)
    }

    /// The same for one that has not asked.
    func follow(_ client: any SessionClient, after cursor: String) {
        if isKnown, (try? feed.resume(client, after: cursor, id: nil, isAsked: false)) == true { return }
        feed.showAnew(to: client)
    }

    /// Cancels what runs and withdraws what waits; `stopped` is called when that is stored, at once where there is
    /// nothing.
    func stop(_ stopped: @escaping () -> Void) {
        whenStopped.append(stopped)
        handle(.stop)
    }

    /// - Parameter store: called when nothing is under way, or never.
    func tell(_ message: UnaskedMessage, store: @escaping (@escaping (UnaskedOutcome) -> Void) -> Void) {
        if storing[message.key] == nil { storing[message.key] = store }
        handle(.tell(message))
        if !machine.hasWork { storing.removeAll() }
    }

    /// Its conversation is gone: nobody hears of it any longer.
    func letGo() {
        isKnown = false
        feed.letGo()
        history.forget()
    }

    /// What is remembered of the messages is no longer what is stored.
    func historyChanged() {
        history.forget()
        feed.forgetLogs()
        feed.showAnew()
    }

    /// Another path is shown than before.
    func pathChanged() {
        hasBranched = true
        history.forget()
        feed.pathChanged()
    }

    /// All of it is another gateway's.
    func abandon() {
        handle(.abandon)
        feed.abandon()
    }

    private func count() {
        let now = (waiting: machine.turns.count, running: machine.active == nil ? 0 : 1)
        guard now != counted else { return }
        environment.chatMetrics.waiting += now.waiting - counted.waiting
        environment.chatMetrics.running += now.running - counted.running
        counted = now
    }

    // MARK: Effects

    private func carryOut(_ effect: consuming ConversationMachine.Effect) {
        switch consume effect {
        case .answer(let answer, let reply): answer.send(reply)
        case .answerBehindEnd(let answer, let run, let status): feed.answer(answer, endOf: run, status)
        case .join(let answer, let runID): if let client = answer.client { feed.join(client, from: runID) }
        case .cancel(let runID, let answer): handle(.cancel(runID, answer))
        case .settled(let runID, let key): session.settled(key, run: runID)
        case .duplicate(let turn, let sent): session.duplicate(turn, of: sent)
        case .announce(let conversation): session.announce(conversation)
        case .committed(let receivedAt): committed(receivedAt)
        case .showAnew: historyChanged()
        case .showPath: pathChanged()
        case .begin(let turn, let isWorking): begin(turn, isWorking: isWorking)
        case .stop(let runID, let status, let failure):
            if let run, run.id == runID { run.stop(status, failure: failure) }
        case .finish(let runID): finish(runID)
        case .abandon(let runID): abandon(runID)
        case .accept(let turn, let startsNow, let isNew): accept(turn, startsNow: startsNow, isNew: isNew)
        case .end(let runID, let next): end(runID, next: next)
        case .withdraw(let runID, let next): withdraw(runID, next: next)
        case .tell(let message): say(message)
        case .resume(let runID, let answers): resume(runID, answers)
        case .decline(let runID, let status):
            environment.store.decline(
                userID: userID, threadID: id, runID: runID, as: status, by: session.id.description
            ) { [self] in handle(.declined($0)) }
        case .asked: environment.somethingAsks()
        case .askToBegin(let runID):
            environment.store.begin(userID: userID, runID: runID) { [self] in handle(.begun(runID, $0)) }
        case .find(let runID, let key): find(runID, key)
        case .claim(let turnID, let key): claim(turnID, key)
        case .watch(let runID, let key): feed.watch(runID, key: key)
        case .schedule(let timer, let milliseconds):
            _ = environment.schedule(after: milliseconds) { [self] in handle(.due(timer)) }
        case .stopped:
            let told = whenStopped
            whenStopped = []
            for stopped in told { stopped() }
        case .report(let incident): environment.report(incident)
        }
    }

    private func committed(_ receivedAt: UInt64?) {
        isKnown = true
        feed.historyChanged()
        if let receivedAt {
            environment.chatMetrics.acknowledged(after: environment.nowNanoseconds &- receivedAt)
        }
    }

    // MARK: The run

    private func begin(_ turn: Turn, isWorking: Bool) {
        let run = Run(turn: turn, conversation: self, environment: environment)
        self.run = run
        feed.follow(run)
        run.start()
        guard isWorking else { return history.remember(turn.message) }
        if turn.resumption != nil {
            guard room > 0 else { return run.failForRoom() }
            history.forget()
            return readHistory(for: run, wanted: agent.historyWanted)
        }
        guard room > 0 else { return run.failForRoom() }
        // The message itself is the newest of those that the assistant sees.
        let wanted = min(agent.historyWanted, environment.limits.contextMessages - 1)
        if wanted <= 0 {
            history.forget()
            return run.begin(history: [])
        }
        if hasBranched { history.forget() }
        guard let messages = history.window(wanted) else { return readHistory(for: run, wanted: wanted) }
        history.remember(turn.message)
        run.begin(history: messages)
    }

    private func readHistory(for run: Run, wanted: Int) {
        let isResumed = run.turn.resumption != nil
        let limit = (isResumed ? Self.exchangeLimit : 0) + min(wanted, environment.limits.contextMessages) + 10
        let read =
            isResumed
            ? { (told: @escaping (Result<MessagePage?, StoreError>) -> Void) in
                self.environment.store.newestMessages(
                    userID: self.userID, threadID: self.id, limit: limit, completion: told)
            }
            : { told in
                self.environment.store.history(
                    userID: self.userID, threadID: self.id, runID: run.id,
                    position: run.turn.position ?? Int(Int32.max), limit: wanted + 10, completion: told)
            }
        read { [self] result in
            guard self.run === run, !machine.isAbandoned else { return }
            switch result {
            case .success(let page):
                let others = Set(machine.turns.map(\.message.id) + [run.turn.message.id])
                stored = max(stored, page?.messages.last?.position ?? 0)
                guard room > 0 else { return run.failForRoom() }
                if isResumed { return goOn(run, with: page?.messages ?? [], wanted: wanted) }
                let messages = HistoryWindow.byTurns((page?.messages ?? []).filter { !others.contains($0.id) })
                history.read(messages)
                history.remember(run.turn.message)
                run.begin(history: HistoryWindow.select(messages, limit: wanted))
            case .failure:
                run.fail(.internal, "The conversation could not be read.")
            }
        }
    }

    /// Messages of a turn that goes on, at most: more than the calls of a run, with their results.
    private static let exchangeLimit = 600

    /// Hands a turn to the assistant that a person was asked in: what was said in it before is no history yet.
    private func goOn(_ run: Run, with stored: [Message], wanted: Int) {
        let ordered = HistoryWindow.byTurns(stored)
        guard let place = ordered.lastIndex(where: { $0.id == run.turn.message.id }) else {
            return run.fail(.internal, "The conversation could not be read.")
        }
        let others = Set(machine.turns.map(\.message.id))
        let exchange = ordered[(place + 1)...].prefix { $0.role != .user }.filter { !others.contains($0.id) }
        let limit = min(wanted, environment.limits.contextMessages - 1)
        run.begin(
            history: HistoryWindow.select(Array(ordered[..<place]), limit: limit), exchange: exchange,
            message: ordered[place])
    }

    /// Its end is stored: says so, and keeps its log for those that come back.
    private func finish(_ runID: Identifier) {
        guard let run, run.id == runID else { return }
        run.machine.stored()
        feed.publish()
        feed.historyChanged()
        feed.keepLog()
        self.run = nil
        measure(run)
        run.letGo()
    }

    private func abandon(_ runID: Identifier) {
        guard let run, run.id == runID else { return }
        run.abandon()
        feed.leaveRun()
        self.run = nil
    }

    private func measure(_ run: Run) {
        guard case .ended(let status) = run.machine.state else { return }
        let code = run.machine.failure?.code
        environment.chatMetrics.runEnded(status, code)
        environment.runEnded(run.id, userID: userID, threadID: id, status, code)
        if let span = run.turn.trace {
            span.set("parley.status", .text(status.rawValue))
            span.end(failure: code?.rawValue)
        }
        if let received = run.turn.receivedAt {
            environment.chatMetrics.turnEnded(after: environment.nowNanoseconds &- received)
        }
    }

    // MARK: The store

    private func accept(_ turn: Turn, startsNow: Bool, isNew: Bool) {
        if let kind = turn.branch {
            var new = NewBranch(
                userID: userID, threadID: id, kind: kind, clientID: turn.clientID, runID: turn.runID,
                startsNow: startsNow)
            new.waits = turn.waits
            let span = turn.trace?.start("accept")
            return environment.store.branch(new) { [self] outcome in
                if let span { Self.end(span, of: turn, outcome) }
                var isHeld = false
                if case .stored(.accepted(_, let question, _, _)) = outcome { stored = max(stored, question.position) }
                if case .stored(.duplicate(id, _, let runID, _)) = outcome {
                    isKnown = true
                    isHeld = feed.holdsLog(of: runID)
                }
                handle(.branched(outcome, isHeld: isHeld))
            }
        }
        var new = NewTurn(
            userID: userID, threadID: id, isNewThread: isNew,
            title: isNew ? ConversationTitle.make(from: turn.message.content) : nil, messageID: turn.message.id,
            clientID: turn.clientID, content: turn.message.content, runID: turn.runID, startsNow: startsNow)
        let span = turn.trace?.start("accept")
        new.waits = turn.waits
        environment.store.accept(new) { [self] outcome in
            if let span { Self.end(span, of: turn, outcome) }
            var isHeld = false
            if case .stored(.accepted(_, let position, _)) = outcome { stored = max(stored, position) }
            if case .stored(.duplicate(id, _, let runID, _)) = outcome {
                isKnown = true
                isHeld = feed.holdsLog(of: runID)
            }
            handle(.accepted(outcome, isHeld: isHeld))
        }
    }

    /// A turn that is not taken is at its end with that.
    private static func end(_ span: Span, of turn: Turn, _ outcome: StoreWrite<Acceptance>) {
        switch outcome {
        case .stored(.accepted): span.end()
        case .stored(.duplicate): end(span, andOf: turn, failure: nil)
        case .stored: end(span, andOf: turn, failure: "refused")
        case .fenced, .failed: end(span, andOf: turn, failure: "not_stored")
        }
    }

    private static func end(_ span: Span, of turn: Turn, _ outcome: StoreWrite<BranchAcceptance>) {
        switch outcome {
        case .stored(.accepted): span.end()
        case .stored(.duplicate): end(span, andOf: turn, failure: nil)
        case .stored: end(span, andOf: turn, failure: "refused")
        case .fenced, .failed: end(span, andOf: turn, failure: "not_stored")
        }
    }

    private static func end(_ span: Span, andOf turn: Turn, failure: String?) {
        span.end(failure: failure)
        turn.trace?.end(failure: failure)
    }

    private func end(_ runID: Identifier, next: Identifier?) {
        guard let run, run.id == runID, case .ending(let status) = run.machine.state else {
            return handle(.ended(.fenced))
        }
        let ending = RunEnding(
            userID: userID, threadID: id, runID: runID, status: status, messages: run.machine.messages(),
            usage: run.machine.usage, failure: run.machine.failure, nextRunID: next)
        if status == .suspended { return suspend(run, ending) }
        let span = run.turn.trace?.start("end")
        environment.store.end(ending) { [self] outcome in
            if let span { if case .stored = outcome { span.end() } else { span.end(failure: "not_stored") } }
            guard self.run === run else { return handle(.ended(.fenced)) }
            switch outcome {
            case .stored:
                stored += ending.messages.count
                history.append(ending.messages)
                handle(.ended(.stored(status)))
            case .fenced: handle(.ended(.fenced))
            case .failed(.rejected):
                let wasBare = run.machine.isBare
                run.machine.refused()
                handle(.ended(.refused(isBare: wasBare)))
            case .failed: handle(.ended(.failed))
            }
        }
    }

    // MARK: Asking a person

    private func suspend(_ run: Run, _ ending: RunEnding) {
        let suspension = RunSuspension(
            ending: ending, approvals: run.machine.asked, expiresAfter: environment.limits.approvalExpires)
        environment.store.suspend(suspension) { [self] outcome in
            guard self.run === run else { return handle(.ended(.fenced)) }
            switch outcome {
            case .stored(let stored):
                if case .stored(let time) = stored {
                    expiresAt = time
                    run.machine.asks(until: time)
                }
                self.stored += ending.messages.count
                // What comes next is not behind it, but behind the answers.
                history.forget()
                environment.chatMetrics.asked(suspension.approvals.count)
                handle(.ended(.stored(.suspended)))
            case .fenced: handle(.ended(.fenced))
            case .failed(.rejected):
                let wasBare = run.machine.isBare
                run.machine.refused()
                handle(.ended(.refused(isBare: wasBare)))
            case .failed: handle(.ended(.failed))
            }
        }
    }

    /// The answers are judged by what is stored, and then committed; offered again, they may be there already.
    private func resume(_ runID: Identifier, _ answers: [InterruptAnswer]) {
        let ids = answers.compactMap { Identifier($0.interruptID) }
        environment.store.approvals(userID: userID, threadID: id, ids: ids) { [self] result in
            guard !machine.isAbandoned else { return }
            switch result {
            case .failure(let error): handle(.resumed(.failed(error)))
            case .success(nil): handle(.resumed(.stored(.refused(.noThread))))
            case .success(let known?):
                isKnown = true
                commit(answers, of: known, as: runID)
            }
        }
    }

    private func commit(_ answers: [InterruptAnswer], of known: ThreadApprovals, as runID: Identifier) {
        let verdict: ResumeRules.Verdict
        do throws(ClientError) {
            verdict = try ResumeRules.judge(answers, known) { environment.tools.accepts($0, $1) }
        } catch {
            return handle(.resumed(.stored(.refused(error))))
        }
        switch verdict {
        case .duplicate(let run) where run == runID: takeUp(runID)
        case .duplicate(let run): handle(.resumed(.stored(.duplicate(run: run))))
        case .decide(let suspended, let approvals):
            guard let question = known.question else {
                return handle(.resumed(.stored(.refused(.noThread))))
            }
            let resumption = NewResumption(
                userID: userID, threadID: id, suspendedRunID: suspended, runID: runID,
                decidedBy: session.id.description, approvals: approvals)
            environment.store.resume(resumption) { [self] outcome in
                guard !machine.isAbandoned else { return }
                switch outcome {
                case .stored(.resumed(let results)):
                    var told = approvals
                    for index in told.indices { told[index].result = results[told[index].id] }
                    for approval in told { environment.chatMetrics.decided(approval.status) }
                    begin(runID, question, Resumption(suspendedRunID: suspended, approvals: told))
                case .stored(.duplicate(let run)): handle(.resumed(.stored(.duplicate(run: run))))
                case .stored(.changed):
                    handle(
                        .resumed(
                            .stored(
                                .refused(
                                    ClientError(.invalidField, "What is open has changed. Nothing was answered.")))))
                case .fenced: handle(.resumed(.fenced))
                case .failed(let error): handle(.resumed(.failed(error)))
                }
            }
        }
    }

    /// The answers were committed, and the word of it got lost.
    private func takeUp(_ runID: Identifier) {
        environment.store.resumption(userID: userID, runID: runID) { [self] result in
            guard !machine.isAbandoned else { return }
            switch result {
            case .success(let found?): begin(runID, nil, found)
            case .success(nil): handle(.resumed(.stored(.duplicate(run: runID))))
            case .failure(let error): handle(.resumed(.failed(error)))
            }
        }
    }

    private func begin(_ runID: Identifier, _ question: Message?, _ resumption: Resumption) {
        guard let question else {
            return environment.store.approvals(
                userID: userID, threadID: id, ids: resumption.approvals.map(\.id)
            ) { [self] result in
                guard !machine.isAbandoned else { return }
                if case .success(let known?) = result, let question = known.question {
                    begin(runID, question, resumption)
                } else {
                    handle(.resumed(.failed(.unknown)))
                }
            }
        }
        var turn = Turn(message: question, runID: runID, clientID: nil, resuming: resumption)
        turn.trace = environment.span(ofTurn: runID, in: id, begins: "resumed")
        turn.position = question.position
        turn.standing = .placed
        handle(.resumed(.stored(.resumed(turn))))
    }

    func asks(_ approvals: [Approval]) {
        if let first = approvals.map(\.expiresAt).min() { expiresAt = first }
        handle(.asks(approvals.first?.runID))
    }

    /// It ought to have expired, by some seconds.
    var isOverdue: Bool { machine.suspended != nil && environment.wallClock - Self.expirySlack > expiresAt }

    /// Microseconds.
    private static let expirySlack: Int64 = 3_000_000

    private func say(_ message: UnaskedMessage) {
        guard let store = storing.removeValue(forKey: message.key) else { return handle(.told) }
        store { [self] outcome in
            guard !machine.isAbandoned else { return }
            switch outcome {
            case .stored(let conversation) where conversation.id == id:
                isKnown = true
                feed.historyChanged()
                history.append([
                    Message(id: message.messageID, role: .assistant, content: message.content, runID: message.runID)
                ])
                var log = RunLog(runID: message.runID, start: feed.newest, bound: environment.limits.logBytes)
                log.append(.runStarted(runID: message.runID, message: nil))
                log.append(.textStart(message.messageID))
                var content = message.content
                content.withUTF8 { log.append(text: $0, to: message.messageID) }
                log.append(.textEnd(message.messageID))
                log.append(.runFinished(runID: message.runID, outcome: .success, usage: nil))
                feed.say(log)
                // The others learn that something is new.
                session.announce(conversation) { [feed] in !feed.isWanted(by: $0) }
            case .stored(let conversation): session.announce(conversation)
            // It may be stored all the same: whoever is subscribed is shown what is.
            case .gone, .failed: historyChanged()
            }
            handle(.told)
        }
    }

    private func withdraw(_ runID: Identifier, next: Identifier?) {
        machine.turns.first { $0.runID == runID }?.trace?.end()
        let ending = RunEnding(
            userID: userID, threadID: id, runID: runID, status: .cancelled, messages: [], nextRunID: next)
        environment.store.end(ending) { [self] in handle(.withdrawn($0)) }
    }

    private func find(_ runID: Identifier, _ key: String) {
        environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
            var isHeld = false
            if case .success(let sent?) = result { isHeld = session.holds(run: sent.runID, of: sent.threadID) }
            handle(.found(runID, result, isHeld: isHeld))
        }
    }

    private func claim(_ turnID: Identifier, _ key: String) {
        environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
            let claimed = machine.claims.first { $0.turn.runID == turnID }?.runID
            handle(.claimed(turnID, result, isHeld: claimed.map { feed.holdsLog(of: $0) } ?? false))
        }
    }
}
