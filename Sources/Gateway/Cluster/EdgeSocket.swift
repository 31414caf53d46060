import Chat
import Cluster
import EventLoop
import Store
import WebSocket

/// A socket of this gateway to the gateway that has its user's session. On the user's shard, like the socket itself.
final class EdgeSocket {
    /// Bytes after which the owner is told that they were taken.
    private static let takenStep: UInt64 = SocketCredit.window / 4

    let user: UserRecord
    private let attachment: LinkAttachment
    private unowned let relay: Relay
    private let firstOwner: ClusterAddress
    private var carrier: (any ChatCarrier)?
    private var peer: ChatPeer?
    private var ledger = EdgeLedger()
    /// On the link to the owner; nil: it is being looked for.
    private(set) var number: UInt32?
    private var owner: ClusterAddress?
    private var partial: [UInt8] = []
    private var taken: UInt64 = 0
    private var toldTaken: UInt64 = 0

    init(_ opening: ChatOpening, _ relay: Relay, at owner: ClusterAddress) {
        let principal = opening.principal
        user = UserRecord(id: principal.userID, email: principal.email, name: principal.name)
        var attachment = LinkAttachment(userID: principal.userID)
        attachment.since = wallClockMicroseconds()
        attachment.expiresAt = principal.expiresAt
        attachment.address = opening.origin
        attachment.userAgent = opening.userAgent ?? ""
        self.attachment = attachment
        self.relay = relay
        firstOwner = owner
    }

    var lastThread: Identifier? { ledger.lastThread }

    // MARK: The client

    func start(_ carrier: any ChatCarrier, _ peer: ChatPeer) {
        self.carrier = carrier
        self.peer = peer
        relay.edges.join(self, at: firstOwner)
    }

    /// What the client has said; what is wrong in itself was answered already.
    func said(_ command: ClientCommand, _ frame: UnsafeRawBufferPointer?) {
        let said = ledger.said(command, frame, hiddenID: { relay.hiddenID() }, isReached: number != nil)
        guard let said else {
            let error = ClientError(.rateLimited, "Too many requests wait for their answers.", retryAfter: 1)
            carrier?.send(ServerFrame.error(id: command.id, error))
            return
        }
        say(said)
    }

    private func say(_ frame: [UInt8]) {
        guard let number, let owner else { return }
        LinkFrame.inParts(frame) { part, isLast in
            relay.send(.command(socket: number, isLast: isLast, bytes: part), to: .init(.edge, owner))
        }
    }

    /// The client has taken what was there for it.
    func drained() { tellTaken() }

    /// The client has gone.
    func end() {
        guard carrier != nil else { return }
        if let number, let owner { relay.send(.detach(socket: number), to: .init(.edge, owner)) }
        leave()
        relay.edges.leave(self)
    }

    private func leave() {
        carrier = nil
        peer = nil
        number = nil
        owner = nil
    }

    // MARK: The owner

    /// A gateway has the session, or is said to: goes on there.
    func attach(as number: UInt32, at owner: ClusterAddress) {
        self.number = number
        self.owner = owner
        partial = []
        (taken, toldTaken) = (0, 0)
        let end = Links.End(.edge, owner)
        relay.send(.attach(socket: number, attachment), to: end)
        for place in ledger.places {
            let thread = String(decoding: place.thread, as: UTF8.self)
            relay.send(.follow(socket: number, threadID: thread, cursor: place.cursor), to: end)
        }
        for frame in ledger.unanswered { say(frame) }
        ledger.offered()
    }

    /// Nobody is known to have the session.
    func detach() {
        number = nil
        owner = nil
    }

    /// This gateway has it.
    func comeHome(suspended: [SuspendedRun]) {
        let (peer, ledger) = (peer, ledger)
        leave()
        peer?.comeHome(ledger, suspended: suspended)
    }

    var knowsSession: Bool { ledger.isReady }

    func received(_ part: [UInt8], isLast: Bool) {
        taken += UInt64(part.count)
        if isLast, partial.isEmpty {
            tell(part)
        } else {
            guard partial.count + part.count <= ChatConnection.frameRoom else {
                return close(.internalError, "a frame is too long")
            }
            partial += part
            guard isLast else { return }
            let frame = partial
            partial = []
            tell(frame)
        }
        tellTaken()
    }

    private func tell(_ frame: [UInt8]) {
        guard let carrier else { return }
        frame.withUnsafeBytes { bytes in
            switch ledger.told(bytes) {
            case .pass: carrier.send(bytes)
            case .drop: break
            case .instead(let other): carrier.send(other)
            }
        }
    }

    private func tellTaken() {
        guard taken &- toldTaken >= Self.takenStep, let number, let owner, let carrier, carrier.isWritable else {
            return
        }
        toldTaken = taken
        relay.send(.taken(socket: number, total: taken), to: .init(.edge, owner))
    }

    func close(_ code: UInt16, _ reason: String) { carrier?.close(.init(rawValue: code), reason) }
    private func close(_ code: CloseCode, _ reason: String) { carrier?.close(code, reason) }
}

extension LinkFrame {
    /// Cuts what a client said, or is sent, into parts of which each fits into a message.
    static func inParts(_ bytes: [UInt8], _ body: (_ part: [UInt8], _ isLast: Bool) -> Void) {
        guard bytes.count > partLimit else { return body(bytes, true) }
        var start = 0
        while start < bytes.count {
            let end = min(start + partLimit, bytes.count)
            body(Array(bytes[start..<end]), end == bytes.count)
            start = end
        }
    }
}
