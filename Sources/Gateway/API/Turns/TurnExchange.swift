import Chat
import EventLoop
import HTTP
import HTTPTypes
import Tracing

/// One turn over HTTP, on the side of the connection: the answer with the ids, or the stream of the run's events.
///
/// Holds back what the client can't take: what waits here is at most `TurnClient.window` and one event.
final class TurnExchange {
    /// Bytes of one write, well below what a socket takes at once.
    private static let pieceBytes = 64 << 10

    private let call: APICall
    private let writer: (any RunEventWriter)?
    private let home: LoopBound<Shard>
    private var client: LoopBound<TurnClient>?
    private var stream: HTTPResponseStream?
    private var pending: [UInt8] = []
    private var sent = 0
    private var ending: Bool?
    private var isBlocked = false
    private var isGone = false
    private var keepAlive: TimerToken?
    private var wroteSince = false

    private init(_ call: APICall, _ writer: (any RunEventWriter)?, home: LoopBound<Shard>) {
        self.call = call
        self.writer = writer
        self.home = home
    }

    /// - Parameter writer: nil when only the ids are wanted.
    static func start(_ call: APICall, _ request: TurnRequest, _ writer: (any RunEventWriter)?) {
        guard let home = call.handler.siblings.home(of: request.user.id) else {
            call.fail(APIFailure(.unavailable, "The server is about to start.", retryAfter: 1))
            return
        }
        let exchange = TurnExchange(call, writer, home: home)
        let here = LoopBound(exchange, on: call.loop)
        call.responder.onClosed { [weak exchange] in exchange?.clientGone() }
        let receiver = TurnReceiver(
            refused: { error in here.loop.execute { here.value.refused(error) } },
            accepted: { turn, isOver in here.loop.execute { here.value.accepted(turn, isOver: isOver) } },
            events: { bytes in here.loop.execute { here.value.add(bytes) } },
            ended: { isWhole in here.loop.execute { here.value.ended(isWhole) } })
        let trace = call.responder.trace?.context
        home.loop.execute {
            home.value.ownership.claim(request.user) { verdict in
                guard case .granted(let hold) = verdict else {
                    return here.loop.execute { here.value.passOn(verdict) }
                }
                let client = TurnClient(request.user.id, shard: home.value, writer: writer, receiver: receiver)
                client.trace = trace
                let bound = LoopBound(client, on: home.loop)
                here.loop.execute { here.value.started(bound) }
                // By now the client keeps the session.
                withExtendedLifetime(hold) { client.start(request) }
            }
        }
    }

    private func passOn(_ verdict: Ownership.Verdict) {
        isGone = true
        call.passOn(verdict, of: call.principal.userID)
        close()
    }

    private func started(_ client: LoopBound<TurnClient>) {
        if isGone {
            client.loop.execute { client.value.leave() }
        } else {
            self.client = client
        }
    }

    private func refused(_ error: ClientError) {
        // What the session was refused is in the audit trail already.
        call.fail(APIFailure(error), isAudited: true)
        close()
    }

    private func accepted(_ turn: TurnAcknowledgement, isOver: Bool) {
        if isOver {
            if let replay = writer?.replay {
                replay.answer(call, turn)
            } else {
                call.respond(.done(turn.json, status: .accepted))
            }
            close()
            return
        }
        stream = call.responder.beginStream(EventStream.head)
        stream?.onClosed { [weak self] in self?.clientGone() }
        stream?.onDrained { [weak self] in self?.drained() }
        scheduleKeepAlive()
    }

    // MARK: The stream

    private func add(_ bytes: [UInt8]) {
        guard stream != nil else { return }
        if sent == pending.count {
            pending = bytes
            sent = 0
        } else {
            pending.append(contentsOf: bytes)
        }
        write()
    }

    private func ended(_ isWhole: Bool) {
        ending = isWhole
        write()
    }

    private func drained() {
        isBlocked = false
        write()
    }

    private func write() {
        guard let stream else { return }
        let before = sent
        while !isBlocked, sent < pending.count {
            let end = min(sent + Self.pieceBytes, pending.count)
            let outcome = pending.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[sent..<end])) }
            if outcome != .refused { sent = end }
            if outcome != .taken { isBlocked = true }
        }
        if sent > before {
            wroteSince = true
            let count = sent - before
            if let client { client.loop.execute { client.value.taken(count) } }
        }
        guard sent == pending.count else { return }
        pending = []
        sent = 0
        guard let ending else { return }
        // Let go without an end it is cut: the client must not take it for whole.
        if ending { stream.end() }
        close()
    }

    private func scheduleKeepAlive() {
        let interval = UInt64(call.handler.shard.configuration.streamKeepAliveSeconds) * 1_000_000_000
        keepAlive = call.loop.schedule(after: interval) { [weak self] in
            guard let self, let stream = self.stream else { return }
            // A client that takes nothing is the connection's to give up.
            if !self.wroteSince, !self.isBlocked, stream.write(EventStream.keepAlive) != .taken {
                self.isBlocked = true
            }
            self.wroteSince = false
            self.scheduleKeepAlive()
        }
    }

    private func clientGone() {
        guard !isGone else { return }
        isGone = true
        if let client { client.loop.execute { client.value.leave() } }
        close()
    }

    private func close() {
        if let keepAlive { call.loop.cancel(keepAlive) }
        keepAlive = nil
        stream = nil
        client = nil
    }
}

/// Server-sent events over HTTP.
enum EventStream {
    static let head: HTTPResponse = {
        var head = HTTPResponse(
            status: .ok,
            // What compresses on the way, a proxy or middleware, would hold events back but for `no-transform`.
            headerFields: [.contentType: "text/event-stream", .cacheControl: "no-store, no-transform"])
        // Proxies of the nginx kind would too.
        if let name = HTTPField.Name("X-Accel-Buffering") { head.headerFields[name] = "no" }
        return head
    }()

    static let keepAlive = Array(": keep-alive\n\n".utf8)
}
