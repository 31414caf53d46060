import EventLoop

/// An upstream as one shard sees it: streams of events with repetition, a breaker and a bounded, fair queue in front.
package final class Upstream {
    let client: HTTPClient
    let settings: UpstreamSettings
    let loop: EventLoop

    private var breaker: CircuitBreaker
    private var queue: FairQueue
    private var waiting: [Int: UpstreamCall] = [:]
    private var next = 1
    private var expiry: TimerToken?
    private var totals = UpstreamFigures()
    private var random = SystemRandomNumberGenerator()
    /// Where a redirect within the origin has led: by the address that was asked, of which there is one or two.
    private var targets: [HTTPURL: HTTPURL] = [:]
    private static let targetLimit = 16

    package init(_ client: HTTPClient, _ settings: UpstreamSettings) {
        self.client = client
        self.settings = settings
        loop = client.loop
        breaker = CircuitBreaker(failures: settings.breakerFailures, pause: settings.breakerPause)
        queue = FairQueue(limit: settings.streams, waiting: settings.waiting, waitLimit: settings.waitLimit)
    }

    package var figures: UpstreamFigures {
        var figures = totals
        figures.inUse = queue.inUse
        figures.waiting = queue.waiting
        figures.breaker = breaker.phase(at: loop.now)
        figures.opened = breaker.opened
        return figures
    }

    /// Asks for a stream of events. Whatever comes of it comes later, through `receiver`.
    ///
    /// - Parameters:
    ///   - user: whose turn it is in the queue.
    ///   - conversation: what it is for; the failures of one count once for the breaker.
    package func stream(
        _ request: HTTPClientRequest, user: String, conversation: UInt64? = nil, _ receiver: any UpstreamReceiver
    ) -> UpstreamCall {
        var request = request
        if let target = targets[request.url] { request.url = target }
        let call = UpstreamCall(next, request, user: user, conversation: conversation, receiver, self)
        next += 1
        if case .refused(let wait) = breaker.peek(at: loop.now) {
            totals.rejected += 1
            call.failSoon(.breakerOpen(for: wait))
            return call
        }
        switch queue.enter(call.number, user: user, at: loop.now) {
        case .go:
            call.isAdmitted = true
            call.attempt()
        case .wait:
            waiting[call.number] = call
            armExpiry()
        case .full:
            totals.crowdedOut += 1
            call.failSoon(.crowded)
        }
        return call
    }

    // MARK: What calls say

    var randomFraction: Double { Double.random(in: 0..<1, using: &random) }

    func askBreaker() -> CircuitBreaker.Answer {
        let answer = breaker.ask(at: loop.now)
        if case .refused = answer { totals.rejected += 1 }
        return answer
    }

    func attemptSucceeded() {
        breaker.succeeded()
    }

    func attemptFailed(_ failure: UpstreamFailure, probe: Bool, conversation: UInt64?) {
        if failure.countsAgainstUpstream {
            breaker.failed(probe: probe, source: conversation, at: loop.now)
        } else if failure.status != nil {
            // It answers, so it is alive.
            breaker.succeeded()
        } else if probe {
            breaker.probeAbandoned()
        }
    }

    func probeAnswered() { breaker.probeAnswered() }

    func probeAbandoned() { breaker.probeAbandoned() }

    func retried() { totals.retries += 1 }

    /// The address has moved within its origin: asked there from now on.
    func moved(from url: HTTPURL, to target: HTTPURL) {
        if targets.count < Self.targetLimit { targets[url] = target }
    }

    func ended(_ call: UpstreamCall, _ ending: UpstreamCall.Ending) {
        switch ending {
        case .completed: totals.completed += 1
        case .cancelled: totals.cancelled += 1
        case .failed(let code): totals.count(code)
        }
        if call.isAdmitted {
            call.isAdmitted = false
            if let number = queue.leave(), let next = waiting.removeValue(forKey: number) {
                next.isAdmitted = true
                // Not within the end of another: that one's owner has the floor.
                next.attemptSoon()
            }
        } else if waiting.removeValue(forKey: call.number) != nil {
            _ = queue.withdraw(call.number, user: call.user)
        }
    }

    private func armExpiry() {
        guard expiry == nil, let deadline = queue.deadline else { return }
        expiry = loop.schedule(after: deadline > loop.now ? deadline - loop.now : 0) { [weak self] in
            guard let self else { return }
            self.expiry = nil
            for number in self.queue.expire(at: self.loop.now) {
                guard let call = self.waiting.removeValue(forKey: number) else { continue }
                self.totals.crowdedOut += 1
                call.fail(.crowded)
            }
            self.armExpiry()
        }
    }
}
