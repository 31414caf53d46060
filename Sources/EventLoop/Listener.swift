import CLinux
import Glibc

/// A listening socket, bound once and accepted from by every shard: each loop watches its own duplicate of the
/// descriptor. No SO_REUSEPORT, so that a second gateway on the same port is an error and not a silent sharing; who
/// replaces one that stops is given the socket itself (`HandoverOffer`).
///
/// The port is free again when this and all its listeners are closed, here and where it was handed to.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The port that was bound, also where 0 asked for a free one.
    package let port: UInt16

    /// - Parameters:
    ///   - host: a numeric address or a name; the first address that can be bound is taken.
    ///   - backlog: connections that may wait to be accepted; the kernel's `somaxconn` limits it further.
    package init(host: String, port: UInt16, backlog: Int32 = 4096) throws(SystemError) {
        var failure = SystemError("bind", code: EADDRNOTAVAIL)
        for address in try Self.addresses(host: host, port: port) {
            let descriptor = socket(
                address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else {
                failure = SystemError("socket")
                continue
            }
            var one: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
            let isBound = address.withSocketAddress { bind(descriptor, $0, $1) } == 0
            guard isBound, listen(descriptor, backlog) == 0 else {
                failure = SystemError("bind \(host):\(port)")
                Glibc.close(descriptor)
                continue
            }
            self.descriptor = descriptor
            self.port = Self.address(of: descriptor)?.port ?? 0
            return
        }
        throw failure
    }

    /// Takes over what is listening already, whoever made it.
    package init(adopting descriptor: Int32) throws(SystemError) {
        var isListening: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length) == 0 else {
            throw SystemError("getsockopt")
        }
        guard isListening != 0, let address = Self.address(of: descriptor) else {
            throw SystemError("a socket that does not listen", code: EINVAL)
        }
        // As its own would be: another's start may have left it waiting, and inherited.
        guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) >= 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0
        else { throw SystemError("fcntl") }
        self.descriptor = descriptor
        port = address.port
    }

    /// Where it was bound.
    package var address: SocketAddress? { Self.address(of: descriptor) }

    /// What a host's name stands for, to be bound. Asks the resolver and **blocks**.
    static func addresses(host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, list != nil else {
            throw SystemError("getaddrinfo \(host)", code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let info = next?.pointee {
            addresses.append(SocketAddress(info))
            next = info.ai_next
        }
        return addresses
    }

    /// Closes the descriptor; once, by whoever made it. The loops' duplicates stay open until their listeners close.
    package func close() {
        Glibc.close(descriptor)
    }

    private static func address(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        return withUnsafeBytes(of: storage) { SocketAddress(bytes: Array($0.prefix(Int(length)))) }
    }
}

/// Accepts the connections of a listening socket on one loop.
package final class Listener: ReadinessHandler {
    private let loop: EventLoop
    private let descriptor: Int32
    private let receiveBuffer: Int32
    private let accepted: (Int32) -> Void
    private let exhausted: () -> Void
    private var token: WatchToken?
    private var retry: TimerToken?
    /// Given up when the process has no descriptors left, so that a waiting connection can be taken and refused
    /// instead of waking the loop for ever.
    private var spare: Int32

    /// Connections taken in one tick before others have their turn.
    private static let acceptsPerTick = 64
    /// Connections taken at the end; somebody who floods the gateway can't hold it up with more.
    private static let acceptsAtEnd = 4_096
    /// How long to leave the listener alone when descriptors or memory have run out.
    private static let backOff: UInt64 = 100_000_000

    /// Bytes of a connection that the system may hold until they are read, unless said otherwise.
    package static let defaultReceiveBuffer = 128 * 1024

    /// - Parameters:
    ///   - receiveBuffer: how many bytes of a connection the system may hold until they are read (it counts twice as
    ///     many with its own needs); 0: as many as it likes. It is said after the handshake, so the window that the peer
    ///     was told of is smaller, half of it by default: a burst of small messages, which take up far more than their
    ///     bytes, does not close the window, and is acknowledged as it comes instead of by every read.
    ///   - exhausted: hears that a connection was cut because the system had no descriptor or memory for it.
    ///   - accepted: gets the descriptor of each connection, non-blocking, and owns it from then on.
    package init(
        _ listening: ListeningSocket, on loop: EventLoop, receiveBuffer: Int = Listener.defaultReceiveBuffer,
        exhausted: @escaping () -> Void = {}, accepted: @escaping (Int32) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.exhausted = exhausted
        self.receiveBuffer = Int32(clamping: receiveBuffer)
        self.accepted = accepted
        descriptor = fcntl(listening.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SystemError("fcntl") }
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
        do {
            token = try loop.watch(descriptor, .read, self)
        } catch {
            Glibc.close(descriptor)
            if spare >= 0 { Glibc.close(spare) }
            throw error
        }
    }

    package func ready(_ readiness: Readiness) {
        take(atMost: Self.acceptsPerTick)
    }

    /// Takes what has been waiting to be accepted, and then no more: whoever got through to this socket is not cut by
    /// its end.
    package func closeBehindWaiting() {
        take(atMost: Self.acceptsAtEnd)
        close()
    }

    private func take(atMost count: Int) {
        for _ in 0..<count {
            // It may be closed by what takes the connection, and its descriptor be another's by then.
            guard token != nil else { return }
            let connection = parley_accept(descriptor, nil, nil)
            if connection >= 0 {
                bound(connection)
                accepted(connection)
                continue
            }
            switch errno {
            case EINTR, ECONNABORTED, EPROTO:
                continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                refuseOne()
                rest()
                exhausted()
                return
            default:
                return
            }
        }
    }

    package func close() {
        guard let token else { return }
        loop.unwatch(token)
        self.token = nil
        if let retry { loop.cancel(retry) }
        Glibc.close(descriptor)
        if spare >= 0 { Glibc.close(spare) }
        spare = -1
    }

    private func bound(_ connection: Int32) {
        guard receiveBuffer > 0 else { return }
        var size = receiveBuffer
        setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    private func refuseOne() {
        guard spare >= 0 else { return }
        Glibc.close(spare)
        let connection = parley_accept(descriptor, nil, nil)
        if connection >= 0 { Glibc.close(connection) }
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    private func rest() {
        guard let token else { return }
        loop.change(token, to: [])
        retry = loop.schedule(after: Self.backOff) { [weak self] in
            guard let self, let token = self.token else { return }
            if self.spare < 0 { self.spare = open("/dev/null", O_RDONLY | O_CLOEXEC) }
            self.loop.change(token, to: .read)
        }
    }
}
