package import EventLoop

/// The HTTP connections of one loop. Confined to it.
package final class HTTPServer {
    private let loop: EventLoop
    private let context: HTTPServerContext
    private let limiter: ConnectionLimiter?
    /// For connections that have no place: their first request is answered with 503.
    private let full: HTTPServerContext
    private let fullHandler: any HTTPHandler
    /// Of those, in the order of their coming.
    private var fullConnections: [ObjectIdentifier] = []
    private var connections: [ObjectIdentifier: HTTPServerConnection] = [:]
    private var isDraining = false
    private var endsWithAnswers = false
    private var onEmpty: (() -> Void)?

    /// Connections without a place that are answered at a time. One more takes the place of the oldest: who means it has
    /// asked by then, so that silent ones do not keep those out who ask for health.
    private let refusals: Int
    /// So many, unless said otherwise.
    package static let refusalsAtOnce = 64

    /// - Parameters:
    ///   - limiter: who gets a place; nil: everybody.
    ///   - full: answers the request of those who get none.
    ///   - refusals: of those at a time.
    package init(
        on loop: EventLoop, handler: any HTTPHandler, settings: HTTPServerSettings = HTTPServerSettings(),
        limiter: ConnectionLimiter? = nil, full: any HTTPHandler = FullHandler(),
        refusals: Int = HTTPServer.refusalsAtOnce
    ) {
        self.loop = loop
        self.refusals = refusals
        self.limiter = limiter
        fullHandler = full
        let clock = { Int(wallClockMicroseconds() / 1_000_000) }
        context = HTTPServerContext(handler: handler, settings: settings, wallClock: clock)
        self.full = HTTPServerContext(handler: full, settings: settings, wallClock: clock)
    }

    /// Connections that were neither closed nor upgraded.
    package var count: Int { connections.count }

    /// Takes a connected descriptor over. A connection that has died meanwhile is closed.
    package func accept(_ descriptor: Int32) {
        guard let socket = try? Socket(adopting: descriptor, on: loop) else { return }
        accept(socket)
    }

    /// - Parameter since: when it was connected, on the loop's clock, if not just now: the first request's head has its
    ///   time from then on.
    package func accept(_ socket: Socket, since: UInt64? = nil) {
        if let limiter {
            guard let place = limiter.admit(socket.peer) else {
                refuse(socket)
                return
            }
            socket.place = place
        }
        let spent = since.map { loop.now &- $0 } ?? 0
        let connection = HTTPServerConnection(socket: socket, context: context, spent: spent) {
            [weak self] connection in
            self?.ended(connection)
        }
        connections[ObjectIdentifier(connection)] = connection
        if endsWithAnswers { connection.endsAfterAnswer() }
        if isDraining { connection.drain() }
    }

    private func refuse(_ socket: Socket) {
        if fullConnections.count >= refusals {
            connections[fullConnections.removeFirst()]?.transport.close()
        }
        let connection = HTTPServerConnection(socket: socket, context: full) { [weak self] connection in
            self?.fullConnections.removeAll { $0 == ObjectIdentifier(connection) }
            self?.ended(connection)
        }
        connections[ObjectIdentifier(connection)] = connection
        fullConnections.append(ObjectIdentifier(connection))
        // It ends with its first answer.
        connection.endsAfterAnswer()
    }

    /// Another process answers what comes from here on: each connection ends with its next answer, so that whoever keeps it
    /// goes there. None ends before, since a request may be on its way.
    package func endWithAnswers() {
        endsWithAnswers = true
        for connection in connections.values { connection.endsAfterAnswer() }
    }

    /// Closes idle connections now and the others with their next response.
    ///
    /// - Parameter onEmpty: called once, when no connection is left.
    package func drain(onEmpty: @escaping () -> Void) {
        isDraining = true
        self.onEmpty = onEmpty
        for connection in Array(connections.values) { connection.drain() }
        reportIfEmpty()
    }

    /// Every open connection is answered once more, however long that takes, and ends with that: whoever comes back finds
    /// another server.
    package func endAfterAnswers() {
        for connection in connections.values { connection.endsAfterAnswer() }
    }

    /// Cuts what is left; after a drain has had its time.
    package func closeAll() {
        for connection in Array(connections.values) { connection.transport.close() }
    }

    private func ended(_ connection: HTTPServerConnection) {
        connections[ObjectIdentifier(connection)] = nil
        reportIfEmpty()
    }

    private func reportIfEmpty() {
        guard isDraining, connections.isEmpty, let action = onEmpty else { return }
        onEmpty = nil
        action()
    }
}
