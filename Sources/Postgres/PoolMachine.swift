import DequeModule

/// Bounds of a pool. Times are nanoseconds.
package struct PoolSettings: Sendable, Equatable {
    /// Connections that are kept open.
    package var minimum = 5
    /// Connections that stay open while there is use for them.
    package var maximum = 20
    /// Connections beyond `maximum` in a spike.
    package var overflow = 10
    /// Requests that may wait for a connection.
    package var waiting = 1_000
    /// How long one may wait.
    package var waitLimit: UInt64 = 5_000_000_000
    /// An idle connection beyond `maximum` is closed after this.
    package var overflowIdle: UInt64 = 30_000_000_000
    /// An idle connection beyond `minimum` is closed after this.
    package var idle: UInt64 = 300_000_000_000
    /// The first pause after a failed attempt; doubled each time.
    package var backoff: UInt64 = 100_000_000
    /// The longest pause. Below two seconds by the time of an attempt, so that the gateway serves again within two
    /// seconds of the server's return.
    package var backoffLimit: UInt64 = 1_500_000_000

    package init() {}

    /// One shard's share of bounds that hold for the process; never less than two connections, since the writer keeps
    /// one, and another must be free to ask whether the server is still there.
    package func share(of shards: Int) -> PoolSettings {
        let shards = max(shards, 1)
        var share = self
        share.minimum = max(2, (minimum + shards - 1) / shards)
        share.maximum = max(2, share.minimum, maximum / shards)
        share.overflow = overflow / shards
        share.waiting = max(1, waiting / shards)
        return share
    }
}

extension PoolSettings {
    /// The same for reads that another server can answer as well: hardly waited for.
    package var forReplica: PoolSettings {
        var settings = self
        settings.minimum = 1
        settings.waitLimit = 250_000_000
        settings.waiting = min(waiting, 100)
        return settings
    }
}

/// What can be counted of a pool.
package struct PoolFigures: Sendable, Equatable {
    package var inUse = 0
    package var idle = 0
    package var waiting = 0
    package var opening = 0
    /// Given up while the server was at work for them, and perhaps is still.
    package var leftBehind = 0
    /// Since the start:
    package var opened = 0
    package var failed = 0
    package var lost = 0
    package var timedOut = 0
    package var refused = 0

    package init() {}
}

