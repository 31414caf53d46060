import Chat
import EventLoop
import Logging
import Postgres
import Strings

/// Group commit: rows that arrive while a commit is under way go with the next one, a lone row at the end of the tick
/// in which it came. One transaction at a time on each of a few connections. Confined to the loop.
///
/// A batch is one implicit transaction: users · sessions given back · endings · turns · checkpoints.
final class BatchWriter: TickParticipant {
    private let loop: EventLoop
    private let pool: PostgresPool
    private var settings: StoreSettings
    private let logger: Logger
    private var machine: BatchMachine<BatchRow>
    private var users: [ExactString: PendingUser] = [:]
    private var releases: [ExactString: Int64] = [:]
    private var checkpoints: [Identifier: StoredCheckpoint] = [:]
    private var checkpointBytes = 0
    /// The first keeps its connection, the others have one while they fly.
    private let lanes: [BatchLane]
    /// Users were in a batch that was refused: they go by themselves, so that it is known who is to blame.
    private var usersGoAlone = false
    private var isEnlisted = false
    private var refusals: [(BatchRow, StoreError)] = []
    /// Claims that are answered without being asked, at the end of the tick.
    private var refusedClaims: [(PendingUser, StoreError)] = []
    private var timer: TimerToken?
    private var pause: TimerToken?
    private var parameters = Parameters()
    private var isDraining = false
    /// This process was taken for dead: nothing is written until it goes on under another name.
    private(set) var isFenced = false
    private var drained: (() -> Void)?
    private var totals = StoreFigures()
    /// Hears of each user whose row was committed, before the row's own completion.
    var onWrite: ((String) -> Void)?
    /// Hears that the database has refused a batch of this name.
    var onFenced: ((String) -> Void)?
    /// Hears of a user whose turn was refused, since another gateway has the session.
    var onDisowned: ((String) -> Void)?

    init(_ settings: StoreSettings, pool: PostgresPool, logger: Logger) {
        self.settings = settings
        self.pool = pool
        self.logger = logger
        loop = pool.loop
        machine = BatchMachine(settings)
        lanes = (0..<max(settings.flights, 1)).map { _ in BatchLane() }
    }

    var waitingRows: Int { machine.waitingRows }

    /// What concerns batches of the figures.
    var figures: StoreFigures {
        var figures = totals
        figures.waitingRows = machine.waitingRows
        figures.waitingBytes = machine.waitingBytes
        return figures
    }

    // MARK: rows

    func add(_ turn: NewTurn, _ completion: @escaping (StoreWrite<Acceptance>) -> Void) {
        let row = BatchRow.turn(.init(turn, completion))
        enlist()
        guard !isFenced else { return refusals.append((row, .fenced)) }
        guard !isDraining, pool.isAvailable else { return refusals.append((row, Self.away)) }
        let bytes = turn.content.utf8.count + turn.userID.utf8.count + 256
        let user = turn.userID.hashValue
        if !machine.append(row, .turn, turn.threadID, user: user, bytes: bytes, at: loop.now) {
            refusals.append((row, Self.away))
        }
    }

    /// Also taken while the database is away: it is worth waiting for, since the reply exists already.
    func add(_ ending: RunEnding, _ completion: @escaping (StoreWrite<EndingOutcome>) -> Void) {
        var ending = ending
        var bytes = ending.userID.utf8.count + 256
        for index in ending.messages.indices {
            ending.messages[index].content = StorableText.clean(ending.messages[index].content)
            ending.messages[index].toolCallID = ending.messages[index].toolCallID.map { StorableText.clean($0) }
            bytes += ending.messages[index].content.utf8.count + 128
            for call in ending.messages[index].toolCalls { bytes += call.arguments.utf8.count + 128 }
        }
        // Its messages hold what was checkpointed.
        if let old = checkpoints.removeValue(forKey: ending.runID) { checkpointBytes -= old.text.utf8.count }
        let row = BatchRow.ending(.init(ending, completion))
        enlist()
        guard !isFenced else { return refusals.append((row, .fenced)) }
        let user = ending.userID.hashValue
        if !machine.append(row, .ending, ending.threadID, user: user, bytes: bytes, at: loop.now) {
            refusals.append((row, Self.away))
        }
    }

