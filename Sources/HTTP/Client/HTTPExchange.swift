import EventLoop
import HTTPTypes

/// Hears of an exchange, on the loop and never from within the call that began it. The exchange keeps it until it is
/// over. `exchangeEnded` or `failed` comes once and last; after a cancel nothing comes.
package protocol HTTPClientReceiver: AnyObject {
    /// The final status line and headers, whatever the status; redirects fail instead.
    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead)
    /// A part of the decoded body, in place: valid during the call.
    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer)
    func exchangeEnded(_ exchange: HTTPExchange)
    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure)
}

/// A request on its way and its answer.
package final class HTTPExchange {
    enum Stage {
        /// Nothing under way but the timer.
        case waiting
        case resolving(Int)
        case dialing(HTTPDial)
        case tunnelling(HTTPTunnel)
        case active(HTTPClientConnection)
        case over
    }

    let url: HTTPURL
    let origin: HTTPOrigin
    let bodyRule: HTTPResponseParser.BodyRule
    let mayRepeat: Bool
    /// The request as it is sent; let go when the answer begins.
    var bytes: [UInt8]
    var stage: Stage = .waiting
    var isRepeated = false
    /// The place in the pool.
    var connection = 0

    private let client: HTTPClient
    private var receiver: (any HTTPClientReceiver)?
    private var timer: TimerToken?
    private var timerEnd: UInt64 = .max
    private var isPaused = false
    private var hasHead = false
    private let totalDeadline: UInt64
    /// When the stage, or the last read of an answer, began.
    private var since: UInt64

    init(
        _ request: HTTPClientRequest, _ origin: HTTPOrigin, bytes: [UInt8], _ receiver: any HTTPClientReceiver,
        _ client: HTTPClient
    ) {
        url = request.url
        self.origin = origin
        bodyRule = request.method == .head ? .head : .ordinary
        mayRepeat = request.mayRepeat
        self.bytes = bytes
        self.receiver = receiver
        self.client = client
        since = client.loop.now
        totalDeadline = since &+ client.settings.totalTimeout
    }

    /// Ends it without a word: the connection is closed at once, so that the server sees it.
    package func cancel() {
        guard letGo() else { return }
        client.ended(self, .cancelled)
    }

    /// Reads no more from the connection until `resumeReading`; what was read already still comes. Meanwhile the idle
    /// time does not run.
    package func pauseReading() {
        guard !isPaused else { return }
        isPaused = true
        if case .active(let connection) = stage { connection.socket.pauseReading() }
    }

    package func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        since = client.loop.now
        guard case .active(let connection) = stage else { return }
        connection.socket.resumeReading()
        arm()
    }

    // MARK: What the client and the connection say

    /// When everything before the sending must be done.
    var connectDeadline: UInt64 { min(since &+ client.settings.connectTimeout, totalDeadline) }

    func beginConnecting() {
        since = client.loop.now
        arm()
    }

    func began(on connection: HTTPClientConnection) {
        stage = .active(connection)
        since = client.loop.now
        if isPaused { connection.socket.pauseReading() }
        arm()
    }

    @inline(__always)
    func bytesArrived(at now: UInt64) { since = now }

    func arrived(_ head: HTTPClientHead) {
        hasHead = true
        bytes = []
        arm()
        receiver?.exchange(self, head: head)
    }

    @inline(__always)
    func arrived(_ body: UnsafeRawBufferPointer) {
        receiver?.exchange(self, body: body)
    }

    /// The answer is complete; the connection is no longer this exchange's.
    func end() {
        stage = .waiting
        let receiver = receiver
        guard letGo() else { return }
        client.ended(self, .completed)
        receiver?.exchangeEnded(self)
    }

    func fail(_ failure: HTTPClientFailure) {
        let receiver = receiver
        guard letGo() else { return }
        client.ended(self, .failed)
        receiver?.exchange(self, failed: failure)
    }

    /// Fails from the loop's next turn, so that it does not happen inside the call that began the exchange.
    func failSoon(_ failure: HTTPClientFailure) {
        timer = client.loop.schedule(after: 0) {
            self.timer = nil
            self.fail(failure)
        }
    }

    /// False: it was over before.
    private func letGo() -> Bool {
        let stage = stage
        if case .over = stage { return false }
        self.stage = .over
        if let timer { client.loop.cancel(timer) }
        timer = nil
        receiver = nil
        bytes = []
        switch stage {
        case .waiting, .over: break
        case .resolving(let ticket): client.resolver.cancel(ticket)
        case .dialing(let dial): dial.cancel()
        case .tunnelling(let tunnel): tunnel.cancel()
        case .active(let connection): connection.abandon()
        }
        return true
    }

    // MARK: Time

    private var deadline: (time: UInt64, failure: HTTPClientFailure) {
        let settings = client.settings
        var stageEnd: (time: UInt64, failure: HTTPClientFailure)
        switch stage {
        case .active:
            if isPaused { return (totalDeadline, .totalTimedOut) }
            stageEnd =
                hasHead
                ? (since &+ settings.idleTimeout, .idleTimedOut)
                : (since &+ settings.firstByteTimeout, .firstByteTimedOut)
        default: stageEnd = (since &+ settings.connectTimeout, .connectTimedOut)
        }
        return totalDeadline < stageEnd.time ? (totalDeadline, .totalTimedOut) : stageEnd
    }

    /// Sets the timer where it must ring sooner than it is set. Activity only moves the deadline away: that is noticed
    /// when it rings, and costs nothing while bytes flow.
    private func arm() {
        let end = deadline.time
        if timer != nil, timerEnd <= end { return }
        if let timer { client.loop.cancel(timer) }
        timerEnd = end
        let now = client.loop.now
        timer = client.loop.schedule(after: end > now ? end - now : 0) { [weak self] in self?.rang() }
    }

    private func rang() {
        timer = nil
        let (end, failure) = deadline
        if client.loop.now >= end { fail(failure) } else { arm() }
    }
}
