import Chat
import JSON
import Store

/// A gateway process: the sessions as they are, with time, database and network of the simulation. It stands still, dies
/// and is started again.
final class SimulatedGateway: SessionEnvironment {
    let world: World
    let place: Int
    private(set) var node = ""
    private(set) var epoch = ""
    let limits: ChatLimits
    let chatMetrics = ChatMetrics()
    private(set) var sessions: [String: Session] = [:]
    var connections: [Connection] = []
    private var membership = MembershipMachine(lease: 3_000)
    private var leaseEnd: UInt64 = 0
    private var incarnation = 0
    private var recoveryDoubt = RecoveryDoubt()
    private(set) var isDead = false
    /// What is due waits here while the process stands still.
    private var isStalled = false
    private var deferred: [() -> Void] = []
    private var timers: Set<UInt64> = []
    private var nextTimer: UInt64 = 0
    private lazy var simulatedStore = SimulatedStore(gateway: self)
    private lazy var simulatedAgent = SimulatedAgent(gateway: self)

    init(_ world: World, place: Int) {
        self.world = world
        self.place = place
        limits = world.limits
        rename()
        beat()
        lookForOrphans()
    }

    private func rename() {
        world.incarnations += 1
        incarnation = world.incarnations
        node = "g\(place)/\(incarnation)"
        epoch = "e\(incarnation)"
    }

    var serves: Bool { !isDead && membership.state == .member }

    // MARK: SessionEnvironment

    var store: any ChatStore { simulatedStore }
    var tools: any ToolHost { simulatedStore }
    private(set) lazy var agents: any AgentHost = SingleAgentHost(simulatedAgent)
    var holdsLease: Bool {
        world.database.fault == .noLease || world.database.fault == .noFence || nowMilliseconds < leaseEnd
    }
    var nowMilliseconds: UInt64 { world.scheduler.now }

    func makeIdentifier() -> Identifier {
        world.identifiers += 1
        return Identifier(version7: nowMilliseconds, sequence: 0, random: world.identifiers)
    }

    func freshPosition() -> UInt64 {
        world.positions += 1_000_000
        return world.positions
    }

    var mayAsk: Bool { true }

    func report(_ incident: String) { world.incidents.append(incident) }

    func schedule(after milliseconds: UInt64, _ action: @escaping () -> Void) -> UInt64 {
        nextTimer += 1
        let timer = nextTimer
        timers.insert(timer)
        later(milliseconds) { [self] in if timers.remove(timer) != nil { action() } }
        return timer
    }

    func cancel(timer: UInt64) { timers.remove(timer) }

    // MARK: Life

    /// Carried out when it is due and the process runs; never where it has died.
    func later(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
        world.scheduler.after(milliseconds) { [self] in enter(action) }
    }

    func enter(_ action: @escaping () -> Void) {
        if isDead { return }
        if isStalled { deferred.append(action) } else { action() }
    }

    func stall(for milliseconds: UInt64) {
        guard !isDead, !isStalled else { return }
        isStalled = true
        world.scheduler.after(milliseconds) { [self] in resume() }
    }

    func resume() {
        guard isStalled else { return }
        isStalled = false
        let due = deferred
        deferred = []
        for action in due { enter(action) }
    }

    func die() {
        isDead = true
        for connection in connections { connection.cut() }
        connections = []
        // Whoever still has something of it under way must not find the sessions alive.
        sessions = [:]
    }

    // MARK: Membership

    private func beat() {
        later(1_000) { [self] in beat() }
        step()
        if serves { for session in Array(sessions.values) { session.expireDue() } }
    }

    private func step() {
        let sent = nowMilliseconds
        switch membership.tick() {
        case .enlist:
            simulatedStore.look(
                { $0.enlist($1) },
                { [self] answer in
                    if case .success = answer {
                        carryOut(membership.enlisted(sentAt: sent))
                    } else {
                        membership.failed()
                    }
                })
        case .beat:
            simulatedStore.look(
                { $0.beat($1) },
                { [self] answer in
                    guard case .success(let said) = answer else { return membership.failed() }
                    carryOut(membership.beaten(sentAt: sent, isMember: said.isMember, seesStale: said.seesStale))
                })
        default: break
        }
    }

    func fenced(_ name: String) {
        if name == node { carryOut(membership.fenced()) }
    }

    private func carryOut(_ actions: [MembershipMachine.Action]) {
        for action in actions {
            switch action {
            case .extend(let end):
                let wasHeld = holdsLease
                leaseEnd = end
                if !wasHeld, holdsLease { for session in sessions.values { session.goOn() } }
            case .letGo:
                leaseEnd = 0
                let abandoned = Array(sessions.values)
                sessions = [:]
                for session in abandoned { session.abandon() }
                for connection in connections { connection.cut() }
                connections = []
                recoveryDoubt = RecoveryDoubt()
                rename()
                membership.rejoin()
                step()
            case .recover: recover()
            case .enlist, .beat, .begin: break
            }
        }
    }

    private func lookForOrphans() {
        later(5_000) { [self] in lookForOrphans() }
        if membership.state == .member { recover() }
    }

