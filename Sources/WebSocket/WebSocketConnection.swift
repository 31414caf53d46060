package import EventLoop

/// What a connection tells its owner, always on the loop.
package protocol WebSocketDelegate: AnyObject {
    /// A text message: valid UTF-8, and valid during the call only.
    func webSocket(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer)
    /// A binary message, valid during the call only.
    func webSocket(_ connection: WebSocketConnection, binary: UnsafeRawBufferPointer)
    /// All that waited has left after a time in which the peer took nothing.
    func webSocketDrained(_ connection: WebSocketConnection)
    /// The end, exactly once: nothing is sent or received after it. `clean`: both ends said Close. The code is the
    /// peer's, or that of the rule it broke, or 1005 (no code), or 1006 (lost without a Close).
    func webSocketClosed(_ connection: WebSocketConnection, code: CloseCode, reason: String, clean: Bool)
}

/// An open WebSocket on a loop: the machine between a socket and a delegate. Confined to the loop.
///
/// The socket keeps the connection alive while it is open, and the connection its delegate until `webSocketClosed`.
package final class WebSocketConnection {
    package let socket: Socket
    package let hub: WebSocketHub
    @exclusivity(unchecked) package var delegate: (any WebSocketDelegate)?

    private enum State: UInt8 {
        case open
        /// A Close was sent; the peer's is awaited.
        case closing
        /// The delegate has heard of the end; the socket is flushed and closed.
        case finished
        case gone
    }

    /// Kept free in the outbound buffer, so that control frames get through when no message does.
    private static let controlReserve = 512
    /// A peer from which one read brought so many messages does not wait for an answer before it sends more.
    private static let streamed = 3

    // What each message looks at, before what is large.
    @exclusivity(unchecked) private var state = State.open
    private let role: Role
    /// What this end compresses with; 0 when permessage-deflate was not agreed on.
    private let windowBits: UInt8
    /// What messages are compressed with; nil when permessage-deflate was not agreed on.
    private let codec: DeflateCodec?
    /// It calls nobody, and its events are handled when it has returned.
    @exclusivity(unchecked) private var machine: WebSocketConnectionMachine
    /// The newest ping that could not be answered because the peer took nothing.
    private var owedPong: [UInt8]?
    @exclusivity(unchecked) private var lastReceived: UInt64
    @exclusivity(unchecked) private var creditSince: UInt64
    var nextPing: UInt64 = 0
    var links = DeadlineQueue.Links()

    /// - Parameters:
    ///   - socket: one whose handshake is over. The connection becomes its delegate.
    ///   - deflate: what the handshake agreed on.
    package init(
        _ socket: Socket, hub: WebSocketHub, role: Role = .server, deflate: DeflateParameters? = nil,
        delegate: (any WebSocketDelegate)?
    ) {
        self.socket = socket
        self.hub = hub
        self.role = role
        self.delegate = delegate
        lastReceived = hub.loop.now
        creditSince = hub.loop.now
        var inflating: DeflateCodec?
        if let deflate {
            let isServer = role == .server
            // What keeps a window is the connection's own, the rest the hub's.
            let own =
                deflate.takesOver
                ? DeflateCodec(
                    contextTakeover: true,
                    inflatingBits: isServer ? deflate.clientMaxWindowBits : deflate.serverMaxWindowBits,
                    share: deflate.memory) : hub.codec
            codec = (isServer ? deflate.serverNoContextTakeover : deflate.clientNoContextTakeover) ? hub.codec : own
            inflating = (isServer ? deflate.clientNoContextTakeover : deflate.serverNoContextTakeover) ? hub.codec : own
            windowBits = UInt8(isServer ? deflate.serverMaxWindowBits : max(9, deflate.clientMaxWindowBits))
        } else {
            codec = nil
            windowBits = 0
        }
        machine = WebSocketConnectionMachine(
            role: role, messageLimit: hub.options.maxMessageBytes, codec: inflating,
            controlCredit: hub.options.maxControlFramesPerSecond)
        socket.delegate = self
        hub.opened(self)
    }

    deinit {
        if state != .gone { hub.closed(self) }
    }

    /// Takes the bytes that came after the handshake, before the socket brings more. They may be changed.
    package func start(leftover: UnsafeMutableRawBufferPointer) {
        guard !leftover.isEmpty else { return }
        socket(socket, received: leftover)
    }

    /// Whether messages can still be sent.
    package var isOpen: Bool { state == .open }
    /// Bytes that wait for the peer.
    package var outboundCount: Int { socket.outboundCount }
    /// Whether the peer took less than it was offered: `webSocketDrained` follows when it has caught up.
    package var isBlocked: Bool { socket.isBlocked }
    /// Whether permessage-deflate was agreed on.
    package var isCompressed: Bool { codec != nil }

    /// Reads no more until `resumeReading`. What has been read already is still handed out: at most 64 KiB of it.
    package func pauseReading() {
        guard state == .open else { return }
        socket.pauseReading()
    }

    package func resumeReading() {
        socket.resumeReading()
    }

    // MARK: Sending

    /// Whether to compress a message, provided that it was agreed on.
    package enum Compression: Sendable {
        /// If it has `compressionThreshold` bytes and gets smaller.
        case automatic
        case always
        case never
    }

    /// Whether the message that is being handed out came compressed.
    package var receivedCompressed: Bool { machine.messageIsCompressed }

    /// Sends a text message, which must be UTF-8.
    ///
    /// - Returns: false when the connection is closing or the outbound buffer has no room; nothing was taken then.
    @discardableResult
    package func sendText(_ bytes: UnsafeRawBufferPointer, compression: Compression = .automatic) -> Bool {
        sendMessage(.text, bytes, compression)
    }

    @discardableResult
    package func sendBinary(_ bytes: UnsafeRawBufferPointer, compression: Compression = .automatic) -> Bool {
        sendMessage(.binary, bytes, compression)
    }

    /// Sends a frame made by `FrameEncoder`, or several. Only a server's frames can be shared like this: a client's
    /// are masked each with a key of its own.
    @discardableResult
    package func sendFrame(preEncoded frame: [UInt8]) -> Bool {
        guard state == .open, role == .server, hasRoom(frame.count) else { return false }
        return socket.write(frame)
    }

    @discardableResult
    package func ping(_ payload: [UInt8] = []) -> Bool {
        guard state == .open else { return false }
        return payload.withUnsafeBytes { sendControl(.ping, $0) }
    }

    /// Begins to close: sends a Close and waits for the peer's, `closeTimeout` at most. Messages that still come are
    /// dropped.
    ///
    /// - Parameter reason: cut to 123 bytes.
    package func close(_ code: CloseCode = .normal, reason: String = "") {
        guard state == .open else { return }
        state = .closing
        machine.dropMessages()
        socket.resumeReading()
        sendClose(code, reason)
        hub.closing(self)
    }

    /// Drops the connection without ceremony.
    package func abort() {
        socket.close()
        finish(.abnormal, "", clean: false)
    }

    private func hasRoom(_ count: Int) -> Bool {
        socket.outboundCount + count <= socket.outboundLimit - Self.controlReserve
    }

    private func sendMessage(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, _ compression: Compression
    ) -> Bool {
        guard state == .open else { return false }
        let compresses =
            switch compression {
            case .automatic: payload.count >= hub.options.compressionThreshold
            case .always: true
            case .never: false
            }
        if compresses, let codec {
            // With a window that lives on, what is compressed must be sent.
            guard hasRoom(FrameHeader.maxCount + DeflateCodec.compressedLimit(for: payload.count)) else { return false }
            defer { codec.releaseCompressed() }
            let headroom = FrameHeader.maxCount
            if let room = codec.compress(
                payload, headroom: headroom, windowBits: Int(windowBits), always: compression == .always)
            {
                let header = FrameHeader(
                    isCompressed: true, opcode: opcode, maskingKey: newMaskingKey(),
                    payloadCount: room.count - headroom)
                let frame = UnsafeMutableRawBufferPointer(rebasing: room[(headroom - header.count)...])
                header.write(to: frame)
                if let key = header.maskingKey {
                    Masking.apply(key, to: UnsafeMutableRawBufferPointer(rebasing: room[headroom...]))
                }
                return socket.write(UnsafeRawBufferPointer(frame))
            }
        }
        return writeFrame(opcode, payload, reserve: Self.controlReserve)
    }

    @discardableResult
    private func sendControl(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> Bool {
        let count = min(payload.count, FrameHeader.maxControlPayload)
        return writeFrame(opcode, UnsafeRawBufferPointer(rebasing: payload[..<count]), reserve: 0)
    }

    private func sendClose(_ code: CloseCode, _ reason: String) {
        var payload: [UInt8] = []
        if code.mayBeSent {
            payload = [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
            for scalar in reason.unicodeScalars {
                let bytes = UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
                guard payload.count + bytes.count <= FrameHeader.maxControlPayload else { break }
                payload.append(contentsOf: bytes)
            }
        }
        payload.withUnsafeBytes { _ = sendControl(.close, $0) }
    }

    /// Header and payload go into the outbound buffer one after the other, both or neither.
    private func writeFrame(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer, reserve: Int) -> Bool {
        let header = FrameHeader(opcode: opcode, maskingKey: newMaskingKey(), payloadCount: payload.count)
        guard socket.outboundCount + header.count + payload.count <= socket.outboundLimit - reserve else {
            return false
        }
        var space: (UInt64, UInt64) = (0, 0)
        return withUnsafeMutableBytes(of: &space) { space in
            header.write(to: space)
            let head = UnsafeRawBufferPointer(rebasing: space[..<header.count])
            guard let key = header.maskingKey else { return socket.write(head, payload) }
            var masked = [UInt8](payload)
            return masked.withUnsafeMutableBytes { bytes in
                Masking.apply(key, to: bytes)
                return socket.write(head, UnsafeRawBufferPointer(bytes))
            }
        }
    }

    /// A client's keys must be unpredictable (RFC 6455 section 10.3).
    private func newMaskingKey() -> UInt32? {
        guard role == .client else { return nil }
        var generator = SystemRandomNumberGenerator()
        return UInt32.random(in: .min ... .max, using: &generator)
    }

    // MARK: Ending

    /// Tells the delegate, once.
    private func finish(_ code: CloseCode, _ reason: String, clean: Bool) {
        guard state == .open || state == .closing else { return }
        state = .finished
        owedPong = nil
        hub.forget(self)
        let owner = delegate
        delegate = nil
        owner?.webSocketClosed(self, code: code, reason: reason, clean: clean)
    }

    private func peerClosed(_ code: CloseCode, _ reason: UnsafeRawBufferPointer) {
        let text = String(decoding: reason, as: UTF8.self)
        if state == .open { sendClose(code, "") }
        socket.closeAfterFlush(within: hub.options.closeTimeout)
        finish(code, text, clean: true)
    }

    private func failed(_ failure: Failure) {
        if state == .open { sendClose(failure.closeCode, failure.reason) }
        socket.closeAfterFlush(within: hub.options.closeTimeout)
        finish(failure.closeCode, failure.reason, clean: false)
    }

    func closeTimedOut() {
        socket.close()
        finish(.abnormal, "", clean: false)
    }

    /// Whether the peer has been heard of lately; pings it when that is due.
    func isAlive(_ now: UInt64) -> Bool {
        guard state == .open else { return false }
        if now &- lastReceived >= hub.options.pongTimeout {
            sendClose(.goingAway, "no answer to pings")
            socket.closeAfterFlush(within: hub.options.closeTimeout)
            finish(.abnormal, "no answer to pings", clean: false)
            return false
        }
        if now >= nextPing {
            nextPing = now &+ hub.options.pingInterval
            ping()
        }
        return true
    }
}

extension WebSocketConnection: SocketDelegate {
    package func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        let now = hub.loop.now
        lastReceived = now
        if now &- creditSince >= 1_000_000_000 {
            creditSince = now
            machine.controlCredit = hub.options.maxControlFramesPerSecond
        }
        var input = bytes
        var messageCount = 0
        while state == .open || state == .closing {
            switch machine.next(&input) {
            case .needsMore:
                if role == .server, messageCount >= Self.streamed { hub.loop.gather() }
                return
            case .text(let payload):
                messageCount += 1
                if state == .open { delegate?.webSocket(self, text: payload) }
            case .binary(let payload):
                messageCount += 1
                if state == .open { delegate?.webSocket(self, binary: payload) }
            case .ping(let payload):
                answerPing(payload)
            case .pong:
                break
            case .close(let code, let reason):
                peerClosed(code, reason)
            case .failed(let failure):
                failed(failure)
            }
        }
    }

    private func answerPing(_ payload: UnsafeRawBufferPointer) {
        guard state == .open else { return }
        // A peer that takes nothing gets one answer when it does again, to the newest ping (RFC 6455 section 5.5.3).
        if socket.isBlocked || !sendControl(.pong, payload) { owedPong = [UInt8](payload) }
    }

    package func socketReceivedEnd(_ socket: Socket) {
        guard state == .open || state == .closing else { return }
        socket.close()
        finish(.abnormal, "", clean: false)
    }

    package func socketDrained(_ socket: Socket) {
        guard state == .open else { return }
        if let pong = owedPong {
            owedPong = nil
            pong.withUnsafeBytes { _ = sendControl(.pong, $0) }
        }
        delegate?.webSocketDrained(self)
    }

    package func socketClosed(_ socket: Socket) {
        guard state != .gone else { return }
        finish(.abnormal, "", clean: false)
        state = .gone
        hub.closed(self)
    }
}
