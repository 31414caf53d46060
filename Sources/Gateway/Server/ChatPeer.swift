import JSON
import Chat
import CoreMetrics
import EventLoop
import Logging
import Store
import Strings
import Tracing
import WebSocket

/// What is known of a socket when its chat begins; carried to the user's shard.
struct ChatOpening: Sendable {
    var principal: Principal
    /// The client's address.
    var origin: String
    /// The program of the client, as it names itself.
    var userAgent: String?
    /// Of the handshake, for the log.
    var requestID: String
    var verifier: TokenVerifier
    /// Of the handshake: what is said on the socket belongs to it.
    var trace: TraceContext?
}

/// What carries a user's chat: a WebSocket, or an event stream with requests beside it.
protocol ChatCarrier: SessionClient {
    var userID: String { get }
    /// The client's address.
    var origin: String { get }
    var presence: SocketPresence { get }
    /// Ends it, with what the client is told of why.
    func close(_ code: CloseCode, _ reason: String)
}

/// The user's end of a chat, whatever carries it: the commands that come in, the token's life, and what is the same for
/// every socket.
final class ChatPeer {
    /// Seconds that clients are asked to wait when the server restarts, where there are few.
    static let reconnectAfter = 2
    /// Sockets that come back within a second, and the longest that one is asked to wait.
    private static let returningSockets = 1_000
    private static let longestWait = 30

    /// Spread, so that not all come back at once.
    ///
    /// - Parameter sockets: of the process.
    static func reconnectAfter(sockets: Int) -> Int {
        Int.random(in: 1...min(max(sockets / returningSockets, reconnectAfter), longestWait))
    }
    /// Frames that make no sense, within a minute.
    private static let badFrameLimit = 100
    /// Before the token ends the client is told; after it there is some grace. Microseconds.
    private static let warning: Int64 = 60_000_000
    private static let grace: Int64 = 25_000_000

    /// Where the session is: here, or at another gateway.
    private enum Home {
        case here(Session)
        case away(EdgeSocket)
    }

    let shard: Shard
    let userID: String
    private var home: Home
    private var opening: ChatOpening
    /// Holds this object too, until `ended`.
    private var carrier: (any ChatCarrier)?
    private(set) var expiresAt: Int64
    var origin: String { opening.origin }
    var trace: TraceContext? { opening.trace }
    /// Microseconds since 1970.
    private let connectedAt = wallClockMicroseconds()
    private var expiryTimer: TimerToken?
    private var wasWarned = false
    private var badFrames = 0
    private var badFramesSince: UInt64 = 0

    /// - Parameter edge: nil: the session is here.
    init(_ opening: ChatOpening, shard: Shard, _ edge: EdgeSocket? = nil) {
        self.shard = shard
        userID = opening.principal.userID
        self.opening = opening
        self.opening.userAgent = opening.userAgent.map { shard.shared($0) }
        home = edge.map { .away($0) } ?? .here(shard.session(of: userID))
        expiresAt = opening.principal.expiresAt
    }

    /// Nil: another gateway has it.
    var session: Session? {
        if case .here(let session) = home { session } else { nil }
    }

    /// Attaches the socket to its user's session; or closes it, where that is not possible now.
    ///
    /// - Returns: false where it was closed.
    func start(
        _ carrier: any ChatCarrier, stream: ServerFrame.Stream? = nil, suspended: [SuspendedRun] = []
    ) -> Bool {
        self.carrier = carrier
        guard let session else { return startAway(carrier) }
        // Its handshake was answered while the shard was fenced, or the session has moved meanwhile: what it would be told
        // is not so any more.
        if shard.isFenced || !shard.ownership.admits(userID) {
            carrier.close(.serviceRestart, "the session moved")
            return false
        }
        var left: ChatStream?
        if session.clients.count >= shard.configuration.maximumSocketsPerUser {
            // A stream whose client has not come back yet makes room.
            for case let stream as ChatStream in session.clients where left == nil && stream.isCut { left = stream }
            guard left != nil else {
                shard.metrics.limitReached(.socketsPerUser)
                carrier.close(CloseCode(rawValue: 4429), "too many sockets of this user")
                return false
            }
        }
        noteSignIn()
        session.attach(carrier, expiresAt: expiresAt, stream: stream, suspended: suspended)
        // Not before: a session without sockets is forgotten.
        left?.giveUp()
        if shard.isDraining { carrier.send(ServerFrame.draining(reconnectAfter: shard.reconnectAfter)) }
        watchToken()
        return true
    }

