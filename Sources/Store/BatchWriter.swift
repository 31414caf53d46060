import Chat
import EventLoop
import Logging
import Postgres

/// Group commit: rows that arrive while a commit is under way go with the next one, a lone row at the end of the tick
/// in which it came. One connection, one transaction at a time. Confined to the loop.
///
/// A batch is one implicit transaction: users · endings · turns · checkpoints.
final class BatchWriter: TickParticipant {
    enum Row {
        case turn(NewTurn, (Result<Acceptance, StoreError>) -> Void)
        case ending(RunEnding, (Result<EndingOutcome, StoreError>) -> Void)

        func fail(_ error: StoreError) {
            switch self {
            case .turn(_, let completion): completion(.failure(error))
            case .ending(_, let completion): completion(.failure(error))
            }
        }
    }

    /// What a batch in flight consists of, in the order in which its answers come.
    private struct Flight {
        var entries: [BatchMachine<Row>.Entry] = []
        var users: [UserRecord] = []
        /// Indices into `entries`.
        var endings: [Int] = []
        var turns: [Int] = []
        var hasCheckpoints = false
    }

    private let loop: EventLoop
    private let pool: PostgresPool
    private let settings: StoreSettings
    private let logger: Logger
    private var machine: BatchMachine<Row>
    private var users: [String: UserRecord] = [:]
    private var checkpoints: [Identifier: StoredCheckpoint] = [:]
    private var checkpointBytes = 0
    private var connection: PostgresConnection?
    private var isLeasing = false
    private var isFlying = false
    /// Users were in a batch that was refused: they go by themselves, so that it is known who is to blame.
    private var usersGoAlone = false
    private var isEnlisted = false
    private var refusals: [(Row, StoreError)] = []
    private var timer: TimerToken?
    private var pause: TimerToken?
    private var parameters = Parameters()
    private var isDraining = false
    private var drained: (() -> Void)?

    init(_ settings: StoreSettings, pool: PostgresPool, logger: Logger) {
        self.settings = settings
        self.pool = pool
        self.logger = logger
        loop = pool.loop
        machine = BatchMachine(settings)
    }

    var waitingRows: Int { machine.waitingRows }

    // MARK: rows

    func add(_ turn: NewTurn, _ completion: @escaping (Result<Acceptance, StoreError>) -> Void) {
        let row = Row.turn(turn, completion)
        enlist()
        guard !isDraining, pool.isAvailable else { return refusals.append((row, Self.away)) }
        let bytes = turn.content.utf8.count + turn.userID.utf8.count + 256
        if !machine.append(row, .turn, turn.threadID, bytes: bytes, at: loop.now) {
            refusals.append((row, Self.away))
        }
    }

    /// Also taken while the database is away: it is worth waiting for, since the reply exists already.
    func add(_ ending: RunEnding, _ completion: @escaping (Result<EndingOutcome, StoreError>) -> Void) {
        var ending = ending
        var bytes = ending.userID.utf8.count + 256
        for index in ending.messages.indices {
            ending.messages[index].content = StorableText.clean(ending.messages[index].content)
            ending.messages[index].toolCallID = ending.messages[index].toolCallID.map { StorableText.clean($0) }
            bytes += ending.messages[index].content.utf8.count + 128
            for call in ending.messages[index].toolCalls { bytes += call.arguments.utf8.count + 128 }
        }
        let row = Row.ending(ending, completion)
        enlist()
        if !machine.append(row, .ending, ending.threadID, bytes: bytes, at: loop.now) {
            refusals.append((row, Self.away))
        }
    }

    func add(_ user: UserRecord) {
        guard users[user.id] != nil || users.count < settings.pendingUsers else { return }
        guard !user.id.isEmpty, user.id.unicodeScalars.count <= 255, StorableText.isClean(user.id) else { return }
        users[user.id] = UserRecord(
            id: user.id, email: Self.bounded(user.email, 320), name: Self.bounded(user.name, 255))
        enlist()
    }