    /// - Parameter claim: hears whose the user's session is, which is claimed for this process; nil: that stays as it
    ///   is.
    func add(_ user: UserRecord, claim: ((Result<Claim, StoreError>) -> Void)? = nil) {
        let key = ExactString(user.id)
        let record = UserRecord(
            id: user.id, email: Self.bounded(user.email, 320), name: Self.bounded(user.name, 255))
        var pending = PendingUser(record: record, claims: users[key]?.claims ?? [])
        if let claim { pending.claims.append(claim) }
        let hasRoom = users[key] != nil || users.count < settings.pendingUsers
        let isStorable = !user.id.isEmpty && user.id.unicodeScalars.count <= 255 && StorableText.isClean(user.id)
        if !hasRoom || !isStorable || isFenced && claim != nil {
            guard let claim else { return }
            let error: StoreError = isFenced ? .fenced : isStorable ? Self.away : .rejected
            refusedClaims.append((PendingUser(record: record, claims: [claim]), error))
        } else {
            users[key] = pending
        }
        enlist()
    }

    /// The session of a user is another gateway's to claim from here on, unless this one has claimed it again meanwhile.
    /// Not stored where the queue is full: then the user stays this process's until somebody wishes for the session.
    func release(_ user: String, epoch: Int64) {
        guard !isFenced, releases.count < settings.pendingUsers else { return }
        releases[ExactString(user)] = epoch
        enlist()
    }

    func add(_ checkpoint: RunCheckpoint) {
        let stored = StoredCheckpoint(checkpoint)
        let bytes = stored.text.utf8.count
        guard !isFenced, pool.isAvailable, checkpointBytes + bytes <= settings.pendingCheckpointBytes else { return }
        if let old = checkpoints.updateValue(stored, forKey: checkpoint.runID) {
            checkpointBytes -= old.text.utf8.count
        }
        checkpointBytes += bytes
        enlist()
    }

    /// Optional words of a token: too long or unstorable ones are left out.
    private static func bounded(_ text: String?, _ limit: Int) -> String? {
        guard let text, text.unicodeScalars.count <= limit, StorableText.isClean(text) else { return nil }
        return text
    }

    /// Takes no more turns; calls back when nothing waits any longer. Waiting rows expire at their own bound.
    func drain(_ completion: @escaping () -> Void) {
        isDraining = true
        drained = completion
        enlist()
    }

    // MARK: fencing

    /// Answers all that waits `.fenced`, and whatever comes until `rejoin`. What is under way is refused by the database.
    func fence() {
        guard !isFenced else { return }
        isFenced = true
        refusals += machine.removeAll().map { ($0.row, .fenced) }
        checkpoints.removeAll()
        checkpointBytes = 0
        releases.removeAll()
        // Who was seen is made known under the next name.
        refusedClaims += users.values.map { ($0, .fenced) }
        for key in users.keys { users[key]?.claims = [] }
        enlist()
    }

    func rejoin(as node: String) {
        settings.node = node
        isFenced = false
        enlist()
    }

    // MARK: batches

    func tickEnded() {
        isEnlisted = false
        if !refusals.isEmpty {
            let refused = refusals
            refusals.removeAll()
            for (row, error) in refused { fail(row, error) }
        }
        if !refusedClaims.isEmpty {
            let refused = refusedClaims
            refusedClaims.removeAll()
            for (user, error) in refused { user.answer(.failure(error)) }
        }
        pump()
        if let drained, machine.isEmpty {
            for lane in lanes { letGo(lane) }
            for user in users.values { user.answer(.failure(Self.away)) }
            users.removeAll()
            releases.removeAll()
            checkpoints.removeAll()
            self.drained = nil
            drained()
        }
    }

