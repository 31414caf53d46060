import CLinux
import Glibc

/// Why a connection did not come about.
package enum ConnectFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case system(SystemError)
    case tls(TLSFailure)
    case timedOut

    package var description: String {
        switch self {
        case .system(let error): error.description
        case .tls(let failure): failure.description
        case .timedOut: "the connection timed out"
        }
    }
}

/// An outgoing connection in the making: TCP, then TLS where it is asked for. Confined to its loop, which keeps it
/// alive until it is over.
package final class Connector: ReadinessHandler, HandshakeOwner {
    /// TLS as a client: whom to believe, and the name or IP address (without brackets) that the server must prove.
    package struct Encryption: Sendable {
        package var context: TLSClientContext
        package var host: String

        package init(_ context: TLSClientContext, host: String) {
            self.context = context
            self.host = host
        }
    }

    private let loop: EventLoop
    private let encryption: Encryption?
    private let outboundLimit: Int
    private var descriptor: Int32 = -1
    private var completion: ((Result<Socket, ConnectFailure>) -> Void)?
    private var watch: WatchToken?
    private var timer: TimerToken?
    private var socket: Socket?

    /// Begins a connection.
    ///
    /// - Parameters:
    ///   - timeout: nanoseconds for all of it, the handshake too.
    ///   - completion: called once, never from within this call, and not after `cancel`. Sets the socket's delegate.
    @discardableResult
    package static func connect(
        to address: SocketAddress, on loop: EventLoop, timeout: UInt64, tls: Encryption? = nil,
        outboundLimit: Int = Socket.defaultOutboundLimit,
        completion: @escaping (Result<Socket, ConnectFailure>) -> Void
    ) -> Connector {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(address.family, kind, 0)
        let failure: SystemError? =
            if descriptor < 0 {
                SystemError("socket")
            } else if address.withSocketAddress({ Glibc.connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS {
                SystemError("connect \(address)")
            } else {
                nil
            }
        let connector = Connector(loop, timeout, tls, outboundLimit, completion)
        connector.connecting(descriptor, failure)
        return connector
    }

    /// Begins TLS on a connection that has spoken in the clear, such as the tunnel through a proxy. Nothing that the
    /// server of the handshake says may have been read from it. The parameters are those of `connect`; a connection
    /// that is given up is closed.
    @discardableResult
    package static func secure(
        _ detached: DetachedSocket, on loop: EventLoop, timeout: UInt64, tls: Encryption,
        outboundLimit: Int = Socket.defaultOutboundLimit,
        completion: @escaping (Result<Socket, ConnectFailure>) -> Void
    ) -> Connector {
        let connector = Connector(loop, timeout, tls, outboundLimit, completion)
        let this = LoopBound(connector, on: loop)
        loop.execute { this.value.secure(detached, tls) }
        return connector
    }

    private init(
        _ loop: EventLoop, _ timeout: UInt64, _ encryption: Encryption?, _ outboundLimit: Int,
        _ completion: @escaping (Result<Socket, ConnectFailure>) -> Void
    ) {
        self.loop = loop
        self.encryption = encryption
        self.outboundLimit = outboundLimit
        self.completion = completion
        timer = loop.schedule(after: timeout) { [weak self] in self?.end(.failure(.timedOut)) }
    }

    /// Waits for a descriptor on which `connect` was called, and owns it.
    private func connecting(_ descriptor: Int32, _ failure: SystemError?) {
        self.descriptor = descriptor
        var failure = failure
        if failure == nil {
            do {
                watch = try loop.watch(descriptor, .write, self)
            } catch {
                failure = error
            }
        }
        if let failure {
            let this = LoopBound(self, on: loop)
            loop.execute { this.value.end(.failure(.system(failure))) }
        }
    }

    private func secure(_ detached: DetachedSocket, _ encryption: Encryption) {
        // Given up before it began: who drops it closes it.
        guard completion != nil else { return }
        guard let state = detached.take(), state.tls == nil else {
            end(.failure(.system(SystemError("secure", code: EINVAL))))
            return
        }
        do throws(ConnectFailure) {
            try shakeHands(state.descriptor, encryption, unsent: state.unsent)
        } catch {
            end(.failure(error))
        }
    }

    /// Gives it up; the completion is not called any more.
    package func cancel() {
        completion = nil
        end(.failure(.timedOut))
    }

    package func ready(_ readiness: Readiness) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else {
            end(.failure(.system(SystemError("connect", code: code))))
            return
        }
        stopWatching()
        let descriptor = descriptor
        self.descriptor = -1
        do throws(ConnectFailure) {
            if let encryption {
                try shakeHands(descriptor, encryption)
            } else {
                end(.success(try plainSocket(descriptor)))
            }
        } catch {
            end(.failure(error))
        }
    }

    private func plainSocket(_ descriptor: Int32) throws(ConnectFailure) -> Socket {
        do {
            return try Socket(adopting: descriptor, on: loop, outboundLimit: outboundLimit)
        } catch {
            throw .system(error)
        }
    }

    /// - Parameter unsent: bytes in the clear that go before the handshake.
    private func shakeHands(
        _ descriptor: Int32, _ encryption: Encryption, unsent: [UInt8] = []
    ) throws(ConnectFailure) {
        let engine: TLSEngine
        do {
            engine = try encryption.context.makeEngine(host: encryption.host, wire: loop.tlsWire)
        } catch {
            close(descriptor)
            throw .tls(error)
        }
        let layer = TLSLayer(client: engine, owner: self)
        layer.records = unsent
        do {
            let socket = try Socket(descriptor, tls: layer, on: loop, outboundLimit: outboundLimit)
            self.socket = socket
            socket.beginHandshake()
        } catch {
            throw .system(error)
        }
    }

    func handshakeDone(_ socket: Socket) {
        end(.success(socket))
    }

    func handshakeFailed(_ socket: Socket, _ failure: TLSFailure) {
        end(.failure(.tls(failure)))
    }

    private func stopWatching() {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    private func end(_ result: Result<Socket, ConnectFailure>) {
        stopWatching()
        if let timer { loop.cancel(timer) }
        timer = nil
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        let socket = self.socket
        self.socket = nil
        let completion = self.completion
        self.completion = nil
        // A handshake under way has this as its owner, which hears no more of it.
        if case .failure = result { socket?.close() }
        completion?(result)
    }
}