    private func startAway(_ carrier: any ChatCarrier) -> Bool {
        guard case .away(let edge) = home, !shard.isFenced else {
            carrier.close(.serviceRestart, "the session moved")
            return false
        }
        noteSignIn()
        edge.start(carrier, self)
        if shard.isDraining { carrier.send(ServerFrame.draining(reconnectAfter: shard.reconnectAfter)) }
        watchToken()
        return true
    }

    /// The session is this gateway's from now on: goes on with it where the one before left off.
    ///
    /// - Parameter suspended: runs of the user that wait for a person.
    func comeHome(_ ledger: EdgeLedger, suspended: [SuspendedRun]) {
        guard let carrier else { return }
        let session = shard.session(of: userID)
        home = .here(session)
        if ledger.isReady {
            session.join(carrier)
        } else {
            session.attach(carrier, expiresAt: expiresAt, suspended: suspended)
        }
        for place in ledger.places { session.follow(carrier, place.threadID, after: place.cursor) }
        for frame in ledger.unanswered {
            guard !carrier.isGone else { return }
            do throws(CommandError) {
                carryOut(try ClientCommand(frame: frame, limits: shard.limits))
            } catch {
                carrier.send(ServerFrame.error(id: error.id, error.error))
            }
        }
    }

    /// The carrier has room again.
    func drained(_ carrier: any ChatCarrier) {
        switch home {
        case .here(let session): session.drained(carrier)
        case .away(let edge): edge.drained()
        }
    }

    /// Where the last message of a socket went, as far as another gateway has said so.
    var lastThread: Identifier? {
        if case .away(let edge) = home { edge.lastThread } else { nil }
    }

    /// Whether a conversation is in use.
    func holds(thread id: Identifier) -> Bool { session?.holds(thread: id) ?? true }

    var presence: SocketPresence {
        SocketPresence(connectedAt: connectedAt, address: opening.origin, userAgent: opening.userAgent)
    }

    /// The same user's client comes back to it with another request.
    func goOn(_ opening: ChatOpening) {
        self.opening = opening
        expiresAt = opening.principal.expiresAt
        wasWarned = false
        noteSignIn()
        watchToken()
    }

    /// The socket is gone.
    func ended(_ code: CloseCode) {
        guard let carrier else { return }
        self.carrier = nil
        if let timer = expiryTimer { shard.loop.cancel(timer) }
        expiryTimer = nil
        switch home {
        case .here(let session): session.detach(carrier)
        case .away(let edge): edge.end()
        }
        shard.closed(carrier)
        shard.logger.debug(
            "socket closed",
            metadata: ["session": "\(sessionName)", "user": "\(userID)", "code": "\(code.rawValue)"])
    }

    private func noteSignIn() {
        shard.metrics.signIn(.accepted)
        shard.audit.record(.signIn, by: userID, from: opening.origin)
        shard.logger.debug(
            "socket opened",
            metadata: [
                "request": "\(opening.requestID)", "session": "\(sessionName)", "user": "\(userID)",
            ])
    }

    private var sessionName: String { session.map { "\($0.id)" } ?? "elsewhere" }

    // MARK: Frames

