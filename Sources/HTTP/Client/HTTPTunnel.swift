import EventLoop

/// Asks a proxy for a tunnel to a server (RFC 9110 section 9.3.6) and begins TLS in it. Ends with one call of `done`,
/// unless it is cancelled.
final class HTTPTunnel: SocketDelegate {
    private let socket: Socket
    private let encryption: Connector.Encryption
    private let deadline: UInt64
    private var parser: HTTPResponseParser
    private var handshake: Connector?
    private var done: ((Result<Socket, HTTPClientFailure>) -> Void)?

    /// - Parameters:
    ///   - socket: a fresh connection to the proxy.
    ///   - request: the bytes of the CONNECT request.
    ///   - deadline: when the handshake must be done, on the loop's clock. Until it begins, the exchange's own timer runs.
    init(
        _ socket: Socket, _ request: [UInt8], _ encryption: Connector.Encryption, limits: HTTPResponseLimits,
        deadline: UInt64, done: @escaping (Result<Socket, HTTPClientFailure>) -> Void
    ) {
        self.socket = socket
        self.encryption = encryption
        self.deadline = deadline
        self.done = done
        parser = HTTPResponseParser(.connect, limits: limits)
        socket.delegate = self
        socket.write(request)
    }

    func cancel() {
        done = nil
        handshake?.cancel()
        handshake = nil
        socket.close()
    }

    // MARK: SocketDelegate

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        var input = UnsafeRawBufferPointer(bytes)
        while done != nil, let event = parser.next(&input) {
            switch event {
            case .head(let head):
                if !(200..<300).contains(head.status) { end(.failure(.proxy(head.status))) }
            case .body: break
            case .end:
                // A server speaks second in TLS: what is here already is not from it.
                if input.isEmpty { secure() } else { end(.failure(.proxy(0))) }
                return
            case .refused: end(.failure(.proxy(0)))
            }
        }
    }

    func socketReceivedEnd(_ socket: Socket) { end(.failure(.proxy(0))) }

    func socketDrained(_ socket: Socket) {}

    func socketClosed(_ socket: Socket) { end(.failure(.proxy(0))) }

    // MARK: TLS

    private func secure() {
        let loop = socket.loop
        guard let detached = socket.detach() else {
            end(.failure(.proxy(0)))
            return
        }
        let left = deadline > loop.now ? deadline - loop.now : 1
        handshake = Connector.secure(detached, on: loop, timeout: left, tls: encryption) { [weak self] result in
            self?.handshake = nil
            self?.end(result.mapError { HTTPClientFailure($0) })
        }
    }

    private func end(_ result: Result<Socket, HTTPClientFailure>) {
        guard let done else { return }
        self.done = nil
        if case .failure = result { socket.close() }
        done(result)
    }
}