    func add(_ checkpoint: RunCheckpoint) {
        let stored = StoredCheckpoint(checkpoint)
        let bytes = stored.text.utf8.count
        guard pool.isAvailable, checkpointBytes + bytes <= settings.pendingCheckpointBytes else { return }
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

    // MARK: batches

    func tickEnded() {
        isEnlisted = false
        if !refusals.isEmpty {
            let refused = refusals
            refusals.removeAll()
            for (row, error) in refused { row.fail(error) }
        }
        pump()
        if let drained, machine.isEmpty, !isFlying {
            if let connection { pool.release(connection) }
            connection = nil
            users.removeAll()
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

    private var hasWork: Bool { machine.waitingRows > 0 || !users.isEmpty || !checkpoints.isEmpty }

    private func pump() {
        guard !isFlying, pause == nil, hasWork else { return }
        guard let connection, connection.isIdle else { return acquire() }
        var flight = Flight()
        if !usersGoAlone || users.isEmpty { flight.entries = machine.next() }
        isFlying = true
        send(&flight, on: connection)
        connection.commit { [self] outcome in landed(flight, outcome) }
        watchWaiting()
    }

    private func acquire() {
        if isLeasing { return }
        isLeasing = true
        watchWaiting()
        connection = nil
        pool.lease { [weak self] outcome in
            guard let self else { return }
            isLeasing = false
            switch outcome {
            case .success(let connection):
                self.connection = connection
                enlist()
            case .failure:
                // The pool has its own back-off: this is only how soon its success is noticed.
                if hasWork { rest(50_000_000) }
            }
        }
    }

    private func rest(_ nanoseconds: UInt64) {
        if pause != nil { return }
        pause = loop.schedule(after: nanoseconds) { [weak self] in
            self?.pause = nil
            self?.enlist()
        }
    }

    private func send(_ flight: inout Flight, on connection: PostgresConnection) {
        if !users.isEmpty {
            flight.users = Array(users.values)
            users.removeAll(keepingCapacity: true)
            parameters.fill(flight.users)
            connection.send(Statements.touchUsers, parameters)
        }
        var endings: [RunEnding] = []
        var turns: [NewTurn] = []
        for (index, entry) in flight.entries.enumerated() {
            switch entry.row {
            case .turn(let turn, _):
                turns.append(turn)
                flight.turns.append(index)
            case .ending(let ending, _):
                endings.append(ending)
                flight.endings.append(index)
            }
        }
        if !endings.isEmpty {
            parameters.fill(endings)
            connection.send(Statements.endRuns, parameters)
        }
        if !turns.isEmpty {
            parameters.fill(turns, settings)
            connection.send(Statements.acceptTurns, parameters)
        }
        if !checkpoints.isEmpty {
            parameters.fill(Array(checkpoints.values))
            connection.send(Statements.checkpointRuns, parameters)
            checkpoints.removeAll(keepingCapacity: true)
            checkpointBytes = 0
            flight.hasCheckpoints = true
        }
    }

    // MARK: outcomes

    private func landed(_ flight: Flight, _ outcome: Result<[Rows], PostgresError>) {
        isFlying = false
        enlist()
        switch outcome {
        case .success(let answers): committed(flight, answers)
        case .failure(let error): failed(flight, error)
        }
    }

    private func committed(_ flight: Flight, _ answers: [Rows]) {
        if !flight.users.isEmpty { usersGoAlone = false }
        var answers = answers[...]
        if !flight.users.isEmpty { answers = answers.dropFirst() }
        var again: [Int] = []
        var endings: [EndingAnswer?] = []
        var turns: [TurnAnswer?] = []
        if !flight.endings.isEmpty { endings = EndingAnswer.decode(answers.popFirst(), flight.endings.count) }
        if !flight.turns.isEmpty { turns = TurnAnswer.decode(answers.popFirst(), flight.turns.count) }
        for (position, answer) in endings.enumerated() where answer == .again { again.append(flight.endings[position]) }
        for (position, answer) in turns.enumerated() where answer == .again { again.append(flight.turns[position]) }
        // The state is settled before anyone hears of it: a completion may add rows.
        machine.succeeded(again: again.sorted())
        for (position, answer) in endings.enumerated() {
            guard case .ending(_, let completion) = flight.entries[flight.endings[position]].row else { continue }
            switch answer {
            case .outcome(let outcome): completion(.success(outcome))
            case .again: break
            case nil: completion(.failure(unreadable()))
            }
        }
        for (position, answer) in turns.enumerated() {
            guard case .turn(let turn, let completion) = flight.entries[flight.turns[position]].row else { continue }
            switch answer {
            case .outcome(let outcome): completion(.success(outcome.acceptance(of: turn)))
            case .again: break
            case nil: completion(.failure(unreadable()))
            }
        }
    }

    private func failed(_ flight: Flight, _ error: PostgresError) {
        if error.isConnectionLoss {
            connection = nil
            remember(flight.users)
            machine.lost(inDoubt: error.isOutcomeUnknown, at: loop.now)
            logger.warning("the connection of the batch writer was lost", metadata: ["cause": "\(error)"])
            return
        }
        if StoreError.isPassing(error) {
            remember(flight.users)
            machine.lost(inDoubt: false, at: loop.now)
            logger.warning("a batch could not be stored for now", metadata: ["cause": "\(error)"])
            if error.sqlState == "25006", let connection {
                // A standby now: the next connection finds the primary.
                self.connection = nil
                pool.discard(connection, because: error)
            }
            rest(200_000_000)
            return
        }
        if flight.entries.isEmpty {
            let count = flight.users.count
            logger.error("users or checkpoints were refused", metadata: ["cause": "\(error)", "users": "\(count)"])
            usersGoAlone = false
            return
        }
        if !flight.users.isEmpty || flight.hasCheckpoints {
            // First without them: they may be to blame. The rows stay together.
            remember(flight.users)
            usersGoAlone = !flight.users.isEmpty
            machine.lost(inDoubt: false, at: loop.now)
            return
        }
        if let bad = machine.refused() {
            logger.error("a row was refused", metadata: ["cause": "\(error)", "conversation": "\(bad.conversation)"])
            bad.row.fail(.rejected)
        }
    }

    /// Puts users back that were not stored; who was seen again meanwhile is newer.
    private func remember(_ records: [UserRecord]) {
        for user in records where users[user.id] == nil { users[user.id] = user }
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
                entry.row.fail(entry.inDoubtSince == nil ? Self.away : .unknown)
            }
            watchWaiting()
            if drained != nil { enlist() }
        }
    }

    static let away = StoreError.unavailable(retryAfter: 1)
}

extension StoreError {
    /// Not the row's fault: resources, locks, shutdown, a server that only reads. Tried again.
    static func isPassing(_ error: PostgresError) -> Bool {
        guard error.kind == .server else { return false }
        switch error.sqlState.prefix(2) {
        case "08", "40", "53", "55", "57", "58": return true
        default: return error.sqlState == "25006"
        }
    }
}
