import JSON
import Chat
import CoreMetrics
import EventLoop
import Logging
import Store
import Strings
import WebSocket

/// What is known of a socket when its chat begins; carried to the user's shard.
struct ChatOpening: Sendable {
    var principal: Principal
    /// The client's address.
    var origin: String
    /// Of the handshake, for the log.
    var requestID: String
    /// `parley.v1` was agreed on: a frame is always JSON.
    var speaksProtocol: Bool
    var deflate: DeflateParameters?
    var verifier: TokenVerifier
}

/// A user's socket: frames in and out, the token's life, and the bounds of one connection.
final class ChatConnection: SessionClient {
    /// Seconds that clients are asked to wait when the server restarts.
    static let reconnectAfter = 2
    /// Bytes waiting above which no events are added: the client gets the merged rest when it has caught up.
    private static let softLimit = 64 * 1024
    /// Bytes waiting above which nothing more is added at all: the client is cut off with 4408.
    private static let hardLimit = 1 << 20
    /// Room for one frame beside that: a snapshot or a merged delta.
    private static let frameRoom = 4 << 20
    /// Frames that make no sense, within a minute.
    private static let badFrameLimit = 100
    /// Before the token ends the client is told; after it there is some grace. Microseconds.
    private static let warning: Int64 = 60_000_000
    private static let grace: Int64 = 25_000_000

    private let shard: Shard
    private let session: Session
    private let webSocket: WebSocketConnection
    private let speaksProtocol: Bool
    private let verifier: TokenVerifier
    private let origin: String
    private let requestID: String
    private var expiresAt: Int64
    private var expiryTimer: TimerToken?
    private var wasWarned = false
    /// In the plain text mode, where the next line goes.
    private var lastThread: Identifier?
    private var badFrames = 0
    private var badFramesSince: UInt64 = 0
    /// The session was told that there is no room, and waits to hear that there is.
    private var owesDrained = false
    private var isEnlisted = false
    private(set) var isGone = false

    init(_ socket: Socket, _ opening: ChatOpening, shard: Shard) {
        self.shard = shard
        session = shard.session(of: opening.principal.userID)
        speaksProtocol = opening.speaksProtocol
        verifier = opening.verifier
        origin = opening.origin
        requestID = opening.requestID
        expiresAt = opening.principal.expiresAt
        socket.outboundLimit = Self.hardLimit + Self.frameRoom
        webSocket = WebSocketConnection(socket, hub: shard.hub, deflate: opening.deflate, delegate: nil)
        webSocket.delegate = self
    }

    func start(leftover: [UInt8]) {
        // Its handshake was answered while the shard was fenced: what it would be told is of the incarnation before.
        if shard.isFenced { return close(.serviceRestart, "the session moved") }
        if session.clients.count >= shard.configuration.maximumSocketsPerUser {
            shard.metrics.limitReached(.socketsPerUser)
            close(CloseCode(rawValue: 4429), "too many sockets of this user")
            return
        }
        shard.metrics.signIn(.accepted)
        shard.audit.record(.signIn, by: session.userID, from: origin)
        shard.logger.debug(
            "socket opened",
            metadata: ["request": "\(requestID)", "session": "\(session.id)", "user": "\(session.userID)"])
        session.attach(self, expiresAt: expiresAt)
        if shard.isDraining { send(ServerFrame.draining(reconnectAfter: Self.reconnectAfter)) }
        watchToken()
        var leftover = leftover
        leftover.withUnsafeMutableBytes { webSocket.start(leftover: $0) }
    }

    var userID: String { session.userID }

    func close(_ code: CloseCode, _ reason: String) {
        webSocket.close(code, reason: reason)
    }

    // MARK: SessionClient

    var isWritable: Bool {
        if webSocket.outboundCount < Self.softLimit { return true }
        owesDrained = true
        enlist()
        return false
    }

    func send(_ json: UnsafeRawBufferPointer) {
        guard webSocket.isOpen else { return }
        guard webSocket.outboundCount <= Self.hardLimit, webSocket.sendText(json) else {
            fellBehind()
            return
        }
    }

    func fellBehind() {
        if webSocket.isOpen { shard.metrics.slowCloses.increment() }
        close(CloseCode(rawValue: 4408), "too slow: resume")
    }

    // MARK: Frames

    private func received(_ text: UnsafeRawBufferPointer) {
        do {
            let command: ClientCommand
            if !speaksProtocol, text.first != UInt8(ascii: "{") {
                // A conversation whose first message was refused does not exist: then the next line begins one.
                let thread = lastThread.flatMap { session.holds(thread: $0) ? $0 : nil }
                command = try ClientCommand(
                    plainText: String(decoding: text, as: UTF8.self), threadID: thread, limits: shard.limits)
            } else {
                command = try ClientCommand(frame: text, limits: shard.limits)
            }
            carryOut(command)
        } catch {
            send(ServerFrame.error(id: error.id, error.error))
            countBadFrame()
        }
    }

