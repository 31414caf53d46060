import Chat
import CoreMetrics
import EventLoop
import Tracing
import WebSocket

/// What was agreed on in a WebSocket's handshake.
struct SocketAgreement: Sendable {
    /// `parley.v1`: a frame is always JSON.
    var speaksProtocol: Bool
    var deflate: DeflateParameters?
}

/// A user's socket: frames in and out, and how much may wait for it.
final class ChatConnection: ChatCarrier {
    /// Bytes waiting above which no events are added: the client gets the merged rest when it has caught up.
    static let softLimit = 64 * 1024
    /// Bytes waiting above which nothing more is added at all: the client is cut off with 4408.
    static let hardLimit = 1 << 20
    /// Room for one frame beside that: a snapshot or a merged delta.
    static let frameRoom = 4 << 20

    private let shard: Shard
    private let peer: ChatPeer
    private let webSocket: WebSocketConnection
    private let speaksProtocol: Bool
    /// In the plain text mode, where the next line goes.
    private var lastThread: Identifier?
    /// The session was told that there is no room, and waits to hear that there is.
    private var owesDrained = false
    private var isEnlisted = false
    private(set) var isGone = false

    /// - Parameter edge: what it is to the gateway that has the session, where that is another one.
    init(
        _ socket: Socket, _ opening: ChatOpening, _ agreement: SocketAgreement, shard: Shard, _ edge: EdgeSocket? = nil
    ) {
        self.shard = shard
        peer = ChatPeer(opening, shard: shard, edge)
        speaksProtocol = agreement.speaksProtocol
        socket.outboundLimit = Self.hardLimit + Self.frameRoom
        webSocket = WebSocketConnection(socket, hub: shard.hub, deflate: agreement.deflate, delegate: nil)
        webSocket.delegate = self
    }

    /// - Parameter suspended: runs of the user that wait for a person.
    func start(leftover: [UInt8], suspended: [SuspendedRun]) {
        guard peer.start(self, suspended: suspended) else { return }
        var leftover = leftover
        leftover.withUnsafeMutableBytes { webSocket.start(leftover: $0) }
    }

    var userID: String { peer.userID }
    var origin: String { peer.origin }
    var trace: TraceContext? { peer.trace }

    var presence: SocketPresence { peer.presence }

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

    func answer(_ reply: Reply, id: String?) {
        // What another gateway was told by a name of ours may be answered by this one.
        send(reply.frame(id: id.flatMap { EdgeLedger.isHidden($0) ? nil : $0 }))
    }

    func fellBehind() {
        if webSocket.isOpen { shard.metrics.slowCloses.increment() }
        close(CloseCode(rawValue: 4408), "too slow: resume")
    }

    // MARK: Frames

    private func received(_ text: UnsafeRawBufferPointer) {
        do {
            let command: ClientCommand
            var frame: UnsafeRawBufferPointer? = text
            if !speaksProtocol, text.first != UInt8(ascii: "{") {
                // A conversation whose first message was refused does not exist: then the next line begins one.
                let thread = (peer.lastThread ?? lastThread).flatMap { peer.holds(thread: $0) ? $0 : nil }
                frame = nil
                command = try ClientCommand(
                    plainText: String(decoding: text, as: UTF8.self), threadID: thread, limits: shard.limits)
            } else {
                command = try ClientCommand(frame: text, limits: shard.limits)
            }
            if let sent = peer.carryOut(command, frame) { lastThread = sent }
        } catch {
            peer.refuse(error)
        }
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
        peer.drained(self)
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
        peer.ended(code)
    }
}