    private func recover() {
        let question = recoveryDoubt.ask()
        simulatedStore.ask(
            { $0.recover($1, again: question.again) },
            { [self, name = node] answer in
                // Fenced since: they are another gateway's again.
                guard name == node else { return }
                guard case .success(let runs) = answer else {
                    if answer.isUnknown { recoveryDoubt.lost() }
                    return
                }
                recoveryDoubt.answered(question)
                for run in runs {
                    if run.fate == .interrupted {
                        sessions[run.userID]?.refresh(threadID: run.threadID)
                    } else {
                        adopt(run.userID, run.threadID, run.message, run.runID, isRunning: run.fate == .running)
                    }
                }
            })
    }

    /// A run that a dead one left may be one that goes on with answers.
    private func adopt(
        _ userID: String, _ threadID: Identifier, _ message: Message, _ runID: Identifier, isRunning: Bool
    ) {
        simulatedStore.resumption(userID: userID, runID: runID) { [self, name = node] result in
            guard name == node else { return }
            switch result {
            case .success(let resumption?):
                session(of: userID).adopt(
                    threadID: threadID, message: message, runID: runID, isRunning: isRunning, resuming: resumption)
            case .success(nil):
                session(of: userID).adopt(
                    threadID: threadID, message: message, runID: runID, isRunning: isRunning)
            case .failure:
                later(1_000) { [self] in
                    if name == node { adopt(userID, threadID, message, runID, isRunning: isRunning) }
                }
            }
        }
    }

    // MARK: Users

    func session(of userID: String) -> Session {
        if let session = sessions[userID] { return session }
        let session = Session(userID: userID, environment: self)
        session.becameIdle = { [unowned self, unowned session] in
            if session.isIdle, sessions[userID] === session { sessions[userID] = nil }
        }
        sessions[userID] = session
        return session
    }

    /// At the end of a world: nothing holds anything any more.
    func letGo() {
        isDead = true
        for session in sessions.values { session.abandon() }
        sessions = [:]
        connections = []
        deferred = []
        simulatedAgent.forget()
    }
}

extension Result where Failure == StoreError {
    fileprivate var isUnknown: Bool {
        if case .failure(.unknown) = self { true } else { false }
    }
}

/// The store of a gateway: everything takes its time, and some of it goes wrong.
final class SimulatedStore: ChatStore, ToolHost {
    private unowned let gateway: SimulatedGateway

    init(gateway: SimulatedGateway) { self.gateway = gateway }

    /// One transaction in the name that the gateway has now.
    ///
    /// - Parameter isWrite: that the answer may be lost behind the commit.
    func ask<Value>(
        _ transaction: @escaping (SimulatedDatabase, String) -> Result<Value, StoreError>,
        _ completion: @escaping (Result<Value, StoreError>) -> Void
    ) {
        let (world, node, gateway) = (gateway.world, gateway.node, gateway)
        world.database(there: gateway.place) { reached in
            guard reached else { return gateway.enter { completion(.failure(.unavailable(retryAfter: 1))) } }
            let answer = transaction(world.database, node)
            world.database(back: gateway.place) { isLost in
                gateway.enter {
                    if isLost, case .success = answer { return completion(.failure(.unknown)) }
                    completion(answer)
                    if case .failure(.fenced) = answer { gateway.fenced(node) }
                }
            }
        }
    }

    /// The same for what is never refused.
    func look<Value>(
        _ transaction: @escaping (SimulatedDatabase, String) -> Value,
        _ completion: @escaping (Result<Value, StoreError>) -> Void
    ) {
        ask({ .success(transaction($0, $1)) }, completion)
    }

    func touch(_ user: UserRecord) {}

    func accept(_ turn: NewTurn, completion: @escaping (StoreWrite<Acceptance>) -> Void) {
        ask({ $0.accept(turn, $1) }, { completion(StoreWrite($0)) })
    }

    func end(_ ending: RunEnding, completion: @escaping (StoreWrite<EndingOutcome>) -> Void) {
        ask({ $0.end(ending, $1) }, { completion(StoreWrite($0)) })
    }

    func begin(userID: String, runID: Identifier, completion: @escaping (StoreWrite<Beginning>) -> Void) {
        ask({ $0.begin(runID, $1) }, { completion(StoreWrite($0)) })
    }

    func checkpoint(_ checkpoint: RunCheckpoint) {
        ask(
            { database, node -> Result<Void, StoreError> in
                database.checkpoint(checkpoint, node) ? .success(()) : .failure(.fenced)
            }, { _ in })
    }

    func call(_ operation: ToolOperation, completion: @escaping (StoreWrite<ToolOutcome>) -> Void) {
        ask({ $0.perform(operation, $1) }, { completion(StoreWrite($0)) })
    }

    func accepts(_ name: String, _ arguments: JSON) -> Bool { true }

    func suspend(_ suspension: RunSuspension, completion: @escaping (StoreWrite<SuspensionOutcome>) -> Void) {
        ask({ $0.suspend(suspension, $1) }, { completion(StoreWrite($0)) })
    }