    private func carryOut(_ command: ClientCommand) {
        switch command {
        case .send(let id, let thread, let content, let policy):
            let sent = session.send(content, to: thread, policy: policy, id: id, from: self)
            if let sent { lastThread = sent }
        case .auth(let id, let token):
            renew(token, id: id)
        default:
            session.handle(command, from: self)
        }
    }

    private func countBadFrame() {
        if shard.nowMilliseconds - badFramesSince > 60_000 {
            badFramesSince = shard.nowMilliseconds
            badFrames = 0
        }
        badFrames += 1
        guard badFrames > Self.badFrameLimit else { return }
        shard.metrics.limitReached(.badFrames)
        close(CloseCode(rawValue: 4429), "too many bad frames")
    }

    // MARK: The token's life

    private func renew(_ token: String, id: String?, isSecondTry: Bool = false) {
        let now = wallClockMicroseconds()
        do {
            let principal = try verifier.verify(token, now: Double(now) / 1_000_000)
            guard principal.userID.isExactly(session.userID) else {
                send(ServerFrame.error(id: id, ClientError(.forbidden, "The token is another user's.")))
                return
            }
            expiresAt = principal.expiresAt
            wasWarned = false
            send(ServerFrame.token("authenticated", id: id, expiresAt: expiresAt))
            watchToken()
            shard.audit.record(.tokenRenewed, by: session.userID, from: origin)
        } catch {
            if error.dependsOnKeys {
                switch askForKeys(token, id: id, isSecondTry: isSecondTry) {
                case .wait: return
                case .refuse: break
                case .undecided(let seconds):
                    shard.metrics.undecidedSignIns.increment()
                    let message = "The keys that tokens are checked with can't be had at the moment."
                    send(ServerFrame.error(id: id, ClientError(.unavailable, message, retryAfter: seconds)))
                    return
                }
            }
            shard.metrics.signIn(SignInOutcome(error))
            shard.audit.record(
                .refused, by: session.userID, from: origin, allowed: false, detail: ["reason": .string(error.reason)])
            send(ServerFrame.error(id: id, ClientError(.unauthenticated, error.message)))
            countBadFrame()
        }
    }

    /// Once for a token: when it is looked at again, what is known then decides.
    private func askForKeys(_ token: String, id: String?, isSecondTry: Bool) -> KeyRefreshMachine.Answer {
        guard let keySet = verifier.keySet else { return .refuse }
        if isSecondTry { return keySet.standing }
        let waiting = LoopBound(self, on: shard.loop)
        return keySet.refresh {
            waiting.loop.execute { waiting.value.renew(token, id: id, isSecondTry: true) }
        }
    }

    private func watchToken() {
        if let timer = expiryTimer { shard.loop.cancel(timer) }
        expiryTimer = nil
        // The timer holds this object: it must not be set when nobody will cancel it.
        guard !isGone else { return }
        let now = wallClockMicroseconds()
        let next = wasWarned ? expiresAt + Self.grace : expiresAt - Self.warning
        // Looked at again at least once a day, in case the clock is set.
        let wait = min(max(next - now, 0), 86_400_000_000)
        expiryTimer = shard.loop.schedule(after: UInt64(wait) * 1_000) { [self] in tokenTimer() }
    }

    private func tokenTimer() {
        expiryTimer = nil
        let now = wallClockMicroseconds()
        if now >= expiresAt + Self.grace {
            close(CloseCode(rawValue: 4401), "the token has ended")
            return
        }
        if !wasWarned, now >= expiresAt - Self.warning {
            wasWarned = true
            send(ServerFrame.token("authExpiring", expiresAt: expiresAt))
        }
        watchToken()
    }

    // MARK: Room

    private func enlist() {
        guard !isEnlisted else { return }
        isEnlisted = true
        shard.loop.atEndOfTick(self)
    }

    private func tellDrained() {
        guard owesDrained, webSocket.isOpen, webSocket.outboundCount < Self.softLimit else { return }
        owesDrained = false
        session.drained(self)
    }
}

extension ChatConnection: TickParticipant {
    /// The socket may have sent all of it without ever being blocked: then no other call would come.
    func tickEnded() {
        isEnlisted = false
        if !webSocket.isBlocked { tellDrained() }
    }
}

extension ChatConnection: WebSocketDelegate {
    func webSocket(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        received(text)
    }

    func webSocket(_ connection: WebSocketConnection, binary: UnsafeRawBufferPointer) {
        close(.unsupportedData, "binary frames are not used here")
    }

    func webSocketDrained(_ connection: WebSocketConnection) {
        tellDrained()
    }

    func webSocketClosed(_ connection: WebSocketConnection, code: CloseCode, reason: String, clean: Bool) {
        isGone = true
        if let timer = expiryTimer { shard.loop.cancel(timer) }
        expiryTimer = nil
        session.detach(self)
        shard.closed(self)
        shard.logger.debug(
            "socket closed",
            metadata: ["session": "\(session.id)", "user": "\(session.userID)", "code": "\(code.rawValue)"])
    }
}
