import EventLoop

/// Hears of a call, on the loop and never from within the call that began it. Kept by the call until that is over.
package protocol UpstreamReceiver: AnyObject {
    /// An event, in place: valid during the call.
    func upstream(_ call: UpstreamCall, event: ServerSentEvent)
    /// What came so far is void: the request is sent again. Only before `commit`.
    func upstreamRestarts(_ call: UpstreamCall)
    /// The stream has come to its end. Whether the reply is whole: if not, it is treated as cut off, which is tried again
    /// before `commit` and a failure after.
    func upstreamEnded(_ call: UpstreamCall) -> Bool
    /// The last word.
    func upstream(_ call: UpstreamCall, failed failure: UpstreamFailure)
}

/// A request to an upstream with all its attempts.
package final class UpstreamCall {
    enum Ending { case completed, cancelled, failed(UpstreamFailure.Code) }

    private enum Stage {
        /// In the queue, or between two attempts.
        case waiting
        case streaming(HTTPExchange)
        /// An answer with an error status, whose body is read for its detail.
        case refused(HTTPExchange)
        /// The reply is whole; what is left of the body is read so that the connection can serve again.
        case draining(HTTPExchange)
        case over
    }

    let number: Int
    let user: String
    var isAdmitted = false

    private let upstream: Upstream
    private var request: HTTPClientRequest?
    private var receiver: (any UpstreamReceiver)?
    private var stage: Stage = .waiting
    private var events: ServerSentEventParser
    private var rules: RetryRules
    private var timer: TimerToken?
    private var isCommitted = false
    private var isPaused = false
    private var isProbe = false
    private var hasAnswer = false
    /// Whether the consumer was given an event of this attempt.
    private var hasEvents = false
    private var head: (status: Int, retryAfter: Int?)?
    private var detail: [UInt8] = []

    private static let detailLimit = 4 << 10
    /// What may follow the reply's own end before the connection is given up for reuse, and for how long.
    private static let drainBytes = 16 << 10
    private static let drainTime: UInt64 = 1_000_000_000
    private var drained = 0

    init(
        _ number: Int, _ request: HTTPClientRequest, user: String, _ receiver: any UpstreamReceiver,
        _ upstream: Upstream
    ) {
        self.number = number
        self.request = request
        self.user = user
        self.receiver = receiver
        self.upstream = upstream
        events = ServerSentEventParser(eventBytes: upstream.settings.eventBytes)
        rules = RetryRules(upstream.settings)
    }

    // MARK: What the consumer says

    /// Something of the reply was shown: from here on nothing is tried again.
    package func commit() {
        guard !isCommitted else { return }
        isCommitted = true
        request = nil
    }

    /// The reply is whole, whatever else the upstream may send. Nothing more is heard of this call.
    package func finish() {
        guard case .streaming(let exchange) = stage else { return }
        upstream.attemptSucceeded()
        end(.completed, to: .draining(exchange))
        exchange.resumeReading()
        timer = upstream.loop.schedule(after: Self.drainTime) { self.endDraining() }
    }

    /// The stream itself says that the reply failed: tried again where that may help and nothing was shown yet.
    /// Otherwise `failed` follows, later.
    package func reject(_ failure: UpstreamFailure) {
        guard case .streaming(let exchange) = stage else { return }
        stage = .waiting
        exchange.cancel()
        attemptFailed(failure, now: false)
    }

    /// Ends it at once, without a word: its connection is closed, so that the upstream stops.
    package func cancel() {
        guard receiver != nil else { return }
        let exchange = exchange
        if isProbe { upstream.probeAbandoned() }
        end(.cancelled, to: .over)
        exchange?.cancel()
    }

    /// Reads no more from the upstream until `resume`; what was read already still comes.
    package func pause() {
        isPaused = true
        exchange?.pauseReading()
    }

    package func resume() {
        isPaused = false
        exchange?.resumeReading()
    }

    // MARK: What the upstream object says

    func attempt() {
        guard let request, receiver != nil else { return }
        switch upstream.askBreaker() {
        case .refused(let wait): return failSoon(.breakerOpen(for: wait))
        case .probe: isProbe = true
        case .go: isProbe = false
        }
        hasAnswer = false
        hasEvents = false
        head = nil
        detail = []
        events = ServerSentEventParser(eventBytes: upstream.settings.eventBytes)
        let exchange = upstream.client.start(request, self)
        stage = .streaming(exchange)
        if isPaused { exchange.pauseReading() }
    }

    func attemptSoon() {
        timer = upstream.loop.schedule(after: 0) {
            self.timer = nil
            self.attempt()
        }
    }

    func failSoon(_ failure: UpstreamFailure) {
        timer = upstream.loop.schedule(after: 0) {
            self.timer = nil
            self.fail(failure)
        }
    }

    func fail(_ failure: UpstreamFailure) {
        let receiver = receiver
        end(.failed(failure.code), to: .over)
        receiver?.upstream(self, failed: failure)
    }

    // MARK: Attempts

    private var exchange: HTTPExchange? {
        switch stage {
        case .streaming(let exchange), .refused(let exchange), .draining(let exchange): exchange
        case .waiting, .over: nil
        }
    }

    /// - Parameter now: whether the consumer may be told at once, or is in the middle of a call of its own.
    private func attemptFailed(_ failure: UpstreamFailure, now: Bool) {
        stage = .waiting
        upstream.attemptFailed(failure, probe: isProbe)
        isProbe = false
        let pause = rules.pause(after: failure, isCommitted: isCommitted, random: upstream.randomFraction)
        guard let pause else {
            if now { fail(failure) } else { failSoon(failure) }
            return
        }
        upstream.retried()
        let mustRestart = hasEvents
        timer = upstream.loop.schedule(after: pause) {
            self.timer = nil
            if mustRestart { self.receiver?.upstreamRestarts(self) }
            self.attempt()
        }
    }

    private func end(_ ending: Ending, to stage: Stage) {
        guard receiver != nil else { return }
        receiver = nil
        request = nil
        self.stage = stage
        if let timer { upstream.loop.cancel(timer) }
        timer = nil
        upstream.ended(self, ending)
    }

    private func endDraining() {
        guard case .draining(let exchange) = stage else { return }
        stage = .over
        if let timer { upstream.loop.cancel(timer) }
        timer = nil
        exchange.cancel()
    }
}

