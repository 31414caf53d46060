import JSON
import Chat
import CoreMetrics
import EventLoop
import Tracing
import HTTP
import WebSocket

/// A user's socket that only speaks, for where WebSockets do not pass: an event stream, with requests beside it (Protocol.md
/// section 12). On the user's shard, like every socket.
///
/// It outlives its connection: one that is cut may be taken up within `returnTime`. Meanwhile it is like a socket that is
/// slow: events wait in the run's log, answers in the stream's.
final class ChatStream: ChatCarrier {
    /// Nanoseconds for which a stream that was cut is kept for its client.
    static let returnTime: UInt64 = 60_000_000_000
    /// Bytes of answers that wait for a client, there or cut, above which it is closed with 4408.
    private static let waitingLimit = ChatConnection.hardLimit

    let id: Identifier
    private let shard: Shard
    private let peer: ChatPeer
    private var log: StreamLog
    /// Nil while it is cut.
    private var socket: Socket?
    private var cutTimer: TimerToken?
    private var keepAlive: TimerToken?
    private var hasSpoken = false
    private var owesDrained = false
    private var isEnlisted = false
    /// Why it ends, once that is decided: nothing more is added.
    private var closing: CloseCode?
    private(set) var isGone = false

    init(_ opening: ChatOpening, shard: Shard) {
        self.shard = shard
        id = shard.makeIdentifier()
        log = StreamLog(id: id)
        peer = ChatPeer(opening, shard: shard)
    }

    var userID: String { peer.userID }
    var origin: String { peer.origin }
    var trace: TraceContext? { peer.trace }

    var presence: SocketPresence { peer.presence }
    var isCut: Bool { socket == nil && !isGone }
    var isOpen: Bool { closing == nil && !isGone }

    /// Begins on a connection whose response head has been written.
    func start(on socket: Socket, suspended: [SuspendedRun]) {
        take(socket)
        _ = peer.start(self, stream: ServerFrame.Stream(id: id, isResumed: false), suspended: suspended)
    }

    /// Whether what followed an event is still here.
    func canGoOn(after number: UInt64) -> Bool {
        isOpen && log.canGoOn(after: number)
    }

    /// Goes on on another connection, behind the last event that the client has.
    func goOn(on socket: Socket, _ opening: ChatOpening, after number: UInt64, suspended: [SuspendedRun] = []) {
        guard isOpen, log.goOn(after: number) else { return socket.close() }
        letGoOfSocket()?.close()
        take(socket)
        peer.goOn(opening)
        // It has no number of its own: who is cut again right behind it has what it had before.
        var begin: [UInt8] = []
        let ready = peer.session?.ready(
            expiresAt: peer.expiresAt, stream: ServerFrame.Stream(id: id, isResumed: true),
            suspended: suspended)
        ready?.withUnsafeBytes { StreamLog.append($0, number: number, of: id, to: &begin) }
        socket.write(begin)
        pump()
        peer.drained(self)
    }

    // MARK: Requests

    /// Carries out what came in one request.
    func received(_ frames: [JSON]) {
        for frame in frames {
            guard isOpen else { return }
            do {
                peer.carryOut(try ClientCommand(value: frame, limits: shard.limits))
            } catch {
                peer.refuse(error)
            }
        }
    }

    /// A request that held no frames, or one that is too long.
    func received(_ failure: APIFailure) {
        if failure.code == .contentTooLong { return close(.messageTooBig, "the message is too long") }
        peer.countBadFrame()
    }

    // MARK: SessionClient

    var isWritable: Bool {
        if log.unsentCount + (socket?.outboundCount ?? 0) < ChatConnection.softLimit { return true }
        owesDrained = true
        enlist()
        return false
    }

    func send(_ json: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        guard log.waitingCount <= Self.waitingLimit else { return fellBehind() }
        log.append(json, at: shard.loop.now)
        pump()
    }

    func fellBehind() {
        if isOpen { shard.metrics.slowCloses.increment() }
        close(CloseCode(rawValue: 4408), "too slow: resume")
    }

