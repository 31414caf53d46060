package import EventLoop

/// The HTTP connections of one loop. Confined to it.
package final class HTTPServer {
    private let loop: EventLoop
    private let context: HTTPServerContext
    private var connections: [ObjectIdentifier: HTTPServerConnection] = [:]
    private var isDraining = false
    private var onEmpty: (() -> Void)?

    package init(on loop: EventLoop, handler: any HTTPHandler, settings: HTTPServerSettings = HTTPServerSettings()) {
        self.loop = loop
        context = HTTPServerContext(handler: handler, settings: settings) {
            Int(wallClockMicroseconds() / 1_000_000)
        }
    }

    /// Connections that were neither closed nor upgraded.
    package var count: Int { connections.count }

    /// Takes a connected descriptor over. A connection that has died meanwhile is closed.
    package func accept(_ descriptor: Int32) {
        guard let socket = try? Socket(adopting: descriptor, on: loop) else { return }
        accept(socket)
    }

    package func accept(_ socket: Socket) {
        let connection = HTTPServerConnection(socket: socket, context: context) { [weak self] connection in
            self?.ended(connection)
        }
        connections[ObjectIdentifier(connection)] = connection
        if isDraining { connection.drain() }
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