// MARK: - The exchange

extension UpstreamCall: HTTPClientReceiver {
    package func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) {
        hasAnswer = true
        guard (200..<300).contains(head.status) else {
            let retryAfter = head.headers["retry-after"].flatMap { text in
                RetryAfter.seconds(text, now: Int(wallClockMicroseconds() / 1_000_000))
            }
            self.head = (head.status, retryAfter)
            stage = .refused(exchange)
            exchange.resumeReading()
            return
        }
        // Some servers name no type or a wrong one; JSON or a page for people is certainly no stream.
        if let type = head.mediaType, type == "application/json" || type == "text/html" {
            stage = .waiting
            exchange.cancel()
            attemptFailed(.notAStream, now: true)
        }
    }

    package func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        switch stage {
        case .streaming:
            let outcome = events.feed(body) { event in
                if !hasEvents { firstEvent() }
                receiver?.upstream(self, event: event)
                if case .streaming = stage { return true }
                return false
            }
            if outcome == .tooLarge, case .streaming = stage {
                stage = .waiting
                exchange.cancel()
                attemptFailed(.eventTooLarge, now: true)
            }
        case .refused:
            detail.append(contentsOf: body.prefix(Self.detailLimit - detail.count))
            // What is longer than an error has any need to be is not read for the connection's sake.
            if detail.count >= Self.detailLimit {
                stage = .waiting
                exchange.cancel()
                refused()
            }
        case .draining:
            drained += body.count
            if drained > Self.drainBytes { endDraining() }
        case .waiting, .over: break
        }
    }

    package func exchangeEnded(_ exchange: HTTPExchange) {
        switch stage {
        case .streaming:
            guard receiver?.upstreamEnded(self) ?? true else {
                attemptFailed(.incomplete, now: true)
                return
            }
            guard case .streaming = stage else { return }
            upstream.attemptSucceeded()
            end(.completed, to: .over)
        case .refused:
            refused()
        case .draining:
            stage = .over
            if let timer { upstream.loop.cancel(timer) }
            timer = nil
        case .waiting, .over: break
        }
    }

    package func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        switch stage {
        case .streaming: attemptFailed(UpstreamFailure(failure, hasAnswer: hasAnswer), now: true)
        case .refused: refused()
        case .draining: exchangeEnded(exchange)
        case .waiting, .over: break
        }
    }

    private func firstEvent() {
        hasEvents = true
        guard isProbe else { return }
        isProbe = false
        upstream.probeAnswered()
    }

    private func refused() {
        guard let head else { return }
        attemptFailed(
            UpstreamFailure(status: head.status, retryAfter: head.retryAfter, detail: detail), now: true)
    }
}