    func close(_ code: CloseCode, _ reason: String) {
        guard isOpen else { return }
        closing = code
        ServerFrame.closing(code: Int(code.rawValue), reason: reason).withUnsafeBytes {
            log.append($0, at: shard.loop.now)
        }
        guard let socket else {
            // Not from within the session's call.
            shard.loop.execute { [bound = LoopBound(self, on: shard.loop)] in bound.value.finish() }
            return
        }
        while log.hand(atMost: log.unsentCount, { socket.write($0) }) {}
        socket.closeAfterFlush(within: shard.hub.options.closeTimeout)
    }

    // MARK: The connection

    private func take(_ socket: Socket) {
        self.socket = socket
        socket.delegate = self
        socket.outboundLimit = ChatConnection.hardLimit + ChatConnection.frameRoom
        socket.giveUpUnacknowledged(after: shard.hub.options.pongTimeout)
        if let cutTimer { shard.loop.cancel(cutTimer) }
        cutTimer = nil
        scheduleKeepAlive()
    }

    private func letGoOfSocket() -> Socket? {
        let old = socket
        socket = nil
        old?.delegate = nil
        if let keepAlive { shard.loop.cancel(keepAlive) }
        keepAlive = nil
        return old
    }

    /// The connection is lost: the client may come back.
    private func cut() {
        letGoOfSocket()?.close()
        guard isOpen else { return finish() }
        cutTimer = shard.loop.schedule(after: Self.returnTime) { [self] in
            cutTimer = nil
            closing = .goingAway
            finish()
        }
    }

    /// Its client is not waited for: it has begun anew, or others need the place.
    func giveUp() {
        closing = .goingAway
        finish()
    }

    private func finish() {
        guard !isGone else { return }
        isGone = true
        if let cutTimer { shard.loop.cancel(cutTimer) }
        cutTimer = nil
        letGoOfSocket()?.close()
        log = StreamLog(id: id)
        peer.ended(closing ?? .abnormal)
    }

    /// Hands to the connection what there is room for.
    private func pump() {
        guard let socket, closing == nil else { return }
        while socket.outboundCount < ChatConnection.softLimit,
            log.hand(atMost: ChatConnection.softLimit, { socket.write($0) })
        {
            hasSpoken = true
        }
        log.trim(at: shard.loop.now)
        if log.unsentCount > 0 { enlist() }
    }

    private func scheduleKeepAlive() {
        let interval = UInt64(shard.configuration.streamKeepAliveSeconds) * 1_000_000_000
        keepAlive = shard.loop.schedule(after: interval) { [self] in
            keepAlive = nil
            guard let socket, isOpen else { return }
            // What is on its way says that the stream lives; whoever takes none of it is the kernel's to give up.
            if !hasSpoken, log.unsentCount == 0, socket.outboundCount == 0 { socket.write(EventStream.keepAlive) }
            hasSpoken = false
            log.trim(at: shard.loop.now)
            scheduleKeepAlive()
        }
    }

    // MARK: Room

    private func enlist() {
        guard !isEnlisted else { return }
        isEnlisted = true
        shard.loop.atEndOfTick(self)
    }

    private func makeProgress() {
        pump()
        guard owesDrained, isOpen, let socket,
            log.unsentCount + socket.outboundCount < ChatConnection.softLimit
        else { return }
        owesDrained = false
        peer.drained(self)
    }
}

extension ChatStream: TickParticipant {
    /// The connection may have sent all of it without ever being blocked: then no other call would come.
    func tickEnded() {
        isEnlisted = false
        if socket?.isBlocked == false { makeProgress() }
    }
}

extension ChatStream: SocketDelegate {
    /// Nothing is asked on this connection any more.
    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {}

    func socketReceivedEnd(_ socket: Socket) { cut() }

    func socketDrained(_ socket: Socket) { makeProgress() }

    func socketClosed(_ socket: Socket) { cut() }
}