/// The rules of a connection pool: who gets which connection, when one is opened or closed. Pure: time and randomness
/// are inputs, what is to be done is collected in `actions`.
package struct PoolMachine {
    package enum Refusal: Sendable, Equatable {
        /// The database is known to be away.
        case unavailable
        /// The queue is full.
        case full
        case timedOut
        case closed
    }

    package enum Action: Sendable, Equatable {
        case open(connection: Int)
        case grant(connection: Int, waiter: Int)
        case refuse(waiter: Int, Refusal)
        case close(connection: Int)
    }

    private struct Idle {
        var connection: Int
        var since: UInt64
    }

    private struct Waiter {
        var number: Int
        var deadline: UInt64
    }

    private let settings: PoolSettings
    private var nextConnection = 1
    /// Open connections and when they were opened.
    private var open: [Int: UInt64] = [:]
    /// The last released is the first used, so that those not needed grow old at the front.
    private var idle: Deque<Idle> = []
    private var waiters: Deque<Waiter> = []
    private var opening = 0
    /// Until when the server may still be at work for connections that were given up, in order of time. They count
    /// against the bound as if they were open.
    private var leftBehind: Deque<UInt64> = []
    /// Attempts that failed since the last success.
    private var failures = 0
    private var retryAt: UInt64 = 0
    private var isClosing = false
    private var totals = PoolFigures()
    /// To be carried out in order and cleared by the driver.
    package var actions: [Action] = []

    package init(_ settings: PoolSettings) {
        self.settings = settings
    }

    /// False when the last attempt to connect failed and no connection is left.
    package var isAvailable: Bool { !(open.isEmpty && failures > 0) && !isClosing }

    /// Closing, and nothing is left open.
    package var isClosed: Bool { isClosing && open.isEmpty && opening == 0 }

    package var figures: PoolFigures {
        var figures = totals
        figures.inUse = open.count - idle.count
        figures.idle = idle.count
        figures.waiting = waiters.count
        figures.opening = opening
        figures.leftBehind = leftBehind.count
        return figures
    }

    /// When `tick` has something to do, if nothing else happens.
    package var deadline: UInt64? {
        var deadline = waiters.first?.deadline
        func consider(_ time: UInt64) { deadline = min(deadline ?? time, time) }
        if let limit = idleLimit, let oldest = idle.first { consider(oldest.since &+ limit) }
        if !isClosing, failures > 0, opening == 0, wanted > open.count { consider(retryAt) }
        if !waiters.isEmpty, let until = leftBehind.first { consider(until) }
        return deadline
    }

    // MARK: events

    package mutating func start(at now: UInt64) {
        fill(now)
    }

    package mutating func lease(_ waiter: Int, at now: UInt64) {
        if isClosing { return refuse(waiter, .closed) }
        if let entry = idle.popLast() {
            actions.append(.grant(connection: entry.connection, waiter: waiter))
            return
        }
        if !isAvailable { return refuse(waiter, .unavailable) }
        if waiters.count >= settings.waiting { return refuse(waiter, .full) }
        waiters.append(Waiter(number: waiter, deadline: now &+ settings.waitLimit))
        fill(now)
    }

    /// The connection is free again and works.
    package mutating func release(_ connection: Int, at now: UInt64) {
        guard open[connection] != nil else { return }
        provide(connection, now)
    }

    package mutating func opened(_ connection: Int, at now: UInt64) {
        opening -= 1
        failures = 0
        totals.opened += 1
        open[connection] = now
        provide(connection, now)
        fill(now)
    }

    /// - Parameter random: 0 ..< 1.
    package mutating func openFailed(_ connection: Int, at now: UInt64, random: Double) {
        opening -= 1
        totals.failed += 1
        backOff(now, random)
    }

    /// An open connection, in use or idle, has broken.
    ///
    /// - Parameter working: how long the server may still be at work for it: it was given up in the middle.
    package mutating func lost(_ connection: Int, at now: UInt64, random: Double, working: UInt64 = 0) {
        guard let since = open.removeValue(forKey: connection) else { return }
        totals.lost += 1
        if working > 0 {
            let until = now &+ working
            leftBehind.insert(until, at: leftBehind.firstIndex { $0 > until } ?? leftBehind.endIndex)
        }
        idle.removeAll { $0.connection == connection }
        // One that dies at once is as good as none: without a pause the pool would open and lose them in a circle.
        if now &- since < 1_000_000_000 {
            backOff(now, random)
        } else {
            fill(now)
        }
    }

    /// Another server has taken over: what was left behind is not there.
    package mutating func serverChanged(at now: UInt64) {
        leftBehind.removeAll()
        fill(now)
    }

    /// A server has stopped answering, or only reads: what is idle may be as silent, and whoever got it would wait as long again.
    package mutating func distrustIdle(at now: UInt64) {
        while let entry = idle.popFirst() { shut(entry.connection) }
        fill(now)
    }

    package mutating func tick(at now: UInt64) {
        while let first = waiters.first, first.deadline <= now {
            waiters.removeFirst()
            totals.timedOut += 1
            actions.append(.refuse(waiter: first.number, .timedOut))
        }
        while let limit = idleLimit, let oldest = idle.first, oldest.since &+ limit <= now {
            idle.removeFirst()
            shut(oldest.connection)
        }
        while let until = leftBehind.first, until <= now { leftBehind.removeFirst() }
        fill(now)
    }

    /// Idle connections close now, the others when they are released.
    package mutating func close() {
        isClosing = true
        while let waiter = waiters.popFirst() { refuse(waiter.number, .closed) }
        while let entry = idle.popFirst() { shut(entry.connection) }
    }

    // MARK: rules

    /// How many connections there should be. One at least, however much was left behind: else nobody would notice that
    /// the server is back.
    private var wanted: Int {
        let inUse = open.count - idle.count
        let bound = max(settings.maximum + settings.overflow - leftBehind.count, 1)
        return min(max(settings.minimum, inUse + waiters.count), bound)
    }

    /// How long the oldest idle connection may stay; `nil`: for good.
    private var idleLimit: UInt64? {
        if open.count > settings.maximum { return settings.overflowIdle }
        return open.count > settings.minimum ? settings.idle : nil
    }

    private mutating func fill(_ now: UInt64) {
        if isClosing { return }
        if failures > 0 {
            // One attempt at a time shows whether the server is back.
            guard opening == 0, now >= retryAt, wanted > open.count else { return }
            begin()
            return
        }
        while open.count + opening < wanted { begin() }
    }

    private mutating func begin() {
        opening += 1
        actions.append(.open(connection: nextConnection))
        nextConnection += 1
    }

    private mutating func provide(_ connection: Int, _ now: UInt64) {
        if isClosing { return shut(connection) }
        if let waiter = waiters.popFirst() {
            actions.append(.grant(connection: connection, waiter: waiter.number))
        } else {
            idle.append(Idle(connection: connection, since: now))
        }
    }

    private mutating func backOff(_ now: UInt64, _ random: Double) {
        let exponent = UInt64(min(failures, 10))
        let pause = min(settings.backoff << exponent, settings.backoffLimit)
        failures += 1
        // Half of the pause is left to chance, so that shards and gateways do not come back in step.
        retryAt = now &+ pause / 2 &+ UInt64(Double(pause / 2) * min(max(random, 0), 1))
        if open.isEmpty {
            while let waiter = waiters.popFirst() { refuse(waiter.number, .unavailable) }
        }
    }

    private mutating func refuse(_ waiter: Int, _ refusal: Refusal) {
        totals.refused += 1
        actions.append(.refuse(waiter: waiter, refusal))
    }

    private mutating func shut(_ connection: Int) {
        open[connection] = nil
        actions.append(.close(connection: connection))
    }
}