    /// - Parameter frame: the command as the client wrote it, where it did.
    /// - Returns: the conversation that a message goes to, where it was one and is not refused already.
    @discardableResult
    func carryOut(_ command: ClientCommand, _ frame: UnsafeRawBufferPointer? = nil) -> Identifier? {
        guard let carrier else { return nil }
        if case .auth(let id, let token) = command {
            renew(token, id: id)
            return nil
        }
        guard let session else {
            if case .away(let edge) = home { edge.said(command, frame) }
            return nil
        }
        switch command {
        case .send(let id, let thread, let content, let policy, let zone):
            if let zone { session.timeZone = zone }
            return session.send(content, to: thread, policy: policy, id: id, from: carrier)
        default:
            session.handle(command, from: carrier)
        }
        return nil
    }

    func refuse(_ error: CommandError) {
        carrier?.send(ServerFrame.error(id: error.id, error.error))
        countBadFrame()
    }

    func countBadFrame() {
        if shard.nowMilliseconds - badFramesSince > 60_000 {
            badFramesSince = shard.nowMilliseconds
            badFrames = 0
        }
        badFrames += 1
        guard badFrames > Self.badFrameLimit else { return }
        shard.metrics.limitReached(.badFrames)
        carrier?.close(CloseCode(rawValue: 4429), "too many bad frames")
    }

    // MARK: The token's life

    private func renew(_ token: String, id: String?, isSecondTry: Bool = false) {
        guard let carrier else { return }
        let now = wallClockMicroseconds()
        do {
            let principal = try opening.verifier.verify(token, now: Double(now) / 1_000_000)
            guard principal.userID.isExactly(userID) else {
                carrier.send(ServerFrame.error(id: id, ClientError(.forbidden, "The token is another user's.")))
                return
            }
            expiresAt = principal.expiresAt
            wasWarned = false
            carrier.send(ServerFrame.token("authenticated", id: id, expiresAt: expiresAt))
            watchToken()
            shard.audit.record(.tokenRenewed, by: userID, from: opening.origin)
        } catch {
            if error.dependsOnKeys {
                switch askForKeys(token, id: id, isSecondTry: isSecondTry) {
                case .wait: return
                case .refuse: break
                case .undecided(let seconds):
                    shard.metrics.undecidedSignIns.increment()
                    let message = "The keys that tokens are checked with can't be had at the moment."
                    carrier.send(ServerFrame.error(id: id, ClientError(.unavailable, message, retryAfter: seconds)))
                    return
                }
            }
            shard.metrics.signIn(SignInOutcome(error))
            shard.audit.record(
                .refused, by: userID, from: opening.origin, allowed: false,
                detail: ["reason": .string(error.reason)])
            carrier.send(ServerFrame.error(id: id, ClientError(.unauthenticated, error.message)))
            countBadFrame()
        }
    }

    /// Once for a token: when it is looked at again, what is known then decides.
    private func askForKeys(_ token: String, id: String?, isSecondTry: Bool) -> KeyRefreshMachine.Answer {
        guard let keySet = opening.verifier.keySet else { return .refuse }
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
        guard carrier != nil else { return }
        let now = wallClockMicroseconds()
        let next = wasWarned ? expiresAt + Self.grace : expiresAt - Self.warning
        // Looked at again at least once a day, in case the clock is set.
        let wait = min(max(next - now, 0), 86_400_000_000)
        expiryTimer = shard.loop.schedule(after: UInt64(wait) * 1_000) { [self] in tokenTimer() }
    }

    private func tokenTimer() {
        expiryTimer = nil
        guard let carrier else { return }
        let now = wallClockMicroseconds()
        if now >= expiresAt + Self.grace {
            carrier.close(CloseCode(rawValue: 4401), "the token has ended")
            return
        }
        if !wasWarned, now >= expiresAt - Self.warning {
            wasWarned = true
            carrier.send(ServerFrame.token("authExpiring", expiresAt: expiresAt))
        }
        watchToken()
    }
}
