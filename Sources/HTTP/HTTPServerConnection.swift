package import EventLoop
import HTTPTypes

/// One HTTP connection: reads requests one after the other, has each handled, writes the answers in order.
///
///              ┌────────────── answered, connection kept ──────────────┐
///              ▼                                                        │
///          reading ──request complete──▶ handling ──large body──▶ sending
///              │                            │ ├────────────────▶ streaming
///              │ refused, timed out         │ └────upgrade─────▶ gone
///              ▼                            ▼
///          lingering ◀────────────── answered, to be closed ──▶ (socket closed) ──▶ gone
///
/// While a request is handled or its answer waits for the peer, what the client sends further is kept, and reading
/// pauses over a bound. Confined to the loop. The socket keeps its connection alive while it is open.
package final class HTTPServerConnection {
    enum Phase {
        case reading
        case handling
        /// The rest of a body that is too large to be handed over at once.
        case sending(body: [UInt8], sent: Int)
        case streaming
        /// Nothing is read or answered any more; the transport sends what waits.
        case lingering
        /// Closed or given up.
        case gone
    }

    let context: HTTPServerContext
    let transport: any HTTPTransport
    private let onEnd: (HTTPServerConnection) -> Void

    var phase: Phase = .reading
    private var parser: HTTPRequestParser
    private(set) var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// Numbers the requests, so that a late answer can't hit the wrong one.
    private(set) var exchange: UInt64 = 0

    /// Bytes of the next requests, from `leftoverStart` on.
    private var leftover: [UInt8] = []
    private var leftoverStart = 0
    /// While input is being parsed: what of it is not consumed yet.
    private var unparsed: UnsafeRawBufferPointer?
    private var isPaused = false
    private(set) var peerEnded = false
    private(set) var isDraining = false

    /// A response waits until the peer has taken some of what was written.
    var awaitsDrain = false
    var closedAction: (() -> Void)?
    var drainedAction: (() -> Void)?
    var streamFraming: HTTPResponseFraming = .none
    var closesAfterStream = false

    var timing = HTTPConnectionTiming()
    /// Nanoseconds of the first head's time that were over when the connection came here.
    let spent: UInt64

    /// - Parameters:
    ///   - spent: nanoseconds since the accept.
    ///   - onEnd: called once, when the connection is closed or given up.
    package init(
        transport: any HTTPTransport, context: HTTPServerContext, spent: UInt64 = 0,
        onEnd: @escaping (HTTPServerConnection) -> Void
    ) {
        self.spent = spent
        self.transport = transport
        self.context = context
        self.onEnd = onEnd
        parser = HTTPRequestParser(limits: context.settings.limits)
        updateTiming()
    }

    /// Takes a socket over and becomes its delegate.
    package convenience init(
        socket: Socket, context: HTTPServerContext, spent: UInt64 = 0,
        onEnd: @escaping (HTTPServerConnection) -> Void
    ) {
        self.init(transport: SocketTransport(socket), context: context, spent: spent, onEnd: onEnd)
        socket.delegate = self
    }

    /// Whether nothing of a request is here or being answered.
    package var isIdle: Bool {
        if case .reading = phase { parser.isBetweenRequests && leftoverCount == 0 } else { false }
    }

    /// A last response over this many bytes gets the longer time to leave.
    private static let muchOutbound = 64 << 10

    private var leftoverCount: Int { leftover.count - leftoverStart }

    /// Ends the connection at the next opportunity: now when it is idle, with the next response otherwise.
    package func drain() {
        isDraining = true
        if isIdle { linger() }
    }

    /// Ends the connection with its next response, without hurry.
    package func endsAfterAnswer() { isDraining = true }

    // MARK: What the transport says

    package func received(_ bytes: UnsafeRawBufferPointer) {
        switch phase {
        case .lingering, .gone: return
        case .reading where leftoverCount == 0 && !awaitsDrain: keep(parse(bytes))
        case .reading, .handling, .sending, .streaming: keep(bytes)
        }
        if isDraining, isIdle { linger() }
        updateTiming()
    }

    package func receivedEnd() {
        peerEnded = true
        switch phase {
        case .reading where leftoverCount == 0: linger()
        // A client that ended its side may still read a short answer; nobody does so with a stream.
        case .streaming: transport.close()
        case .reading, .handling, .sending, .lingering, .gone: break
        }
        updateTiming()
    }

    /// The peer has taken all that waited.
    package func drained() { mayWrite() }

    package func closed() {
        if case .gone = phase { return }
        leave()
    }

    /// Goes on with what waited for room.
    package func mayWrite() {
        guard awaitsDrain else { return }
        guard transport.outboundCount < context.settings.outboundBytes else {
            // Not sent yet, so that no word of its leaving is to be expected either: the tick is not over.
            if !transport.isBlocked { transport.callBackSoon(self) }
            return
        }
        awaitsDrain = false
        timing.restart()
        switch phase {
        case .reading: parseLeftover()
        case .sending(let body, let sent): send(body, from: sent)
        case .streaming: drainedAction?()
        case .handling, .lingering, .gone: break
        }
        updateTiming()
    }

    // MARK: Reading

    /// Handles as many requests as can be. Returns what can't be taken now.
    private func parse(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var input = bytes
        while case .reading = phase, !awaitsDrain, let event = parser.next(&input) {
            switch event {
            case .head(let head):
                self.head = head
                // Bounded, since a declared length costs a client nothing.
                if case .length(let length) = head.framing { body.reserveCapacity(min(length, 16 << 10)) }
                if head.expectsContinue, input.isEmpty {
                    _ = HTTPResponseEncoder.continueResponse.withUnsafeBytes { transport.write($0) }
                }
            case .body(let part): body.append(contentsOf: part)
            case .refused(let refusal): refuse(refusal)
            case .end:
                unparsed = input
                dispatch()
                input = unparsed ?? UnsafeRawBufferPointer(start: nil, count: 0)
                unparsed = nil
            }
        }
        return input
    }

    private func dispatch() {
        guard let head else { return }
        let request: HTTPServerRequest
        do throws(HTTPRefusal) {
            request = try HTTPServerRequest(head: head, body: body, peerAddress: transport.peerAddress)
        } catch {
            refuse(error)
            return
        }
        body = []
        phase = .handling
        let responder = HTTPResponder(self, exchange: exchange)
        context.handler.handle(request, responder)
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        switch phase {
        case .lingering, .gone: return
        case .reading, .handling, .sending, .streaming: break
        }
        guard !bytes.isEmpty else { return }
        if leftoverStart > 0 {
            leftover.removeFirst(leftoverStart)
            leftoverStart = 0
        }
        leftover.append(contentsOf: bytes)
        if !isPaused, leftover.count > context.settings.pipelineBytes {
            isPaused = true
            transport.pauseReading()
        }
    }

    private func parseLeftover() {
        guard unparsed == nil else { return }  // The parsing that is under way goes on itself.
        if leftoverCount > 0 {
            let bytes = leftover
            let start = leftoverStart
            let rest = bytes.withUnsafeBytes { parse($0.part(start..<$0.count)).count }
            // An upgrade has taken it.
            if case .gone = phase { return }
            leftoverStart = bytes.count - rest
            if rest == 0 {
                leftover = []
                leftoverStart = 0
            }
        }
        guard case .reading = phase, leftoverCount == 0 else { return }
        if isPaused {
            isPaused = false
            transport.resumeReading()
        }
        // Nothing more can come, or is wanted, and all that came is answered.
        if peerEnded || (isDraining && isIdle) { linger() }
    }

    /// The bytes after the current request, which are the caller's from now on.
    func takeLeftover() -> [UInt8] {
        defer {
            leftover = []
            leftoverStart = 0
            unparsed = unparsed.map { _ in UnsafeRawBufferPointer(start: nil, count: 0) }
        }
        // While input is parsed, it is the only place of bytes: either it lies in `leftover`, or that is empty.
        if let unparsed { return Array(unparsed) }
        return Array(leftover[leftoverStart...])
    }

    // MARK: The end of a request, and of all

    /// Goes on to the next request, or to the end.
    func finishExchange(closing: Bool) {
        exchange += 1
        head = nil
        closedAction = nil
        drainedAction = nil
        if closing {
            linger()
        } else {
            phase = .reading
            awaitDrainIfFull()
            parseLeftover()
        }
        updateTiming()
    }

    func linger() {
        phase = .lingering
        awaitsDrain = false
        leftover = []
        leftoverStart = 0
        let isMuch = transport.outboundCount > Self.muchOutbound
        transport.closeAfterFlush(within: isMuch ? context.settings.stallTimeout : context.settings.lingerTimeout)
        updateTiming()
    }

    /// The connection is over; whoever waits on it hears of it.
    func leave() {
        let action = closedAction
        phase = .gone
        closedAction = nil
        drainedAction = nil
        awaitsDrain = false
        leftover = []
        leftoverStart = 0
        updateTiming()
        action?()
        onEnd(self)
    }

    var parserState: HTTPConnectionTiming.Request {
        if parser.isInBody { return .body }
        return parser.isBetweenRequests ? .none : .head
    }
}

extension HTTPServerConnection: SocketDelegate {
    package func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        received(UnsafeRawBufferPointer(bytes))
    }

    package func socketReceivedEnd(_ socket: Socket) { receivedEnd() }
    package func socketDrained(_ socket: Socket) { drained() }
    package func socketClosed(_ socket: Socket) { closed() }
}
