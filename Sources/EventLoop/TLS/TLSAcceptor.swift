/// How many handshakes there may be at once on a loop, and how long each may take.
package struct HandshakeLimits: Sendable {
    /// A connection beyond it takes the place of the one that has been at it the longest: who means it is done within
    /// milliseconds, so it is a silent one that goes.
    package var concurrent = 1_024
    /// Nanoseconds from the accept, whatever the client sends.
    package var timeout: UInt64 = 10_000_000_000

    package init() {}
}

/// Stands between a listener and a server: takes connected descriptors and gives sockets whose handshake is done.
/// Confined to its loop.
package final class TLSAcceptor {
    private let context: TLSServerContext
    private let loop: EventLoop
    private let limits: HandshakeLimits
    private let failed: (TLSFailure) -> Void
    private let accepted: (_ socket: Socket, _ since: UInt64) -> Void
    private var queue = HandshakeQueue()
    private var isClosed = false

    /// - Parameters:
    ///   - failed: hears why a handshake came to nothing.
    ///   - accepted: gets each socket that is open, and since when it is connected. Sets its delegate.
    package init(
        _ context: TLSServerContext, on loop: EventLoop, limits: HandshakeLimits = HandshakeLimits(),
        failed: @escaping (TLSFailure) -> Void = { _ in },
        accepted: @escaping (_ socket: Socket, _ since: UInt64) -> Void
    ) {
        self.context = context
        self.loop = loop
        self.limits = limits
        self.failed = failed
        self.accepted = accepted
    }

    /// Handshakes under way.
    package var count: Int { queue.count }

    /// Takes a connected descriptor over. One that has died meanwhile is closed.
    package func accept(_ descriptor: Int32) {
        let handshake = Handshake(self, since: loop.now)
        let layer = TLSLayer(server: context, owner: handshake)
        guard !isClosed,
            let socket = try? Socket(descriptor, tls: layer, on: loop, outboundLimit: Socket.defaultOutboundLimit)
        else { return }
        handshake.socket = socket
        handshake.timer = loop.schedule(after: limits.timeout) { [weak handshake] in
            if let socket = handshake?.socket, let tls = socket.tls { socket.fail(tls, .timedOut) }
        }
        queue.append(handshake)
        if queue.count > limits.concurrent, let oldest = queue.first?.socket, let tls = oldest.tls {
            oldest.fail(tls, .crowdedOut)
        }
    }

    /// Cuts the handshakes under way.
    package func close() {
        isClosed = true
        while let socket = queue.first?.socket, let tls = socket.tls { socket.fail(tls, .closed) }
    }

    fileprivate func ended(_ handshake: Handshake) {
        if let timer = handshake.timer { loop.cancel(timer) }
        handshake.timer = nil
        handshake.socket = nil
        queue.remove(handshake)
    }

    /// One handshake; kept by its socket's TLS until it is over.
    fileprivate final class Handshake: HandshakeOwner {
        private weak var acceptor: TLSAcceptor?
        let since: UInt64
        /// It keeps this. Not weak: that would make every retain of the socket a slow one for as long as it lives.
        unowned var socket: Socket?
        var timer: TimerToken?
        /// Its neighbours in the queue, which it leaves before it goes.
        unowned(unsafe) var previous: Handshake?
        unowned(unsafe) var next: Handshake?

        init(_ acceptor: TLSAcceptor, since: UInt64) {
            self.acceptor = acceptor
            self.since = since
        }

        func handshakeDone(_ socket: Socket) {
            guard let acceptor else {
                socket.close()
                return
            }
            acceptor.ended(self)
            acceptor.accepted(socket, since)
        }

        func handshakeFailed(_ socket: Socket, _ failure: TLSFailure) {
            acceptor?.ended(self)
            acceptor?.failed(failure)
        }
    }

    /// Handshakes in the order of their accepts.
    private struct HandshakeQueue {
        private(set) var count = 0
        private(set) unowned(unsafe) var first: Handshake?
        private unowned(unsafe) var last: Handshake?

        mutating func append(_ handshake: Handshake) {
            handshake.previous = last
            if let last { last.next = handshake } else { first = handshake }
            last = handshake
            count += 1
        }

        mutating func remove(_ handshake: Handshake) {
            if let previous = handshake.previous { previous.next = handshake.next } else { first = handshake.next }
            if let next = handshake.next { next.previous = handshake.previous } else { last = handshake.previous }
            handshake.previous = nil
            handshake.next = nil
            count -= 1
        }
    }
}
