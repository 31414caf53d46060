package import EventLoop

/// What a connection needs of the world: a socket's writing side, one alarm and the time. The seam at which tests
/// drive a connection without descriptors and clocks.
package protocol HTTPTransport: AnyObject {
    /// Monotonic nanoseconds.
    var now: UInt64 { get }
    var isOpen: Bool { get }
    var outboundCount: Int { get }
    /// Whether the peer has stopped taking; `drained()` follows when it has taken all.
    var isBlocked: Bool { get }
    var peerAddress: String { get }
    /// See `Socket.peerOwner`.
    var peerOwner: UInt32? { get }
    /// Takes all or nothing.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool
    func pauseReading()
    func resumeReading()
    func closeAfterFlush(within nanoseconds: UInt64)
    func close()
    /// Calls the connection's `alarmRang()` after this time, instead of any earlier arrangement; nil for never.
    func setAlarm(after nanoseconds: UInt64?, for connection: HTTPServerConnection)
    /// Calls the connection's `mayWrite()` soon, not from within this call.
    func callBackSoon(_ connection: HTTPServerConnection)
    /// Gives the socket up; nil where there is none to give.
    func surrender() -> Socket?
}

/// The transport of a real socket.
final class SocketTransport: HTTPTransport {
    private let socket: Socket
    private var alarm: TimerToken?
    let peerAddress: String

    init(_ socket: Socket) {
        self.socket = socket
        peerAddress = socket.peerAddress
    }

    var now: UInt64 { socket.loop.now }
    var isOpen: Bool { socket.isOpen }
    var outboundCount: Int { socket.outboundCount }
    var isBlocked: Bool { socket.isBlocked }
    var peerOwner: UInt32? { socket.peerOwner }

    func write(_ bytes: UnsafeRawBufferPointer) -> Bool { socket.write(bytes) }
    func pauseReading() { socket.pauseReading() }
    func resumeReading() { socket.resumeReading() }
    func closeAfterFlush(within nanoseconds: UInt64) { socket.closeAfterFlush(within: nanoseconds) }
    func close() { socket.close() }

    func setAlarm(after nanoseconds: UInt64?, for connection: HTTPServerConnection) {
        if let alarm { socket.loop.cancel(alarm) }
        alarm = nanoseconds.map { time in
            socket.loop.schedule(after: time) { [weak self, weak connection] in
                self?.alarm = nil
                connection?.alarmRang()
            }
        }
    }

    func callBackSoon(_ connection: HTTPServerConnection) {
        let bound = LoopBound(connection, on: socket.loop)
        socket.loop.execute { bound.value.mayWrite() }
    }

    func surrender() -> Socket? {
        socket.resumeReading()
        socket.delegate = nil
        return socket
    }
}
