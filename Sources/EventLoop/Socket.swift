import CLinux
import Glibc

/// What a socket tells its owner, always on the loop.
package protocol SocketDelegate: AnyObject {
    /// Bytes have come. They lie in the loop's own buffer (at most 64 KiB), which may be changed in place and is
    /// valid during the call only.
    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer)
    /// The peer will send no more; writing is still possible.
    func socketReceivedEnd(_ socket: Socket)
    /// Everything has left after a time in which the peer took nothing.
    func socketDrained(_ socket: Socket)
    /// The last call, exactly once, whoever closed it; at the end of the tick.
    func socketClosed(_ socket: Socket)
}

/// A connected stream socket on a loop: non-blocking, without Nagle's delay, plain or over TLS.
///
/// What a tick writes is collected and leaves in one `send` when the tick ends, or when enough sockets have something to
/// send (`EventLoop.sendersAtOnce`). The outbound buffer is bounded: a write that would pass the bound takes nothing and
/// says so. While it is open the loop keeps the socket alive and the socket its delegate.
///
/// Over TLS all of this is the same: bytes are counted and bounded before they are encrypted, which happens when they
/// can be sent; and the end of the stream is the peer's close_notify. A stream that ends without it was cut, and is
/// closed without `socketReceivedEnd`.
package final class Socket: ReadinessHandler, TickParticipant {
    /// Bytes that may wait for the peer, unless said otherwise: 1 MiB.
    package static let defaultOutboundLimit = 1 << 20

    package let loop: EventLoop
    @exclusivity(unchecked) package var delegate: (any SocketDelegate)?
    @exclusivity(unchecked) package private(set) var isOpen = true
    /// The most bytes that may wait for the peer.
    package var outboundLimit: Int {
        get { limit }
        set { limit = newValue }
    }
    @exclusivity(unchecked) private var limit: Int

    /// What the socket's being open holds, such as a place among a bounded number: let go when it closes, or goes to
    /// another loop.
    package var place: (any AnyObject & Sendable)?

    /// Nil for a plain socket.
    let tls: TLSLayer?

    let descriptor: Int32
    private var token: WatchToken?
    // What each write and send looks at, several times: nothing is called while one of them is in use.
    @exclusivity(unchecked) var outbound = ByteQueue()
    @exclusivity(unchecked) var flags: Flags = []
    private var interest: Interest = .read
    private var lingerTimer: TimerToken?

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let enlisted = Flags(rawValue: 1)
        /// The kernel's buffer is full: EPOLLOUT is awaited.
        static let blocked = Flags(rawValue: 2)
        static let receivedEnd = Flags(rawValue: 4)
        static let paused = Flags(rawValue: 8)
        /// Nothing more is written; closes when all has left and the peer has ended or the time is over.
        static let lingering = Flags(rawValue: 16)
        static let shutDown = Flags(rawValue: 32)
        static let announceClosed = Flags(rawValue: 64)
        /// The peer has gone while reading was paused: not watched until it is resumed, since the kernel would report
        /// the hang-up for ever.
        static let parked = Flags(rawValue: 128)
        /// A step of the handshake waits until there is time for it.
        static let queued = Flags(rawValue: 256)
    }

    /// Takes a connected descriptor over; it is closed with the socket, also when this throws.
    ///
    /// - Parameter outboundLimit: bytes, 1 MiB by default.
    package convenience init(
        adopting descriptor: Int32, on loop: EventLoop, outboundLimit: Int = Socket.defaultOutboundLimit
    ) throws(SystemError) {
        try self.init(descriptor, tls: nil, on: loop, outboundLimit: outboundLimit)
    }

    /// Goes on with a socket of another loop.
    package convenience init(
        attaching detached: DetachedSocket, on loop: EventLoop, outboundLimit: Int = Socket.defaultOutboundLimit
    ) throws(SystemError) {
        guard let state = detached.take() else { throw SystemError("attach", code: EBADF) }
        try self.init(state.descriptor, tls: state.tls, on: loop, outboundLimit: outboundLimit)
        state.tls?.engine?.move(to: loop.tlsWire)
        state.unsent.withUnsafeBytes { outbound.append($0, loop.blocks) }
        if outboundCount > 0 || state.tls?.hasRecords == true { enlist() }
    }

    init(_ descriptor: Int32, tls: TLSLayer?, on loop: EventLoop, outboundLimit: Int) throws(SystemError) {
        self.loop = loop
        self.descriptor = descriptor
        self.tls = tls
        limit = outboundLimit
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        do {
            token = try loop.watch(descriptor, .read, self)
        } catch {
            isOpen = false
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Bytes that wait for the peer.
    package var outboundCount: Int { outbound.count }

    /// Whether the kernel took less than it was given last time.
    package var isBlocked: Bool { flags.contains(.blocked) }

    /// Takes bytes to be sent in this tick. `false`: the bound would be passed or the socket is closing, and nothing was
    /// taken.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isOpen, !flags.contains(.lingering), outboundCount + bytes.count <= outboundLimit else { return false }
        outbound.append(bytes, loop.blocks)
        enlist()
        return true
    }

    /// The same for what lies in two places: both or neither.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer) -> Bool {
        guard isOpen, !flags.contains(.lingering), outboundCount + bytes.count + more.count <= outboundLimit else {
            return false
        }
        outbound.append(bytes, loop.blocks)
        outbound.append(more, loop.blocks)
        enlist()
        return true
    }

    @discardableResult
    package func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { write($0) }
    }

    /// Closes when the peer has acknowledged nothing of what was sent for so long (TCP_USER_TIMEOUT): for a peer that is
    /// not asked otherwise whether it is there.
    package func giveUpUnacknowledged(after nanoseconds: UInt64) {
        var milliseconds = UInt32(clamping: nanoseconds / 1_000_000)
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<UInt32>.size))
    }

    package func pauseReading() {
        flags.insert(.paused)
        updateInterest()
    }

    package func resumeReading() {
        flags.remove(.paused)
        unpark()
        updateInterest()
    }

    /// Sends what waits, ends the sending direction, and closes when the peer has ended too or the time is over, so
    /// that the last bytes are not lost to a reset (RFC 9112 section 9.6). What the peer still sends is dropped.
    package func closeAfterFlush(within nanoseconds: UInt64) {
        guard isOpen, !flags.contains(.lingering) else { return }
        if let tls, !tls.isOpen {
            close()
            return
        }
        flags.insert(.lingering)
        flags.remove(.paused)
        unpark()
        guard isOpen else { return }
        lingerTimer = loop.schedule(after: nanoseconds) { [weak self] in self?.close() }
        updateInterest()
        enlist()
    }

    /// Closes at once; what was not sent is lost.
    package func close() {
        guard isOpen else { return }
        if let tls { sendEnd(tls) }
        closeDescriptor()
    }

    func closeDescriptor() {
        letGo()
        Glibc.close(descriptor)
        flags.insert(.announceClosed)
        enlist()
    }

    /// Closes with a reset instead of an orderly end.
    package func reset() {
        guard isOpen else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        closeDescriptor()
    }

    /// Gives the connection up without closing it, for another loop: with its TLS and with what the peer has not taken
    /// yet. The delegate hears no more. Nil: it is closed already, or the sending showed that the peer has gone, and
    /// the delegate hears of that as usual.
    package func detach() -> DetachedSocket? {
        if !outbound.isEmpty { flush() }
        if let tls, !tls.isOpen { close() }
        guard isOpen else { return nil }
        let unsent = Array(outbound.bytes)
        letGo()
        delegate = nil
        return DetachedSocket(descriptor: descriptor, tls: tls, unsent: unsent)
    }

    /// The peer's address without port, for limits and the log; empty when it is unknown.
    package var peerAddress: String {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getpeername(descriptor, address, &length) == 0
                    ? getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) : -1
            }
        }
        guard result == 0 else { return "" }
        return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The peer's address, for counting.
    package var peer: NetworkAddress { NetworkAddress(peerOf: descriptor) }

    package func ready(_ readiness: Readiness) {
        if readiness.contains(.write) { flush() }
        guard isOpen, !readiness.isDisjoint(with: [.read, .hangup, .error]) else { return }
        let isGone = !readiness.isDisjoint(with: [.hangup, .error])
        if let tls, !tls.isOpen {
            handshakeReady(tls, isGone: isGone)
            return
        }
        if isGone, flags.contains(.receivedEnd) || flags.contains(.paused) && readiness.contains(.error) {
            // Nothing more comes and nothing can be sent.
            close()
        } else if isGone, flags.contains(.paused) {
            park()
        } else {
            receive()
        }
    }

    private func park() {
        flags.insert(.parked)
        if let token { loop.unwatch(token) }
        token = nil
    }

    private func unpark() {
        guard isOpen, flags.contains(.parked) else { return }
        flags.remove(.parked)
        interest = .read
        do {
            token = try loop.watch(descriptor, .read, self)
        } catch {
            close()
        }
    }

    /// Sends what was written since the socket enlisted.
    func sendNow() {
        flags.remove(.enlisted)
        if isOpen, !flags.contains(.blocked) { flush() }
        if flags.contains(.announceClosed) {
            flags.remove(.announceClosed)
            loop.atEndOfTick(self)
        }
    }

    /// It was closed in this tick.
    package func tickEnded() {
        let owner = delegate
        delegate = nil
        owner?.socketClosed(self)
    }

    /// A socket with much to say gets the loop's buffer this often before others have their turn.
    private static let readsPerTick = 4

    private func receive() {
        let limit = tls == nil ? loop.readBuffer.count : TLSWire.readLimit
        for _ in 0..<Self.readsPerTick {
            guard isOpen, !flags.contains(.paused) || flags.contains(.lingering) else { return }
            let buffer = loop.readBuffer
            let count = retrying { recv(descriptor, buffer.baseAddress, limit, 0) }
            if count > 0 {
                loop.bytesReceived &+= count
                if flags.contains(.lingering) {
                    // Nobody wants it any more.
                } else if let tls {
                    received(UnsafeRawBufferPointer(rebasing: buffer[..<count]), tls)
                    if flags.contains(.receivedEnd) { return }
                } else {
                    delegate?.socket(self, received: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
                }
                if count < limit { return }
            } else if count == 0 {
                if let tls, !flags.contains(.lingering) {
                    fail(tls, .truncated)
                } else {
                    receivedEnd()
                }
                return
            } else {
                if errno != EAGAIN { close() }
                return
            }
        }
    }

    /// Nothing more comes from the peer.
    func receivedEnd() {
        flags.insert(.receivedEnd)
        if flags.contains(.lingering) && flags.contains(.shutDown) {
            close()
        } else {
            updateInterest()
            if !flags.contains(.lingering) { delegate?.socketReceivedEnd(self) }
        }
    }

    func flush() {
        if let tls {
            if !sendSealed(tls) { return }
        } else if !sendPlain() {
            return
        }
        left()
    }

    /// `false`: not all has left, or the socket is closed.
    private func sendPlain() -> Bool {
        while !outbound.isEmpty {
            let bytes = outbound.bytes
            let count = retrying { send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 {
                outbound.drop(count)
                loop.bytesSent &+= count
            } else if errno == EAGAIN {
                block()
                return false
            } else {
                close()
                return false
            }
        }
        return true
    }

    /// The kernel takes no more for now.
    func block() {
        flags.insert(.blocked)
        updateInterest()
    }

    /// Everything has left.
    private func left() {
        let wasBlocked = flags.contains(.blocked)
        outbound.release(to: loop.blocks)
        if wasBlocked {
            flags.remove(.blocked)
            updateInterest()
        }
        if let tls, !tls.isOpen { return }
        if flags.contains(.lingering) {
            if !flags.contains(.shutDown) {
                if let tls, !sealEnd(tls) { return }
                flags.insert(.shutDown)
                shutdown(descriptor, Int32(SHUT_WR))
            }
            if flags.contains(.receivedEnd) { close() }
        } else if wasBlocked {
            delegate?.socketDrained(self)
        }
    }

    /// Sees to it that `sendNow` is called in this tick.
    func enlist() {
        guard !flags.contains(.enlisted) else { return }
        flags.insert(.enlisted)
        loop.enlist(self)
    }

    func updateInterest() {
        guard isOpen, let token else { return }
        var wanted: Interest = []
        if flags.isDisjoint(with: [.receivedEnd, .paused, .queued]) { wanted.insert(.read) }
        if flags.contains(.blocked) { wanted.insert(.write) }
        guard wanted != interest else { return }
        interest = wanted
        loop.change(token, to: wanted)
    }

    private func letGo() {
        isOpen = false
        if let token { loop.unwatch(token) }
        token = nil
        if let lingerTimer { loop.cancel(lingerTimer) }
        lingerTimer = nil
        place = nil
        outbound.release(to: loop.blocks)
    }
}