    private func enlist() {
        if isEnlisted { return }
        isEnlisted = true
        loop.atEndOfTick(self)
    }

    private var hasWork: Bool {
        machine.waitingRows > 0 || !users.isEmpty && !isFenced || !checkpoints.isEmpty || !releases.isEmpty
    }

    /// Whether something should leave now: rows, or what goes along with rows by itself when nothing is under way.
    private var isDue: Bool {
        if !machine.isBusy { return hasWork }
        return machine.wantsFlight && !goesAlone
    }

    /// Users go before everything else, and nothing beside them.
    private var goesAlone: Bool { usersGoAlone && (!users.isEmpty || lanes.contains { $0.flight != nil }) }

    private func pump() {
        guard pause == nil else { return }
        while isDue, let lane = lanes.first(where: { $0.isFree }) {
            guard let connection = lane.connection, connection.isIdle else { return acquire(lane) }
            let batch = goesAlone ? nil : machine.next()
            // With nothing under way, rows or not: what goes along goes.
            guard let batch = batch ?? machine.nextWithoutRows() else { break }
            var flight = BatchFlight(batch, of: settings.node, at: loop.now)
            send(&flight, on: connection)
            lane.flight = flight
            connection.commit { [self] outcome in landed(lane, outcome) }
        }
        watchWaiting()
    }

    private func acquire(_ lane: BatchLane) {
        lane.isLeasing = true
        watchWaiting()
        lane.connection = nil
        pool.lease { [weak self] outcome in
            guard let self else { return }
            lane.isLeasing = false
            switch outcome {
            case .success(let connection):
                lane.connection = connection
                // It may come too late.
                if lane !== lanes.first, !isDue { letGo(lane) }
                enlist()
            case .failure:
                // The pool has its own back-off: this is only how soon its success is noticed.
                if hasWork { rest(50_000_000) }
            }
        }
    }

    private func letGo(_ lane: BatchLane) {
        if let connection = lane.connection { pool.release(connection) }
        lane.connection = nil
    }

    private func rest(_ nanoseconds: UInt64) {
        if pause != nil { return }
        pause = loop.schedule(after: nanoseconds) { [weak self] in
            self?.pause = nil
            self?.enlist()
        }
    }

    private func send(_ flight: inout BatchFlight, on connection: PostgresConnection) {
        if !users.isEmpty, !isFenced {
            flight.users = Array(users.values)
            users.removeAll(keepingCapacity: true)
            machine.claim(flight.users.lazy.map { $0.record.id.hashValue }, for: flight.number)
            parameters.fill(flight.users, settings)
            connection.send(Statements.meetUsers, parameters)
        }
        if !releases.isEmpty {
            flight.releases = releases.map { ReleasedUser(id: $0.key.string, epoch: $0.value) }
            releases.removeAll(keepingCapacity: true)
            parameters.fill(flight.releases, settings)
            connection.send(Statements.releaseUsers, parameters)
        }
        if !flight.endings.isEmpty {
            parameters.fill(flight.endings, settings)
            connection.send(Statements.endRuns, parameters)
        }
        if !flight.turns.isEmpty {
            parameters.fill(flight.turns, settings)
            connection.send(Statements.acceptTurns, parameters)
        }
        if !checkpoints.isEmpty { sendCheckpoints(&flight, on: connection) }
    }

    /// Those of users who are not under way elsewhere: two transactions that write the same runs in different order
    /// would wait for each other.
    private func sendCheckpoints(_ flight: inout BatchFlight, on connection: PostgresConnection) {
        let others = lanes.contains { $0.flight != nil }
        let due = checkpoints.values.filter { !others || !machine.isInFlight($0.userID.hashValue) }
        if due.isEmpty { return }
        parameters.fill(due, settings)
        connection.send(Statements.checkpointRuns, parameters)
        for checkpoint in due {
            checkpoints[checkpoint.runID] = nil
            checkpointBytes -= checkpoint.text.utf8.count
        }
        machine.claim(due.lazy.map { $0.userID.hashValue }, for: flight.number)
        flight.hasCheckpoints = true
    }

