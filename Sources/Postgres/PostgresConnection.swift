import CLibPQ
package import EventLoop

/// A connection in pipeline mode, confined to its loop.
///
/// It carries one transaction at a time: statements are given to libpq with `send` as they come, `commit` ends the
/// transaction, and at the end of the tick everything leaves in one write.
/// ```
/// Parse? Bind Execute · Parse? Bind Execute · … · Sync   →   results … · ReadyForQuery
/// ```
/// Between two Syncs the server runs everything as one implicit transaction that the Sync commits (PostgreSQL
/// documentation, "Pipeline Mode" and "Pipelining"): a BEGIN and a COMMIT without two more statements to run. When one
/// fails, the server skips the rest and rolls back. What a statement answers counts only when the Sync is answered, so
/// the results are delivered together, then.
package final class PostgresConnection: ReadinessHandler, TickParticipant {
    package typealias Completion = (Result<[Rows], PostgresError>) -> Void

    private enum Step {
        /// Its answer is nobody's.
        case preamble
        case preparation(Statement)
        case query
    }

    private enum State {
        case idle
        /// Statements were sent, the end was not.
        case open
        case ended(Completion)
        case closed
    }

    package let loop: EventLoop
    /// The pool's number for it.
    package let number: Int
    /// Which server it leads to.
    package let server: String
    /// Called once, when the connection is closed for whatever reason but `close`.
    package var onLoss: ((PostgresConnection, PostgresError) -> Void)?

    private let handle: ConnectionHandle
    private var preparesStatements = false
    /// What each transaction begins with.
    private var preamble: [(Statement, Parameters)] = []
    private var watch: WatchToken?
    private var state = State.idle
    private var steps: [Step] = []
    /// The step whose answer comes next.
    private var position = 0
    private var results: [Rows] = []
    /// The first thing that went wrong in the transaction.
    private var failure: PostgresError?
    /// Kept, so that no other statement can be taken for one of them.
    private var prepared: [ObjectIdentifier: Statement] = [:]
    private var preparing: Set<ObjectIdentifier> = []
    private var syncIsDue = false
    private var isEnlisted = false
    private var lossIsDue: PostgresError?
    /// Refusals that wait for the end of the tick, so that none comes before its call has returned.
    private var deferred: [() -> Void] = []
    /// When something was last heard, or first waited for.
    private var lastHeard: UInt64
    /// When something last came from the server.
    private(set) var lastReceived: UInt64
    /// When a transaction was last committed, the setup included.
    private(set) var lastCommitted: UInt64 = 0
    /// It was dropped while the server owed an answer, and may still be at work on it.
    private(set) var wasGivenUp = false
    /// An answer told of a lack of disk, memory or the like, since it was last asked.
    private var toldOfLack = false

    /// Prepares no statements until it is known whose session it works in.
    init(_ handle: ConnectionHandle, number: Int, on loop: EventLoop) throws(PostgresError) {
        guard let pointer = handle.pointer, PQsetnonblocking(pointer, 1) == 0, PQenterPipelineMode(pointer) == 1 else {
            throw PostgresError(kind: .connection, message: "pipeline mode was refused")
        }
        self.handle = handle
        self.number = number
        self.loop = loop
        lastHeard = loop.now
        lastReceived = loop.now
        server = handle.server
        do {
            watch = try loop.watch(PQsocket(pointer), .read, self)
        } catch {
            throw PostgresError(kind: .connection, message: "the loop refused the connection: \(error)")
        }
    }

    package var isOpen: Bool { if case .closed = state { false } else { true } }
    package var isIdle: Bool { if case .idle = state { true } else { false } }

    /// Process id of its server process.
    package var serverProcess: Int32 { handle.pointer.map { PQbackendPID($0) } ?? 0 }

    /// The encoding of its database.
    var encoding: String? { handle.encoding }
    /// The names by which `HostOrder` knows it.
    var host: (name: String, port: String) { (handle.host, handle.port) }
    /// Since when the answer is waited for without a byte from the server; `nil`: none is due.
    var waitsSince: UInt64? { if case .ended = state { lastHeard } else { nil } }

    func takeLackOfMeans() -> Bool {
        defer { toldOfLack = false }
        return toldOfLack
    }

    /// The server's session is this connection's alone.
    func hasOwnSession(prepares: Bool) {
        preparesStatements = prepares
    }

    /// A pooler lends the server's session for one transaction at a time.
    func sharesSession(begin preamble: [(Statement, Parameters)]) {
        self.preamble = preamble
    }

    // MARK: sending

    /// Adds a statement to the transaction. Errors are told by `commit`, which must follow in the same tick.
    package func send(_ statement: Statement, _ parameters: Parameters) {
        switch state {
        case .idle:
            begin()
            sendPreamble()
        case .open: break
        case .ended, .closed: return note(.usage("\(statement.name): the connection is not free"))
        }
        guard failure == nil, let pointer = handle.pointer else { return }
        guard parameters.count == statement.parameterTypes.count else {
            let error = PostgresError.usage("\(statement.name) takes \(statement.parameterTypes.count) parameters")
            note(error)
            // What was sent before must not be committed by the Sync.
            if !steps.isEmpty { lossIsDue = error }
            return
        }
        let key = ObjectIdentifier(statement)
        if preparesStatements, prepared[key] == nil, !preparing.contains(key) {
            guard
                PQsendPrepare(
                    pointer, statement.name, statement.sql, Int32(statement.parameterTypes.count),
                    statement.parameterTypes) == 1
            else { return noteSendFailure(pointer) }
            preparing.insert(key)
            steps.append(.preparation(statement))
        }
        guard dispatch(statement, parameters, on: pointer) else { return noteSendFailure(pointer) }
        steps.append(.query)
    }

    private func sendPreamble() {
        guard let pointer = handle.pointer else { return }
        for (statement, parameters) in preamble {
            guard dispatch(statement, parameters, on: pointer) else { return noteSendFailure(pointer) }
            steps.append(.preamble)
        }
    }

    /// Ends the transaction. `completion` comes once, later: one `Rows` for each statement, or why all is undone.
    package func commit(_ completion: @escaping Completion) {
        switch state {
        case .open:
            state = .ended(completion)
            syncIsDue = true
            enlist()
        case .idle:
            begin()
            state = .ended(completion)
            syncIsDue = true
            enlist()
        case .ended, .closed:
            let error = isOpen ? PostgresError.usage("the connection is not free") : Self.closedError
            deferred.append { completion(.failure(error)) }
            enlist()
        }
    }

    /// A whole transaction.
    package func pipeline(_ statements: [(Statement, Parameters)], completion: @escaping Completion) {
        if case .idle = state {
            for (statement, parameters) in statements { send(statement, parameters) }
        }
        commit(completion)
    }

    package func tickEnded() {
        isEnlisted = false
        if !deferred.isEmpty {
            let calls = deferred
            deferred.removeAll()
            for call in calls { call() }
        }
        sendNow()
    }

    /// Sends what `commit` has ended without waiting for the end of the tick, for who has much to do in this one.
    package func sendNow() {
        if let error = lossIsDue { return lose(error) }
        guard syncIsDue, let pointer = handle.pointer else { return }
        syncIsDue = false
        guard PQpipelineSync(pointer) == 1 else { return lose(connectionError(pointer)) }
        flush(pointer)
    }

    private func begin() {
        state = .open
        failure = nil
        position = 0
        steps.removeAll(keepingCapacity: true)
        lastHeard = loop.now
    }

    private func dispatch(_ statement: Statement, _ parameters: Parameters, on pointer: OpaquePointer) -> Bool {
        let count = parameters.items.count
        return parameters.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: count * 2) { numbers in
                    for (index, item) in parameters.items.enumerated() {
                        let address = bytes.baseAddress.map { $0 + item.offset }
                        values.initializeElement(
                            at: index, to: item.length < 0 ? nil : address?.assumingMemoryBound(to: CChar.self))
                        numbers.initializeElement(at: index, to: Int32(truncatingIfNeeded: max(item.length, 0)))
                        numbers.initializeElement(at: count + index, to: 1)
                    }
                    let lengths = UnsafePointer(numbers.baseAddress)
                    let formats = lengths.map { $0 + count }
                    if preparesStatements {
                        return PQsendQueryPrepared(
                            pointer, statement.name, Int32(count), values.baseAddress, lengths, formats, 1) == 1
                    }
                    return PQsendQueryParams(
                        pointer, statement.sql, Int32(count), statement.parameterTypes, values.baseAddress, lengths,
                        formats, 1) == 1
                }
            }
        }
    }

    private func enlist() {
        if isEnlisted { return }
        isEnlisted = true
        loop.atEndOfTick(self)
    }

    private func note(_ error: PostgresError) {
        if failure == nil { failure = error }
    }

    /// libpq could not queue something: the stream of messages has a hole, so the connection goes.
    private func noteSendFailure(_ pointer: OpaquePointer) {
        let error = connectionError(pointer)
        note(error)
        lossIsDue = error
        enlist()
    }

    // MARK: receiving

    package func ready(_ readiness: Readiness) {
        guard let pointer = handle.pointer else { return }
        if readiness != .write {
            lastHeard = loop.now
            lastReceived = loop.now
            guard PQconsumeInput(pointer) == 1 else {
                // What came before the end still counts: a shutdown is announced with its reason.
                drain(pointer)
                if let pointer = handle.pointer { lose(connectionError(pointer)) }
                return
            }
            drain(pointer)
        }
        if let pointer = handle.pointer, PQstatus(pointer) == CONNECTION_OK { flush(pointer) }
    }

    /// Takes what has arrived completely. A completion may begin the next transaction, or close the connection.
    private func drain(_ pointer: OpaquePointer) {
        while case .ended = state, !syncIsDue, PQisBusy(pointer) == 0 {
            guard let result = PQgetResult(pointer) else {
                // The end of one statement's answer. Between statements only: the answer to the Sync has none.
                if PQstatus(pointer) != CONNECTION_OK { return }
                position += 1
                if position > steps.count + 2 { return lose(.usage("the server's answers are out of step")) }
                continue
            }
            take(result, pointer)
            if handle.pointer == nil { return }
        }
        if case .idle = state { _ = PQisBusy(pointer) }
    }

    private func take(_ result: OpaquePointer, _ pointer: OpaquePointer) {
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            finish()
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
            guard position < steps.count else {
                PQclear(result)
                return
            }
            switch steps[position] {
            case .preamble:
                PQclear(result)
            case .preparation(let statement):
                PQclear(result)
                prepared[ObjectIdentifier(statement)] = statement
            case .query:
                results.append(Rows(taking: result))
            }
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
        default:
            note(Self.serverError(result))
            PQclear(result)
        }
    }

    private func finish() {
        guard case .ended(let completion) = state else { return }
        state = .idle
        preparing.removeAll(keepingCapacity: true)
        let answers = results
        results = []
        if let failure {
            if failure.isLackOfMeans { toldOfLack = true }
            // Before anyone hears of it, so that nobody is given the session.
            if failure.endsSession { lose(failure) }
            completion(.failure(failure))
        } else {
            lastCommitted = loop.now
            completion(.success(answers))
        }
    }

    private func flush(_ pointer: OpaquePointer) {
        switch PQflush(pointer) {
        case 0: if let watch { loop.change(watch, to: .read) }
        case 1: if let watch { loop.change(watch, to: [.read, .write]) }
        default: lose(connectionError(pointer))
        }
    }

    // MARK: closing

    /// Drops the connection, from which nothing more is expected.
    package func dropAsSilent() {
        if case .ended = state { wasGivenUp = true }
        lose(PostgresError(kind: .connection, message: "the server has stopped answering"))
    }

    /// Closes at once. A transaction under way fails with an unknown outcome; `onLoss` is not called.
    package func close() {
        onLoss = nil
        lose(PostgresError(kind: .connection, message: "the connection was closed"))
    }

    private func lose(_ error: PostgresError) {
        if case .closed = state { return }
        let previous = state
        // Before the Sync is handed to libpq nothing can have been committed.
        let wasEnded = !syncIsDue
        state = .closed
        syncIsDue = false
        lossIsDue = nil
        results = []
        if let watch { loop.unwatch(watch) }
        watch = nil
        handle.close()
        var error = error
        if error.message.isEmpty { error.message = "the connection was lost" }
        if let failure, failure.kind == .server, failure.sqlState.hasPrefix("57P") {
            // The server said why it went.
            error.sqlState = failure.sqlState
            error.message = failure.message
        }
        if case .ended(let completion) = previous {
            var told = error
            told.kind = .connection
            told.isOutcomeUnknown = wasEnded
            completion(.failure(told))
        }
        let onLoss = onLoss
        self.onLoss = nil
        error.kind = .connection
        onLoss?(self, error)
    }

    private static let closedError = PostgresError(kind: .connection, message: "the connection is closed")

    private func connectionError(_ pointer: OpaquePointer) -> PostgresError {
        PostgresError(kind: .connection, message: ConnectionHandle.lastMessage(of: pointer))
    }

    private static func serverError(_ result: OpaquePointer) -> PostgresError {
        func field(_ code: Int32) -> String? {
            PQresultErrorField(result, code).map { String(cString: $0) }
        }
        return PostgresError(
            kind: .server,
            sqlState: field(Int32(UInt8(ascii: "C"))) ?? "",
            message: ConnectionHandle.oneLine(PQresultErrorField(result, Int32(UInt8(ascii: "M")))),
            constraint: field(Int32(UInt8(ascii: "n"))))
    }
}
