import EventLoop

/// Hears of a call, on the loop and never from within the call that began it. Kept by the call until that is over.
package protocol UpstreamReceiver: AnyObject {
    /// An event, in place: valid during the call.
    func upstream(_ call: UpstreamCall, event: ServerSentEvent)
    /// An answer that is JSON and no stream, whole and in place; `upstreamEnded` follows.
    func upstream(_ call: UpstreamCall, document: UnsafeRawBufferPointer)
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
        /// An answer that is no stream, which is collected.
        case collecting(HTTPExchange)
        /// An answer with an error status, whose body is read for its detail.
        case refused(HTTPExchange)
        /// The reply is whole; what is left of the body is read so that the connection can serve again.
        case draining(HTTPExchange)
        case over
    }

    let number: Int
    let user: String
    private let conversation: UInt64?
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
    /// Whether the body has begun, and with what it begins is known.
    private var isKnownForm = false
    private var saysJSON = false
    /// Bytes of this attempt's events that count.
    private var used = 0
    private var isMoved = false
    /// Rings when the reply has ended and the stream goes on.
    private var graceTimer: TimerToken?

    private static let detailLimit = 4 << 10
    /// What may follow the reply's own end before the connection is given up for reuse, and for how long.
    private static let drainBytes = 16 << 10
    private static let drainTime: UInt64 = 1_000_000_000
    private var drained = 0

    init(
        _ number: Int, _ request: HTTPClientRequest, user: String, conversation: UInt64?,
        _ receiver: any UpstreamReceiver, _ upstream: Upstream
    ) {
        self.number = number
        self.request = request
        self.user = user
        self.conversation = conversation
        self.receiver = receiver
        self.upstream = upstream
        events = ServerSentEventParser(
            eventBytes: upstream.settings.eventBytes, skipping: upstream.settings.skippedTypes)
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
        guard case .streaming(let exchange) = stage else {
            guard case .collecting = stage else { return }
            // It is being handed out whole, so its exchange is over.
            upstream.attemptSucceeded()
            return end(.completed, to: .over)
        }
        upstream.attemptSucceeded()
        end(.completed, to: .draining(exchange))
        exchange.resumeReading()
        timer = upstream.loop.schedule(after: Self.drainTime) { self.endDraining() }
    }

    /// The reply has ended; what may still come are its figures and the stream's own end, for which there is a while.
    /// It begins again with each call.
    package func conclude() {
        guard case .streaming = stage else { return }
        if let graceTimer { upstream.loop.cancel(graceTimer) }
        graceTimer = upstream.loop.schedule(after: upstream.settings.grace) {
            self.graceTimer = nil
            guard case .streaming(let exchange) = self.stage else { return }
            self.streamEnded(exchange, isOpen: true)
        }
    }

    /// The last event was of no use: it does not count towards the bound of the reply.
    @inline(__always)
    package func discount(_ bytes: Int) { used -= bytes }

    /// The stream itself says that the reply failed: tried again where that may help and nothing was shown yet.
    /// Otherwise `failed` follows, later.
    package func reject(_ failure: UpstreamFailure) {
        switch stage {
        case .streaming(let exchange), .collecting(let exchange):
            stage = .waiting
            exchange.cancel()
            attemptFailed(failure, now: false)
        case .waiting, .refused, .draining, .over: break
        }
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
        isKnownForm = false
        saysJSON = false
        used = 0
        events = ServerSentEventParser(
            eventBytes: upstream.settings.eventBytes, skipping: upstream.settings.skippedTypes)
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
        case .streaming(let exchange), .collecting(let exchange), .refused(let exchange), .draining(let exchange):
            exchange
        case .waiting, .over: nil
        }
    }

    /// - Parameter now: whether the consumer may be told at once, or is in the middle of a call of its own.
    private func attemptFailed(_ failure: UpstreamFailure, now: Bool) {
        stage = .waiting
        endGrace()
        upstream.attemptFailed(failure, probe: isProbe, conversation: conversation)
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
        endGrace()
        if let timer { upstream.loop.cancel(timer) }
        timer = nil
        upstream.ended(self, ending)
    }

    private func endGrace() {
        if let graceTimer { upstream.loop.cancel(graceTimer) }
        graceTimer = nil
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
        switch head.mediaType {
        case "text/html":
            stage = .waiting
            exchange.cancel()
            attemptFailed(.notAStream, now: true)
        case "application/json": saysJSON = true
        default: break
        }
    }

    private func collect(_ exchange: HTTPExchange) {
        stage = .collecting(exchange)
        // Whatever comes of it, it is an answer.
        if !hasEvents { firstEvent() }
    }

    /// Some servers name no type or a wrong one: what begins as JSON is no stream.
    private func recognise(_ body: UnsafeRawBufferPointer, _ exchange: HTTPExchange) {
        guard let first = body.first(where: { $0 > 0x20 }) else { return }
        isKnownForm = true
        // And some send a stream that they call JSON: no JSON begins like a field of an event.
        let beginsField = Array(":deir".utf8).contains(first) || first >= 0x80
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || (saysJSON && !beginsField) { collect(exchange) }
    }

    package func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        if !isKnownForm, case .streaming = stage { recognise(body, exchange) }
        switch stage {
        case .streaming:
            let bound = upstream.settings.replyBytes
            let outcome = events.feed(body) { event in
                if !hasEvents { firstEvent() }
                used += event.data.count
                receiver?.upstream(self, event: event)
                guard case .streaming = stage else { return false }
                return used <= bound
            }
            guard outcome != .more, case .streaming = stage else { return }
            stage = .waiting
            exchange.cancel()
            attemptFailed(outcome == .tooLarge ? .eventTooLarge : .replyTooLarge, now: true)
        case .collecting:
            detail.append(contentsOf: body)
            if detail.count > upstream.settings.eventBytes {
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
            streamEnded(exchange, isOpen: false)
        case .collecting:
            var document: [UInt8] = []
            swap(&document, &detail)
            document.withUnsafeBytes { receiver?.upstream(self, document: $0) }
            guard case .collecting = stage else { return }
            streamEnded(exchange, isOpen: false)
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
        case .streaming, .collecting:
            if follow(failure) { return }
            attemptFailed(UpstreamFailure(failure, hasAnswer: hasAnswer), now: true)
        case .refused: refused()
        case .draining: exchangeEnded(exchange)
        case .waiting, .over: break
        }
    }

    /// Nothing more comes, or nothing more is waited for.
    private func streamEnded(_ exchange: HTTPExchange, isOpen: Bool) {
        let isWhole = receiver?.upstreamEnded(self) ?? true
        switch stage {
        case .streaming, .collecting: break
        case .waiting, .refused, .draining, .over: return
        }
        if isWhole {
            upstream.attemptSucceeded()
            end(.completed, to: .over)
        }
        if isOpen { exchange.cancel() }
        if !isWhole { attemptFailed(.incomplete, now: true) }
    }

    /// A redirect within the origin that asks for the same request again (RFC 9110 sections 15.4.8 and 15.4.9) is
    /// followed, once.
    private func follow(_ failure: HTTPClientFailure) -> Bool {
        guard case .redirected(let status, let reference) = failure, status == 307 || status == 308, !isMoved,
            let request, let target = request.url.redirected(to: reference), target != request.url
        else { return false }
        isMoved = true
        upstream.moved(from: request.url, to: target)
        self.request?.url = target
        stage = .waiting
        if isProbe { upstream.probeAbandoned() }
        attempt()
        return true
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
