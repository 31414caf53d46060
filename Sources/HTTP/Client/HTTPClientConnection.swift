import EventLoop

/// A connection of the client: carries one exchange at a time, and waits in the pool in between.
final class HTTPClientConnection: SocketDelegate {
    let number: Int
    let socket: Socket
    /// Ends before its connections when it is let go: the loop still tells them that their sockets are closed.
    private weak var client: HTTPClient?
    private let limits: HTTPResponseLimits
    /// It calls nobody.
    @exclusivity(unchecked) private var parser: HTTPResponseParser
    @exclusivity(unchecked) private var exchange: HTTPExchange?
    /// It has served before: its peer may have closed it meanwhile.
    private var isReused = false
    private var keepsAlive = false

    init(_ number: Int, _ socket: Socket, _ client: HTTPClient) {
        self.number = number
        self.socket = socket
        self.client = client
        limits = client.settings.limits
        parser = HTTPResponseParser(limits: limits)
        socket.delegate = self
    }

    func send(_ exchange: HTTPExchange) {
        parser = HTTPResponseParser(exchange.bodyRule, limits: limits)
        keepsAlive = false
        self.exchange = exchange
        exchange.began(on: self)
        // TLS may have something of its own to send before it.
        socket.outboundLimit = socket.outboundCount + exchange.bytes.count
        socket.write(exchange.bytes)
    }

    /// The exchange is over before its answer: the connection can't serve another.
    func abandon() {
        exchange = nil
        close()
    }

    /// The client ends.
    func end(_ failure: HTTPClientFailure) {
        if let exchange { fail(exchange, failure) } else { close() }
    }

    func close() {
        client?.gone(self)
        socket.close()
    }

    // MARK: SocketDelegate

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        guard let exchange else {
            // Nobody asked for anything: whatever this is, the next answer could not be trusted.
            close()
            return
        }
        exchange.bytesArrived(at: socket.loop.now)
        var input = UnsafeRawBufferPointer(bytes)
        while self.exchange === exchange, let event = parser.next(&input) {
            switch event {
            case .body(let part): exchange.arrived(part)
            case .head(let head): arrived(head, exchange)
            case .end: end(exchange, isRestEmpty: input.isEmpty)
            case .refused(let refusal): fail(exchange, HTTPClientFailure(refusal))
            }
        }
    }

    func socketReceivedEnd(_ socket: Socket) {
        connectionEnded(inOrder: true)
    }

    func socketDrained(_ socket: Socket) {}

    func socketClosed(_ socket: Socket) {
        client?.gone(self)
        connectionEnded(inOrder: false)
    }

    private func arrived(_ head: HTTPClientHead, _ exchange: HTTPExchange) {
        if (300..<400).contains(head.status), head.status != 304 {
            return fail(exchange, .redirected(head.status, to: head.headers["location"] ?? ""))
        }
        if let coding = head.headers["content-encoding"], coding.lowercased() != "identity", !coding.isEmpty {
            return fail(exchange, .encoded)
        }
        keepsAlive = head.keepsAlive
        exchange.arrived(head)
    }

    private func end(_ exchange: HTTPExchange, isRestEmpty: Bool) {
        self.exchange = nil
        // What is sent behind the answer belongs to nothing; a request still leaving was not read by the server.
        if keepsAlive, isRestEmpty, socket.isOpen, socket.outboundCount == 0 {
            isReused = true
            socket.resumeReading()
            if let client { client.release(self) } else { close() }
        } else {
            close()
        }
        exchange.end()
    }

    private func fail(_ exchange: HTTPExchange, _ failure: HTTPClientFailure) {
        self.exchange = nil
        close()
        exchange.stage = .waiting
        exchange.fail(failure)
    }

    private func connectionEnded(inOrder: Bool) {
        guard let exchange else {
            close()
            return
        }
        if parser.isUntouched {
            self.exchange = nil
            close()
            if let client, isReused, exchange.mayRepeat, !exchange.isRepeated {
                client.repeatOnFreshConnection(exchange)
            } else {
                exchange.stage = .waiting
                exchange.fail(.closedBeforeResponse)
            }
        } else if inOrder, case .end? = parser.connectionEnded() {
            keepsAlive = false
            end(exchange, isRestEmpty: true)
        } else {
            fail(exchange, .truncated)
        }
    }
}