    // MARK: outcomes

    private func landed(_ lane: BatchLane, _ outcome: Result<[Rows], PostgresError>) {
        guard let flight = lane.flight else { return }
        lane.flight = nil
        enlist()
        switch outcome {
        case .success(let answers): committed(flight, answers, lane)
        case .failure(let error):
            failed(flight, error, lane)
            if lane !== lanes.first { letGo(lane) }
        }
    }

    private func committed(_ flight: BatchFlight, _ answers: [Rows], _ lane: BatchLane) {
        if !flight.users.isEmpty { usersGoAlone = false }
        var answers = answers[...]
        var claims: [Claim?] = []
        if !flight.users.isEmpty { claims = Claim.decode(answers.popFirst(), flight.users, node: flight.node) }
        if !flight.releases.isEmpty { answers = answers.dropFirst() }
        var again: [Int] = []
        var endings: [EndingAnswer?] = []
        var turns: [TurnAnswer?] = []
        if !flight.endings.isEmpty { endings = EndingAnswer.decode(answers.popFirst(), flight.endings.count) }
        if !flight.turns.isEmpty {
            turns = TurnAnswer.decode(answers.popFirst(), flight.turns.count, settings.contents)
        }
        for (place, answer) in endings.enumerated() where answer == .again { again.append(flight.endingIndices[place]) }
        for (place, answer) in turns.enumerated() where answer == .again { again.append(flight.turnIndices[place]) }
        // The state is settled before anyone hears of it: a completion may add rows.
        machine.succeeded(flight.number, again: again.sorted())
        count(flight, again: again.count)
        departBeforeAnswers(lane)

        for (user, claim) in zip(flight.users, claims) where !user.claims.isEmpty {
            user.answer(claim.map { .success($0) } ?? .failure(unreadable()))
        }
        for (place, answer) in endings.enumerated() {
            let row = flight.endings[place]
            switch answer {
            case .outcome(let outcome):
                onWrite?(row.ending.userID)
                row.completion(.stored(outcome))
            case .again: break
            case .notOurs: row.completion(.fenced)
            case nil: row.completion(.failed(unreadable()))
            }
        }
        for (place, answer) in turns.enumerated() {
            let row = flight.turns[place]
            switch answer {
            case .outcome(let outcome):
                onWrite?(row.turn.userID)
                row.completion(.stored(outcome.acceptance(of: row.turn)))
            case .again: break
            case nil: row.completion(.failed(unreadable()))
            }
        }
    }

    /// What waits leaves at once: the server works on it while those who waited for the last batch hear of it.
    private func departBeforeAnswers(_ lane: BatchLane) {
        guard machine.waitingRows > 0 else {
            if lane !== lanes.first { letGo(lane) }
            return
        }
        pump()
        for lane in lanes where lane.flight != nil { lane.connection?.sendNow() }
        if lane.flight == nil, lane !== lanes.first { letGo(lane) }
    }

    private func count(_ flight: BatchFlight, again: Int) {
        guard flight.rowCount > 0 else { return }
        totals.batches += 1
        totals.rows += UInt64(flight.rowCount - again)
        totals.batchRows.add(Double(flight.rowCount))
        totals.commitSeconds.add(Double(loop.now &- flight.departed) / 1_000_000_000)
    }