    func approvals(
        userID: String, threadID: Identifier, ids: [Identifier],
        completion: @escaping (Result<ThreadApprovals?, StoreError>) -> Void
    ) {
        look({ database, _ in database.approvals(threadID, of: userID, ids: ids) }, completion)
    }

    func resume(_ resumption: NewResumption, completion: @escaping (StoreWrite<ResumeOutcome>) -> Void) {
        ask({ $0.resume(resumption, $1) }, { completion(StoreWrite($0)) })
    }

    func decline(
        userID: String, threadID: Identifier, runID: Identifier?, as status: Approval.Status, by session: String?,
        completion: @escaping (StoreWrite<Identifier?>) -> Void
    ) {
        ask({ $0.decline(threadID, of: userID, runID, as: status, $1) }, { completion(StoreWrite($0)) })
    }

    func resumption(
        userID: String, runID: Identifier, completion: @escaping (Result<Resumption?, StoreError>) -> Void
    ) {
        look({ database, _ in database.resumption(runID, of: userID) }, completion)
    }

    func newestMessages(
        userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        look({ database, _ in database.newestMessages(threadID, of: userID, limit: limit) }, completion)
    }

    func history(
        userID: String, threadID: Identifier, runID: Identifier, position: Int, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        newestMessages(userID: userID, threadID: threadID, limit: limit, completion: completion)
    }

    // Branches are PostgreSQL's matter: what stands in for it has none.

    func branch(_ turn: NewBranch, completion: @escaping (StoreWrite<BranchAcceptance>) -> Void) {
        ask({ _, _ in .success(.noSuchPlace) }, { completion(StoreWrite($0)) })
    }

    func tree(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<RunTree?, StoreError>) -> Void
    ) {
        look({ _, _ in nil }, completion)
    }

    func select(
        userID: String, threadID: Identifier, head: Identifier,
        completion: @escaping (StoreWrite<SelectionOutcome>) -> Void
    ) {
        ask({ _, _ in .success(.noSuchPlace) }, { completion(StoreWrite($0)) })
    }

    func sentTurn(
        userID: String, clientID: String, completion: @escaping (Result<SentTurn?, StoreError>) -> Void
    ) {
        look({ $0.sentTurn(clientID, of: userID, $1) }, completion)
    }

    func activeConversation(userID: String, completion: @escaping (Result<Identifier?, StoreError>) -> Void) {
        look({ _, _ in nil }, completion)
    }

    func conversation(
        userID: String, threadID: Identifier, completion: @escaping (Result<Conversation?, StoreError>) -> Void
    ) {
        look({ database, _ in database.conversation(threadID, of: userID) }, completion)
    }
}

/// An assistant that talks for a while, uses tools, fails now and then, and sometimes says nothing more until it is stopped.
final class SimulatedAgent: Agent {
    private unowned let gateway: SimulatedGateway
    private var works: [Work] = []
    let historyWanted = 10

    init(gateway: SimulatedGateway) { self.gateway = gateway }

    final class Work: AgentWork {
        let run: any AgentRun
        var isOver = false
        var steps: Int
        init(_ run: any AgentRun, steps: Int) {
            self.run = run
            self.steps = steps
        }
        func cancel() { isOver = true }
    }

    func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let work = Work(run, steps: gateway.world.scheduler.pick(12))
        works.append(work)
        goOn(work)
        return work
    }

    private func goOn(_ work: Work) {
        let scheduler = gateway.world.scheduler
        let isLong = scheduler.oneIn(3)
        gateway.later(scheduler.pick(isLong ? 100...900 : 1...60)) { [self] in
            guard !work.isOver else { return }
            work.steps -= 1
            if work.steps < 0 {
                work.isOver = true
                if scheduler.oneIn(12) { work.run.fail(.upstreamError, "m") } else { work.run.finish(nil) }
                return
            }
            if scheduler.oneIn(6) {
                call(work)
                return
            }
            if scheduler.oneIn(5) {
                work.run.endText()
            } else {
                work.run.text(["a", "é", "漢字 ", "😀\n"][scheduler.pick(4)])
            }
            goOn(work)
        }
    }

    /// Some calls are carried out, some are put to the person, alone or beside others.
    private func call(_ work: Work) {
        let (scheduler, run) = (gateway.world.scheduler, work.run)
        let arguments: JSONObject = ["title": "t"]
        guard scheduler.oneIn(2) else {
            return run.call(id: "call-\(work.steps)", name: "add_task", arguments: arguments) { [self] _ in goOn(work) }
        }
        var asks = false
        for number in 0...scheduler.pick(2) {
            let id = "call-\(work.steps)-\(number)"
            run.toolCallStart(id: id, name: "add_task")
            run.toolCallArguments(id: id, delta: JSON.object(arguments).description)
            run.toolCallEnd(id: id)
            asks = run.ask(id: id, name: "add_task", arguments: .object(arguments), message: nil, always: true) || asks
        }
        guard asks else { return goOn(work) }
        work.isOver = true
        run.suspend(nil, state: nil)
    }

    func forget() { works = [] }
}
