/// What a connection is waiting for, since when, and the one alarm behind it.
///
/// The alarm is not moved when a deadline moves back, which on a busy connection happens with every request: it rings
/// at the old time, and is set anew if the time is not up.
struct HTTPConnectionTiming {
    /// How much of a request is here.
    enum Request {
        case none
        case head
        case body
    }

    enum Wait: Equatable {
        /// The first head of a connection, counted from the accept.
        case firstHead
        case nextRequest
        case head
        case body
        case peerToRead
        case nothing
    }

    private(set) var wait: Wait = .nothing
    private var exchange: UInt64 = .max
    private(set) var deadline: UInt64?
    /// When the alarm will ring.
    private(set) var alarm: UInt64?

    /// Notes what is waited for. The same wait for the same request keeps its deadline.
    ///
    /// - Returns: how long until the alarm must ring, when it must be set anew.
    mutating func note(_ wait: Wait, exchange: UInt64, now: UInt64, timeout: UInt64) -> UInt64? {
        guard wait != self.wait || exchange != self.exchange else { return nil }
        self.wait = wait
        self.exchange = exchange
        deadline = wait == .nothing ? nil : now &+ timeout
        guard let deadline, alarm.map({ deadline < $0 }) ?? true else { return nil }
        alarm = deadline
        return deadline - now
    }

    enum Ring {
        case timedOut(Wait)
        case again(after: UInt64)
        case nothing
    }

    /// The alarm rang.
    mutating func rang(now: UInt64) -> Ring {
        alarm = nil
        guard let deadline else { return .nothing }
        if deadline <= now { return .timedOut(wait) }
        alarm = deadline
        return .again(after: deadline - now)
    }

    /// The wait begins anew: there was progress.
    mutating func restart() {
        exchange = .max
    }

    mutating func forgetAlarm() {
        alarm = nil
    }
}

extension HTTPServerConnection {
    func updateTiming() {
        let (wait, timeout) = currentWait()
        if let delay = timing.note(wait, exchange: exchange, now: transport.now, timeout: timeout) {
            transport.setAlarm(after: delay, for: self)
        }
        if case .gone = phase, timing.alarm != nil {
            timing.forgetAlarm()
            transport.setAlarm(after: nil, for: self)
        }
    }

    package func alarmRang() {
        switch timing.rang(now: transport.now) {
        case .nothing: break
        case .again(let delay): transport.setAlarm(after: delay, for: self)
        case .timedOut(let wait): timedOut(wait)
        }
    }

    private func timedOut(_ wait: HTTPConnectionTiming.Wait) {
        switch wait {
        case .nothing: break
        case .nextRequest: linger()
        case .firstHead where parserState == .none: linger()
        case .firstHead, .head, .body: refuse(.requestTimedOut)
        case .peerToRead: transport.close()
        }
    }

    private func currentWait() -> (HTTPConnectionTiming.Wait, UInt64) {
        let settings = context.settings
        if awaitsDrain { return (.peerToRead, settings.stallTimeout) }
        guard case .reading = phase else { return (.nothing, 0) }
        switch parserState {
        case .body: return (.body, settings.bodyTimeout)
        case .head where exchange == 0, .none where exchange == 0:
            return (.firstHead, settings.headTimeout - min(spent, settings.headTimeout))
        case .head: return (.head, settings.headTimeout)
        case .none: return (.nextRequest, settings.idleTimeout)
        }
    }
}