    private func failed(_ flight: BatchFlight, _ error: PostgresError, _ lane: BatchLane) {
        totals.retried += 1
        if error.isFence || flight.node != settings.node {
            // Its rows are the next one's by now, whatever their fate was: they are not offered in another name.
            if error.isConnectionLoss { lane.connection = nil }
            for user in flight.users { user.answer(.failure(.fenced)) }
            for user in flight.users { add(user.record) }
            for entry in machine.abandoned(flight.number) { fail(entry.row, .fenced) }
            if error.isFence { onFenced?(flight.node) }
            return
        }
        if error.isConnectionLoss {
            lane.connection = nil
            remember(flight)
            machine.lost(flight.number, inDoubt: error.isOutcomeUnknown, at: loop.now)
            logger.warning("a connection of the batch writer was lost", metadata: ["cause": "\(error)"])
            return
        }
        if StoreError.isPassing(error) {
            remember(flight)
            machine.lost(flight.number, inDoubt: false, at: loop.now)
            logger.warning("a batch could not be stored for now", metadata: ["cause": "\(error)"])
            rest(200_000_000)
            return
        }
        if flight.rowCount == 0 {
            machine.succeeded(flight.number)
            let count = flight.users.count
            logger.error("users or checkpoints were refused", metadata: ["cause": "\(error)", "users": "\(count)"])
            usersGoAlone = false
            for user in flight.users { user.answer(.failure(.rejected)) }
            return
        }
        if !flight.users.isEmpty || flight.hasCheckpoints || !flight.releases.isEmpty {
            // First without them: they may be to blame. The rows stay together.
            remember(flight)
            usersGoAlone = !flight.users.isEmpty
            machine.lost(flight.number, inDoubt: false, at: loop.now)
            return
        }
        if let bad = machine.refused(flight.number) {
            if error.isDisowned {
                fail(bad.row, .fenced)
                if case .turn(let row) = bad.row { onDisowned?(row.turn.userID) }
                return
            }
            totals.rejected += 1
            logger.error("a row was refused", metadata: ["cause": "\(error)", "conversation": "\(bad.conversation)"])
            bad.row.fail(.rejected)
        }
    }

    private func fail(_ row: BatchRow, _ error: StoreError) {
        totals.unavailable += 1
        row.fail(error)
    }

    /// Puts users back that were not stored; who was seen again meanwhile is newer. So are releases, which are offered
    /// again whatever became of them: a claim since then has another epoch.
    private func remember(_ flight: BatchFlight) {
        for user in flight.users {
            let key = ExactString(user.record.id)
            if users[key] == nil {
                users[key] = user
            } else {
                users[key]?.claims += user.claims
            }
        }
        for user in flight.releases where releases[ExactString(user.id)] == nil {
            releases[ExactString(user.id)] = user.epoch
        }
    }

    private func unreadable() -> StoreError {
        logger.error("the answer to a batch could not be read")
        return .unknown
    }

    // MARK: waiting

    /// A timer while something waits, so that nothing waits for ever.
    private func watchWaiting() {
        guard timer == nil, let deadline = machine.deadline else { return }
        let delay = deadline > loop.now ? deadline - loop.now : 0
        timer = loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            timer = nil
            for entry in machine.expire(at: loop.now) {
                fail(entry.row, entry.inDoubtSince == nil ? Self.away : .unknown)
            }
            watchWaiting()
            if drained != nil { enlist() }
        }
    }

    static let away = StoreError.unavailable(retryAfter: 1)
}

extension PostgresError {
    /// `parley.hold_fence`: this process has no row among the nodes any more.
    var isFence: Bool { kind == .server && sqlState == "PY002" }

    /// `parley.accept_turns`: another gateway has the session of a user.
    var isDisowned: Bool { kind == .server && sqlState == "PY003" }
}

extension StoreError {
    /// Not the row's fault: resources, locks, shutdown, a session that is of no more use. Tried again.
    static func isPassing(_ error: PostgresError) -> Bool {
        guard error.kind == .server else { return false }
        if error.endsSession { return true }
        switch error.sqlState.prefix(2) {
        case "40", "53", "55", "57", "58": return true
        default: return false
        }
    }
}
