package import JSON
package import Chat
import EventLoop
package import Logging
package import Postgres

/// The store of one shard. Confined to the pool's loop.
package final class PostgresChatStore: ChatStore, ToolHost {
    package let pool: PostgresPool
    /// Connections to a replica, for reads.
    package let replica: PostgresPool?
    var gate: ReplicaGate
    /// Whether all that the process writes for a user goes through this store; if not, reads go to the primary.
    package var knowsWrites: (_ userID: String) -> Bool = { _ in true }
    var replicaReads: UInt64 = 0
    var primaryReads: UInt64 = 0
    private(set) var settings: StoreSettings
    let logger: Logger
    private let writer: BatchWriter
    var recoveryDoubt = RecoveryDoubt()
    /// Called when the database has refused a write because this process was fenced, with the name under which it was.
    package var onFenced: ((_ node: String) -> Void)?
    /// Called when a session has asked for a conversation that is another user's, or sent to it.
    package var onMissing: ((_ userID: String, _ threadID: Identifier) -> Void)?
    /// Called when the database has refused a turn because another gateway has the session of that user.
    package var onDisowned: ((_ userID: String) -> Void)?

    /// - Parameters:
    ///   - pool: with connections that work as `parley_gateway`.
    ///   - replica: likewise, on the same loop, to a server that follows the pool's. The caller starts and closes it.
    package init(_ settings: StoreSettings, pool: PostgresPool, replica: PostgresPool? = nil, logger: Logger) {
        self.settings = settings
        self.pool = pool
        self.replica = replica
        self.logger = logger
        gate = ReplicaGate(capacity: settings.replicaUsers)
        writer = BatchWriter(settings, pool: pool, logger: logger)
        if replica != nil { writer.onWrite = { [unowned self] user in gate.wrote(user) } }
        writer.onFenced = { [weak self] node in self?.fenced(node) }
        writer.onDisowned = { [weak self] user in self?.onDisowned?(user) }
    }

    package var figures: StoreFigures {
        var figures = writer.figures
        figures.pool = pool.figures
        figures.replica = replica?.figures
        figures.replicaReads = replicaReads
        figures.primaryReads = primaryReads
        return figures
    }

    /// This process was taken for dead, and does not go on under another name yet.
    var isFenced: Bool { writer.isFenced }

    /// Rows that wait for a batch.
    package var waitingRows: Int { writer.waitingRows }

    // MARK: batches

    package func touch(_ user: UserRecord) {
        writer.add(user)
    }

    /// Claims a user's session for this process, with the batch that makes the user known.
    ///
    /// - Parameter completion: called once, when the database has answered, however long that takes.
    package func claim(_ user: UserRecord, completion: @escaping (Result<Claim, StoreError>) -> Void) {
        writer.add(user, claim: completion)
    }

    /// Gives a session back that was claimed as that epoch.
    package func release(_ userID: String, epoch: Int64) {
        writer.release(userID, epoch: epoch)
    }

    package func accept(_ turn: NewTurn, completion told: @escaping (StoreWrite<Acceptance>) -> Void) {
        let completion = { [self] (result: StoreWrite<Acceptance>) in
            told(result)
            if case .stored(.threadNotFound) = result { missed(turn.userID, turn.threadID) }
        }
        guard settings.contents.sealingKey != nil else { return writer.add(turn, completion) }
        sealing(completion) { () throws(PostgresError) in writer.add(try sealed(turn), completion) }
    }

    package func end(_ ending: RunEnding, completion: @escaping (StoreWrite<EndingOutcome>) -> Void) {
        guard settings.contents.sealingKey != nil else { return writer.add(ending, completion) }
        sealing(completion) { () throws(PostgresError) in writer.add(try sealed(ending), completion) }
    }

    package func checkpoint(_ checkpoint: RunCheckpoint) {
        guard settings.contents.sealingKey != nil else { return writer.add(checkpoint) }
        // One that can't be sealed is dropped: the next second brings another.
        if let sealed = try? sealed(checkpoint) { writer.add(sealed) }
    }

    // MARK: tools

    package func call(_ operation: ToolOperation, completion: @escaping (StoreWrite<ToolOutcome>) -> Void) {
        let type: ToolArguments.Operation
        var arguments: ToolArguments?
        var refusal: ToolOutcome?
        switch ToolArguments.check(name: operation.name, arguments: operation.arguments) {
        case .unknownTool:
            // The log has no kind for it, and there is no effect to repeat.
            let outcome = ToolOutcome.failed("unknown_tool", "There is no such tool.")
            _ = pool.loop.schedule(after: 0) { completion(.stored(outcome)) }
            return
        case .invalid(let kind, let message):
            type = kind
            refusal = .failed("invalid_arguments", message)
        case .valid(let valid):
            type = valid.operation
            arguments = valid
        }
        var logged = StorableText.clean(operation.arguments).description
        if logged.utf8.count > settings.loggedArguments { logged = "{\"truncated\":true}" }
        var call = Parameters()
        call.append(text: operation.userID)
        call.append(operation.threadID)
        call.append(operation.messageID)
        call.append(operation.key.runID)
        call.append(int4: Int32(clamping: operation.key.ordinal))
        call.append(text: type.rawValue)
        call.append(jsonb: logged)
        if let refusal { call.append(jsonb: refusal.result.description) } else { call.appendNull() }
        if let id = arguments?.taskID { call.append(int8: id) } else { call.appendNull() }
        call.append(text: arguments?.title)
        call.append(text: arguments?.description)
        if let completed = arguments?.completed { call.append(bool: completed) } else { call.appendNull() }
        call.append(text: settings.node)
        if let more = arguments?.more, !more.members.isEmpty {
            call.append(jsonb: JSON.object(more).description)
        } else {
            call.appendNull()
        }
        run(operation.userID, Statements.performTool, call, isWrite: true) { outcome in
            completion(StoreWrite(outcome.flatMap { Self.outcome($0) }))
        }
    }

    package func accepts(_ name: String, _ arguments: JSON) -> Bool {
        if case .valid = ToolArguments.check(name: name, arguments: arguments) { true } else { false }
    }

    private static func outcome(_ rows: Rows) -> Result<ToolOutcome, StoreError> {
        do {
            guard rows.count == 1, let status = ToolOutcome.Status(rawValue: try rows.text(0, 0)) else {
                return .failure(.rejected)
            }
            return .success(ToolOutcome(status: status, result: try JSON(parsing: try rows.jsonb(0, 1))))
        } catch {
            return .failure(.rejected)
        }
    }

    // MARK: life

    /// The database has said, or a sign of life has, that this process is taken for dead: nothing more is written under
    /// the name `node`, and what waits is answered `.fenced`.
    func fenced(_ node: String) {
        guard node == settings.node else { return }
        writer.fence()
        onFenced?(node)
    }

    /// The same, where it was learned elsewhere in the process.
    package func fence() {
        writer.fence()
    }

    /// The name under which is written.
    package var node: String { settings.node }

    /// Goes on under a new name, after `fence`. The database must know it: a write that is refused for want of its row
    /// fences.
    package func rejoin(as node: String) {
        recoveryDoubt = RecoveryDoubt()
        settings.node = node
        writer.rejoin(as: node)
    }

    /// Whether the database answers.
    package func ping(_ completion: @escaping (Bool) -> Void) {
        pool.transaction({ $0.send(Statements.ping, Parameters()) }) { outcome in
            if case .success = outcome { completion(true) } else { completion(false) }
        }
    }

    /// Refuses new turns, waits for what is under way. The pool is the caller's to close.
    package func close(_ completion: @escaping () -> Void) {
        writer.drain(completion)
    }
}
