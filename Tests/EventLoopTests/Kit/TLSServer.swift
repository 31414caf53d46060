import EventLoop

/// A listener over TLS on a loop; its sockets send back what they get, and note what they hear.
final class TLSServer: Sendable {
    let test: TestLoop
    let port: UInt16
    let heard = Record<Owner.Heard>()
    let failures = Record<TLSFailure>()
    let sockets = Record<LoopBound<Socket>>()
    let acceptor: LoopBound<TLSAcceptor>
    private let listener: LoopBound<Listener>

    init(
        _ context: TLSServerContext, limits: HandshakeLimits = HandshakeLimits(), on test: TestLoop,
        listening: ListeningSocket? = nil
    ) throws {
        self.test = test
        let listening = try listening ?? ListeningSocket(host: "127.0.0.1", port: 0)
        port = listening.port
        let (loop, heard, failures, sockets) = (test.loop, heard, failures, sockets)
        acceptor = try test.run {
            let acceptor = TLSAcceptor(context, on: loop, limits: limits) {
                failures.append($0)
            } accepted: { socket, _ in
                let owner = Owner(heard)
                owner.onBytes = { socket, bytes in socket.write(bytes) }
                socket.outboundLimit = 64 << 20
                socket.delegate = owner
                sockets.append(LoopBound(socket, on: loop))
            }
            return LoopBound(acceptor, on: loop)
        }
        let acceptor = acceptor
        listener = try test.run {
            LoopBound(try Listener(listening, on: loop) { acceptor.value.accept($0) }, on: loop)
        }
        listening.close()
    }

    var address: SocketAddress {
        get throws {
            guard let address = SocketAddress(ip: "127.0.0.1", port: port) else { throw Timeout() }
            return address
        }
    }

    /// Opens a client's socket and waits for how that ends.
    func connect(
        _ trust: TLSClientContext?, host: String = "localhost", timeout: UInt64 = 20_000_000_000
    ) throws -> Result<Owned, ConnectFailure> {
        let outcome = Record<Result<Owned, ConnectFailure>>()
        let (loop, address) = (test.loop, try address)
        try test.run {
            _ = Connector.connect(
                to: address, on: loop, timeout: timeout, tls: trust.map { Connector.Encryption($0, host: host) }
            ) { result in
                outcome.append(result.map { Owned(taking: $0) })
            }
        }
        guard outcome.wait(forCount: 1), let result = outcome.values.first else { throw Timeout() }
        return result
    }

    func close() throws {
        let (listener, acceptor, sockets) = (listener, acceptor, sockets)
        try test.run {
            listener.value.close()
            acceptor.value.close()
            for socket in sockets.values { socket.value.close() }
        }
    }
}
