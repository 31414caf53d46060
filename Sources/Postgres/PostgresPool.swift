package import EventLoop

/// The connections of one shard: carries out what `PoolMachine` decides. Confined to its loop.
package final class PostgresPool {
    package typealias Lease = (Result<PostgresConnection, PostgresError>) -> Void

    package let loop: EventLoop
    /// Why the last attempt or connection failed; `nil` while all is well.
    package private(set) var lastError: PostgresError?

    private let settings: PostgresSettings
    private var machine: PoolMachine
    private var connections: [Int: PostgresConnection] = [:]
    private var waiters: [Int: Lease] = [:]
    private var nextWaiter = 1
    private var isActing = false
    private var timer: TimerToken?
    private var timerDeadline: UInt64?
    private var watchdog: TimerToken?
    private var closed: (() -> Void)?
    private var closeTimer: TimerToken?

    package init(_ settings: PostgresSettings, _ limits: PoolSettings, on loop: EventLoop) {
        self.settings = settings
        self.loop = loop
        machine = PoolMachine(limits)
    }

    /// Opens the first connections.
    package func start() {
        loop.assertCurrent()
        machine.start(at: loop.now)
        act()
        scheduleWatchdog()
    }

    /// False while the database is known to be away; for `/readyz`.
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

    /// Closes a connection that works but is of no use: its server only reads since another has taken over.
    package func discard(_ connection: PostgresConnection, because error: PostgresError) {
        guard connections[connection.number] === connection else { return }
        connection.close()
        lost(connection, error)
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
        machine.lost(connection.number, at: loop.now, random: Double.random(in: 0..<1))
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

    /// Looks once a second for connections whose server has stopped answering.
    private func scheduleWatchdog() {
        watchdog = loop.schedule(after: 1_000_000_000) { [weak self] in
            guard let self else { return }
            let silent = connections.values.filter { $0.isSilent(for: settings.silenceLimit) }
            if !silent.isEmpty {
                // Before those are told whose answers are lost: they ask again at once.
                machine.distrustIdle(at: loop.now)
                act()
                for connection in silent { connection.dropAsSilent() }
            }
            scheduleWatchdog()
        }
    }

    private func abandon() {
        for connection in Array(connections.values) { connection.close() }
        connections.removeAll()
        finishClose()
    }

    private func finishClose() {
        if let timer { loop.cancel(timer) }
        if let watchdog { loop.cancel(watchdog) }
        if let closeTimer { loop.cancel(closeTimer) }
        timer = nil
        watchdog = nil
        closeTimer = nil
        let closed = closed
        self.closed = nil
        closed?()
    }
}
