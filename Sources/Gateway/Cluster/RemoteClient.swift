import Chat
import Cluster
import CoreMetrics
import EventLoop
import Strings
import WebSocket

/// A client at another gateway whose user's session is here: what it says comes over a link, and what it is told goes
/// there, as far as that gateway has taken what went before.
final class RemoteClient: ChatCarrier {
    /// Bytes on the way above which the client is cut off, as a socket is.
    private static let hardLimit = UInt64(ChatConnection.hardLimit)

    let number: UInt32
    let end: Links.End
    private let attachment: LinkAttachment
    private unowned let relay: Relay
    private var credit = SocketCredit()
    private var session: Session?
    /// What came before the session was ready for it.
    private var waiting: [Input] = []
    private var partial: [UInt8] = []
    private var owesDrained = false
    private(set) var isGone = false

    private enum Input {
        case follow(Identifier, String)
        case command([UInt8])
    }

    init(_ number: UInt32, _ end: Links.End, _ attachment: LinkAttachment, _ relay: Relay) {
        self.number = number
        self.end = end
        self.attachment = attachment
        self.relay = relay
    }

    var userID: String { attachment.userID }
    var origin: String { attachment.address }
    var presence: SocketPresence {
        SocketPresence(
            connectedAt: attachment.since, address: attachment.address,
            userAgent: attachment.userAgent.isEmpty ? nil : relay.shard.shared(attachment.userAgent),
            gateway: String(end.other.node.prefix { $0 != "/" }))
    }

    /// The session is here and held.
    func start(suspended: [SuspendedRun]) {
        let shard = relay.shard
        guard !isGone else { return }
        let session = shard.session(of: userID)
        guard session.clients.count(where: { !$0.isGone }) < shard.configuration.maximumSocketsPerUser else {
            shard.metrics.limitReached(.socketsPerUser)
            return close(CloseCode(rawValue: 4429), "too many sockets of this user")
        }
        self.session = session
        shard.came(self)
        session.attach(self, expiresAt: attachment.expiresAt, suspended: suspended)
        let inputs = waiting
        waiting = []
        for input in inputs { take(input) }
    }

    // MARK: What the edge says

    func follow(_ threadID: Identifier, _ cursor: String) { take(.follow(threadID, cursor)) }

    func command(_ part: [UInt8], isLast: Bool) {
        // A name of the edge's own may come with it.
        guard partial.count + part.count <= relay.shard.limits.messageBytes + 1_024 else {
            return close(.messageTooBig, "the message is too long")
        }
        guard isLast, partial.isEmpty else {
            partial += part
            guard isLast else { return }
            let whole = partial
            partial = []
            return take(.command(whole))
        }
        take(.command(part))
    }

    private func take(_ input: Input) {
        guard let session, !isGone else {
            if !isGone, waiting.count < EdgeLedger.pendingLimit + EdgeLedger.placeLimit { waiting.append(input) }
            return
        }
        switch input {
        case .follow(let threadID, let cursor): session.follow(self, threadID, after: cursor)
        case .command(let bytes): carryOut(bytes, session)
        }
    }

    private func carryOut(_ bytes: [UInt8], _ session: Session) {
        let shard = relay.shard
        do throws(CommandError) {
            let command = try ClientCommand(frame: bytes, limits: shard.limits)
            // Whoever has the session next is offered it.
            if shard.isDraining, command.beginsTurn { return }
            session.handle(command, from: self)
        } catch {
            send(ServerFrame.error(id: error.id, error.error))
        }
    }

    func taken(_ total: UInt64) {
        guard credit.taken(total: total), owesDrained else { return }
        owesDrained = false
        session?.drained(self)
    }

    /// The edge has no such client any more.
    func leave() {
        guard !isGone else { return }
        isGone = true
        guard let session else { return }
        self.session = nil
        session.detach(self)
        relay.shard.closed(self)
    }

    /// The same for all of a link at once, whose sessions are about to hear from them again.
    func vanish() {
        guard !isGone else { return }
        isGone = true
        guard let session else { return }
        self.session = nil
        let shard = relay.shard
        let bound = LoopBound((client: self, session: session, shard: shard), on: shard.loop)
        shard.loop.execute {
            bound.value.session.detach(bound.value.client)
            bound.value.shard.closed(bound.value.client)
        }
    }

    // MARK: SessionClient

    var isWritable: Bool {
        if credit.hasRoom { return true }
        owesDrained = true
        return false
    }

    func send(_ json: UnsafeRawBufferPointer) {
        guard !isGone else { return }
        guard credit.outstanding <= Self.hardLimit else { return fellBehind() }
        credit.send(json.count)
        relay.figures.bytes += json.count
        LinkFrame.inParts(Array(json)) { part, isLast in
            relay.send(.output(socket: number, isLast: isLast, bytes: part), to: end)
        }
    }

    func fellBehind() {
        if !isGone { relay.shard.metrics.slowCloses.increment() }
        close(CloseCode(rawValue: 4408), "too slow: resume")
    }

    /// Where the session is about to be another's the client keeps its socket, and its gateway looks for it.
    func close(_ code: CloseCode, _ reason: String) {
        guard !isGone else { return }
        if code == .serviceRestart {
            relay.send(.refuse(socket: number, retryAfter: RemoteClients.retryAfter), to: end)
        } else {
            relay.send(.close(socket: number, code: code.rawValue, reason: reason), to: end)
        }
        relay.remotes.remove(self)
        isGone = true
        guard let session else { return }
        self.session = nil
        // Not from within the session's call.
        let shard = relay.shard
        let bound = LoopBound((client: self, session: session, shard: shard), on: shard.loop)
        shard.loop.execute {
            bound.value.session.detach(bound.value.client)
            bound.value.shard.closed(bound.value.client)
        }
    }
}
