package import EventLoop
import HTTPTypes

/// An HTTP/1.1 client that lives on one loop: keep-alive connections, proxies, streaming answers, times and bounds for
/// everything. Redirects are not followed, nothing is cached, and no cookie is kept.
package final class HTTPClient {
    package let loop: EventLoop
    let settings: HTTPClientSettings
    let resolver: NameResolver

    private var pool: HTTPConnectionPool
    private var connections: [Int: HTTPClientConnection] = [:]
    /// Exchanges that have no connection yet, by the number it will have.
    private var connecting: [Int: HTTPExchange] = [:]
    private var expiry: TimerToken?
    private var isClosed = false
    private var totals = HTTPClientFigures()

    enum Ending { case completed, failed, cancelled }

    package init(
        on loop: EventLoop, _ settings: HTTPClientSettings = HTTPClientSettings(), resolver: NameResolver? = nil
    ) {
        self.loop = loop
        self.settings = settings
        self.resolver = resolver ?? NameResolver(on: loop)
        pool = HTTPConnectionPool(settings)
    }

    package var figures: HTTPClientFigures {
        var figures = totals
        figures.connections = pool.count
        figures.idle = pool.idleCount
        return figures
    }

    /// Begins an exchange. What it leads to, failures at the very beginning included, comes later through `receiver`.
    @discardableResult
    package func start(_ request: HTTPClientRequest, _ receiver: any HTTPClientReceiver) -> HTTPExchange {
        let proxy = settings.proxies.proxy(for: request.url)
        var route = HTTPRequestEncoder.Route.direct
        if let proxy, request.url.scheme == .http { route = .proxy(authorization: Self.authorization(of: proxy)) }
        let bytes = HTTPRequestEncoder.encode(request, route)
        let exchange = HTTPExchange(
            request, HTTPOrigin(request.url, proxy: proxy), bytes: bytes ?? [], receiver, self)
        totals.started += 1
        if isClosed {
            exchange.failSoon(.closed)
        } else if bytes == nil || (request.url.scheme == .https && settings.tls == nil) {
            exchange.failSoon(.invalidRequest)
        } else {
            begin(exchange, fresh: false)
        }
        return exchange
    }

    /// Ends everything that is under way; further exchanges fail at once.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for exchange in Array(connecting.values) { exchange.fail(.closed) }
        for connection in Array(connections.values) { connection.end(.closed) }
        if let expiry { loop.cancel(expiry) }
        expiry = nil
    }

    static func authorization(of proxy: HTTPURL) -> String? {
        proxy.basicCredential.map { "Basic \($0)" }
    }

    // MARK: Connecting

    private func begin(_ exchange: HTTPExchange, fresh: Bool) {
        switch pool.lease(exchange.origin, fresh: fresh, at: loop.now) {
        case .full:
            exchange.failSoon(.tooManyConnections)
        case .reuse(let number):
            guard let connection = connections[number] else {
                pool.remove(number)
                return begin(exchange, fresh: fresh)
            }
            totals.reused += 1
            connection.send(exchange)
        case .open(let number, let closing):
            if let closing { connections[closing]?.close() }
            exchange.connection = number
            connecting[number] = exchange
            exchange.beginConnecting()
            resolve(exchange)
        }
    }

    private func resolve(_ exchange: HTTPExchange) {
        let place = exchange.origin.proxy ?? exchange.url
        if let addresses = resolver.known(place.host, place.port) {
            dial(exchange, addresses)
            return
        }
        let ticket = resolver.resolve(place.host, place.port) { [weak self] answer in
            exchange.stage = .waiting
            switch answer {
            case .success(let addresses): self?.dial(exchange, addresses)
            case .failure(let failure): exchange.fail(failure)
            }
        }
        exchange.stage = .resolving(ticket)
    }

    private func dial(_ exchange: HTTPExchange, _ addresses: [SocketAddress]) {
        let place = exchange.origin.proxy ?? exchange.url
        // To a proxy all speak in the clear; TLS then begins within the tunnel.
        let encryption = exchange.origin.proxy == nil ? self.encryption(for: exchange.url) : nil
        exchange.stage = .dialing(
            HTTPDial(addresses, on: loop, deadline: exchange.connectDeadline, tls: encryption) { [weak self] result in
                exchange.stage = .waiting
                switch result {
                case .success(let socket): self?.dialed(exchange, socket)
                case .failure(let failure):
                    self?.resolver.forget(place.host, place.port)
                    exchange.fail(failure)
                }
            })
    }

    private func dialed(_ exchange: HTTPExchange, _ socket: Socket) {
        guard let proxy = exchange.origin.proxy, let encryption = encryption(for: exchange.url) else {
            connected(exchange, socket)
            return
        }
        let request = HTTPRequestEncoder.connect(to: exchange.url, authorization: Self.authorization(of: proxy))
        exchange.stage = .tunnelling(
            HTTPTunnel(
                socket, request, encryption, limits: settings.limits, deadline: exchange.connectDeadline
            ) { [weak self] result in
                exchange.stage = .waiting
                switch result {
                case .success(let socket): self?.connected(exchange, socket)
                case .failure(let failure): exchange.fail(failure)
                }
            })
    }

    private func encryption(for url: HTTPURL) -> Connector.Encryption? {
        guard url.scheme == .https, let context = settings.tls else { return nil }
        return Connector.Encryption(context, host: url.host)
    }

    private func connected(_ exchange: HTTPExchange, _ socket: Socket) {
        connecting[exchange.connection] = nil
        totals.opened += 1
        let connection = HTTPClientConnection(exchange.connection, socket, self)
        connections[connection.number] = connection
        connection.send(exchange)
    }

    // MARK: What exchanges and connections say

    func ended(_ exchange: HTTPExchange, _ ending: Ending) {
        if connecting.removeValue(forKey: exchange.connection) != nil { pool.remove(exchange.connection) }
        switch ending {
        case .completed: totals.completed += 1
        case .failed: totals.failed += 1
        case .cancelled: totals.cancelled += 1
        }
    }

    func repeatOnFreshConnection(_ exchange: HTTPExchange) {
        exchange.isRepeated = true
        exchange.stage = .waiting
        totals.repeated += 1
        begin(exchange, fresh: true)
    }

    func release(_ connection: HTTPClientConnection) {
        if isClosed {
            connection.close()
            return
        }
        if let closing = pool.release(connection.number, at: loop.now) { connections[closing]?.close() }
        armExpiry()
    }

    func gone(_ connection: HTTPClientConnection) {
        pool.remove(connection.number)
        connections[connection.number] = nil
    }

    private func armExpiry() {
        guard expiry == nil, let deadline = pool.deadline else { return }
        expiry = loop.schedule(after: deadline > loop.now ? deadline - loop.now : 0) { [weak self] in
            guard let self else { return }
            self.expiry = nil
            for number in self.pool.expire(at: self.loop.now) { self.connections[number]?.close() }
            self.armExpiry()
        }
    }
}
