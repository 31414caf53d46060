package import EventLoop

/// The connections of one shard: carries out what `PoolMachine` decides. Confined to its loop.
package final class PostgresPool {
    package typealias Lease = (Result<PostgresConnection, PostgresError>) -> Void

    package let loop: EventLoop
    /// Why the last attempt or connection failed; `nil` while all is well.
    package private(set) var lastError: PostgresError?

    private let settings: PostgresSettings
    private var machine: PoolMachine
    private var watch: PoolWatch
    /// The server that was connected to last.
    private var newestServer = ""
    /// When a transaction was last committed on a connection that is gone.
    private var lastCommitted: UInt64 = 0
    /// When the server last refused something for lack of disk, memory or the like, until it has proved otherwise.
    private var lackedMeansAt: UInt64?
    private var connections: [Int: PostgresConnection] = [:]
    private var waiters: [Int: Lease] = [:]
    private var nextWaiter = 1
    private var isActing = false
    private var timer: TimerToken?
    private var timerDeadline: UInt64?
    private var watchTimer: TimerToken?
    private var closed: (() -> Void)?
    private var closeTimer: TimerToken?

    package init(_ settings: PostgresSettings, _ limits: PoolSettings, on loop: EventLoop) {
        self.settings = settings
        self.loop = loop
        machine = PoolMachine(limits)
        watch = PoolWatch(vanishedLimit: settings.vanishedLimit, silenceLimit: settings.silenceLimit)
    }

    /// Opens the first connections.
    package func start() {
        loop.assertCurrent()
        machine.start(at: loop.now)
        act()
        scheduleWatch()
    }

    /// False while the database is known to be away.
    package var isAvailable: Bool { machine.isAvailable }

    package var figures: PoolFigures { machine.figures }

    /// Gives a connection for one's own use until `release`, at once where one is free: `lease` may then be called
    /// before this returns.
    package func lease(_ lease: @escaping Lease) {
        let number = nextWaiter
        nextWaiter += 1
        waiters[number] = lease
        machine.lease(number, at: loop.now)
        act()
    }

    /// Takes a connection back. One with a transaction under way must not be given back; a lost one may be.
    package func release(_ connection: PostgresConnection) {
        guard connections[connection.number] === connection else { return }
        machine.release(connection.number, at: loop.now)
        act()
    }

    /// One transaction on any connection. `fill` sends its statements.
    package func transaction(
        _ fill: @escaping (PostgresConnection) -> Void, completion: @escaping PostgresConnection.Completion
    ) {
        lease { outcome in
            switch outcome {
            case .failure(let error): completion(.failure(error))
            case .success(let connection):
                fill(connection)
                connection.commit { [self] answer in
                    release(connection)
                    completion(answer)
                }
            }
        }
    }

    /// Refuses new leases, waits for those under way, closes what is left after `nanoseconds`.
    package func close(within nanoseconds: UInt64, _ completion: @escaping () -> Void) {
        closed = completion
        machine.close()
        act()
        if closed == nil { return }
        closeTimer = loop.schedule(after: nanoseconds) { [weak self] in self?.abandon() }
    }

    // MARK: driving

    /// Carries out the machine's decisions. What is called may come back here: the outermost call goes on until
    /// nothing is left, so that decisions are carried out in the order in which they were made.
    private func act() {
        if isActing { return }
        isActing = true
        while !machine.actions.isEmpty {
            var actions: [PoolMachine.Action] = []
            swap(&actions, &machine.actions)
            for action in actions { perform(action) }
            if machine.actions.isEmpty {
                actions.removeAll(keepingCapacity: true)
                swap(&actions, &machine.actions)
            }
        }
        isActing = false
        schedule()
        if machine.isClosed, closed != nil {
            // Whoever released the last connection hears its answer first.
            _ = loop.schedule(after: 0) { [self] in finishClose() }
        }
    }

    private func perform(_ action: PoolMachine.Action) {
        switch action {
        case .open(let number): open(number)
        case .grant(let number, let waiter):
            guard let lease = waiters.removeValue(forKey: waiter), let connection = connections[number] else { return }
            lease(.success(connection))
        case .refuse(let waiter, let refusal):
            waiters.removeValue(forKey: waiter)?(.failure(error(for: refusal)))
        case .close(let number):
            connections.removeValue(forKey: number)?.close()
        }
    }

    private func error(for refusal: PoolMachine.Refusal) -> PostgresError {
        let message =
            switch refusal {
            case .unavailable: "the database is away: \(lastError?.message ?? "no connection")"
            case .full: "too many requests are waiting for a connection"
            case .timedOut: "no connection became free in time"
            case .closed: "the pool is closed"
            }
        return PostgresError(kind: .pool, message: message)
    }

    private func open(_ number: Int) {
        let completion: (Result<ConnectionHandle, PostgresError>) -> Void = { [weak self] outcome in
            self?.connected(number, outcome)
        }
        ConnectionHandle.connect(settings, on: loop, completion: LoopBound(completion, on: loop))
    }

    private func connected(_ number: Int, _ outcome: Result<ConnectionHandle, PostgresError>) {
        do throws(PostgresError) {
            let connection = try PostgresConnection(outcome.get(), number: number, on: loop)
            // Until it is set up it is watched, but nobody's.
            connections[number] = connection
            ConnectionSetup.run(connection, settings) { [weak self] error in
                guard let self else { return }
                if let error {
                    connections[number] = nil
                    connection.close()
                    failed(number, error)
                } else {
                    lastError = nil
                    connection.onLoss = { [weak self] connection, error in self?.lost(connection, error) }
                    if newestServer != connection.server {
                        newestServer = connection.server
                        machine.serverChanged(at: loop.now)
                    }
                    machine.opened(number, at: loop.now)
                    act()
                }
            }
        } catch {
            failed(number, error)
        }
    }

    private func failed(_ number: Int, _ error: PostgresError) {
        lastError = error
        machine.openFailed(number, at: loop.now, random: Double.random(in: 0..<1))
        act()
    }

    private func lost(_ connection: PostgresConnection, _ error: PostgresError) {
        lastError = error
        connections[connection.number] = nil
        lastCommitted = max(lastCommitted, connection.lastCommitted)
        // Those that are idle began as this one did.
        if error.isReadOnly { machine.distrustIdle(at: loop.now) }
        machine.lost(
            connection.number, at: loop.now, random: Double.random(in: 0..<1),
            working: connection.wasGivenUp ? UInt64(max(settings.statementTimeout, 0)) * 1_000_000 : 0)
        act()
    }

    private func schedule() {
        let deadline = machine.deadline
        // A timer that is early is harmless and cheaper than one set anew for each lease.
        if let deadline, let timerDeadline, timerDeadline <= deadline { return }
        if let timer { loop.cancel(timer) }
        timer = nil
        timerDeadline = deadline
        guard let deadline else { return }
        let delay = deadline > loop.now ? deadline - loop.now : 0
        timer = loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            timer = nil
            timerDeadline = nil
            machine.tick(at: loop.now)
            act()
        }
    }

    // MARK: watching

    private static let probe = Statement("parley_probe", "select 1")
    /// Reaches the log, and the disk with its commit, but no table. Not everybody may do it: that is an answer too.
    private static let writeProbe = Statement(
        "parley_write_probe", "select pg_catalog.pg_logical_emit_message(true, 'parley', '')")

    /// For how long at least a lack of means is held to go on. The log may still take what the tables don't.
    private static let lackLimit: UInt64 = 3_000_000_000

    /// What is wrong with the database, by the last that was seen of it; `nil`: it takes writes. Answers at once.
    ///
    /// - Parameter limit: nanoseconds since a transaction was last committed, after which the server is held to be
    ///   silent. More than `PoolWatch.interval`, after which it is asked.
    package func problem(limit: UInt64 = 2_000_000_000) -> PoolProblem? {
        guard machine.isAvailable else { return lastError?.tellsReadOnly == true ? .readOnly : .away }
        if lackedMeansAt != nil { return .lacksMeans }
        // All connections may be at work for long: a server that is dialled and answers is there.
        guard loop.now > max(lastCommit(), watch.lastDialled) &+ limit else { return nil }
        // Where all is kept and nothing asked, nothing is known.
        return machine.figures.idle > 0 || connections.values.contains { $0.waitsSince != nil } ? .silent : nil
    }

    private func lastCommit() -> UInt64 {
        connections.values.reduce(lastCommitted) { max($0, $1.lastCommitted) }
    }

    private func scheduleWatch() {
        watchTimer = loop.schedule(after: PoolWatch.interval) { [weak self] in
            guard let self else { return }
            look()
            scheduleWatch()
        }
    }

    private func look() {
        for connection in connections.values where connection.takeLackOfMeans() { lackedMeansAt = loop.now }
        let facts = connections.values.filter { $0.lastCommitted > 0 }.map {
            PoolWatch.Connection(
                number: $0.number, server: $0.server, waitsSince: $0.waitsSince, lastReceived: $0.lastReceived)
        }
        // After a while proof is asked for at each look.
        let committed = wantsProof ? 0 : lastCommit()
        let isAnyFree = machine.figures.idle > 0
        for action in watch.look(
            at: loop.now, facts, committed: committed, newest: newestServer, isAnyFree: isAnyFree)
        {
            switch action {
            case .probe: sendProbe()
            case .dial: dial()
            case .leave(let server): leave(server)
            case .drop(let number): drop([number].compactMap { connections[$0] })
            }
        }
    }

    private func sendProbe() {
        let statement = wantsProof ? Self.writeProbe : Self.probe
        lease { [weak self] outcome in
            guard let self else { return }
            guard case .success(let connection) = outcome else { return watch.probeEnded() }
            watch.probeBegan(on: connection.number)
            connection.pipeline([(statement, Parameters())]) { [weak self] answer in
                guard let self else { return }
                watch.probeEnded()
                if statement === Self.writeProbe { proved(answer) }
                release(connection)
            }
        }
    }

    private var wantsProof: Bool { lackedMeansAt.map { loop.now >= $0 &+ Self.lackLimit } ?? false }

    private func proved(_ answer: Result<[Rows], PostgresError>) {
        switch answer {
        case .success: lackedMeansAt = nil
        case .failure(let error): if error.kind == .server, !error.isLackOfMeans { lackedMeansAt = nil }
        }
    }

    private func dial() {
        let completion: (Result<ConnectionHandle, PostgresError>) -> Void = { [weak self] outcome in
            guard let self else { return }
            let handle = try? outcome.get()
            watch.dialEnded(at: loop.now, server: handle?.server)
            handle?.close()
        }
        ConnectionHandle.connect(settings, on: loop, completion: LoopBound(completion, on: loop))
    }

    private func leave(_ server: String) {
        let gone = connections.values.filter { $0.server == server }
        if let host = gone.first?.host { settings.hosts.fellSilent(host: host.name, port: host.port) }
        drop(gone)
    }

    private func drop(_ silent: [PostgresConnection]) {
        // Before those are told whose answers are lost: they ask again at once.
        machine.distrustIdle(at: loop.now)
        act()
        for connection in silent { connection.dropAsSilent() }
    }

    private func abandon() {
        for connection in Array(connections.values) { connection.close() }
        connections.removeAll()
        finishClose()
    }

    private func finishClose() {
        if let timer { loop.cancel(timer) }
        if let watchTimer { loop.cancel(watchTimer) }
        if let closeTimer { loop.cancel(closeTimer) }
        timer = nil
        watchTimer = nil
        closeTimer = nil
        let closed = closed
        self.closed = nil
        closed?()
    }
}

/// Why a pool's database takes no writes.
package enum PoolProblem: Sendable, Equatable {
    /// No connection can be made.
    case away
    /// Only sessions that read can be had.
    case readOnly
    /// It lacks the means: disk, memory.
    case lacksMeans
    /// It does not answer.
    case silent
}
