/// Where a pooled connection leads: only a request for the same place, by the same way, may use it.
package struct HTTPOrigin: Sendable, Hashable {
    package var scheme: HTTPURL.Scheme
    package var host: String
    package var port: UInt16
    /// The proxy on the way, if there is one.
    package var proxy: HTTPURL?

    package init(_ url: HTTPURL, proxy: HTTPURL?) {
        // A proxy that is asked in absolute form is the origin of all that goes through it.
        if let proxy, url.scheme == .http {
            scheme = .http
            host = proxy.host
            port = proxy.port
        } else {
            scheme = url.scheme
            host = url.host
            port = url.port
        }
        self.proxy = proxy
    }
}

/// The rules of the client's keep-alive connections: which one serves a request, which ones are let go. Pure: time is an
/// input.
package struct HTTPConnectionPool {
    package enum Lease: Sendable, Equatable {
        case reuse(Int)
        /// Open one under this number. When `closing` is given, that idle one is closed to make room.
        case open(Int, closing: Int?)
        /// All connections are in use.
        case full
    }

    private struct Idle {
        var connection: Int
        var origin: HTTPOrigin
        var since: UInt64
    }

    private let connections: Int
    private let idleLimit: Int
    private let idlePerOrigin: Int
    private let idleTime: UInt64
    private var origins: [Int: HTTPOrigin] = [:]
    /// The one longest idle first; bounded by `idleLimit`, so that a look through it is cheap.
    private var idle: [Idle] = []
    private var next = 1

    package init(_ settings: HTTPClientSettings) {
        connections = max(settings.connections, 1)
        idleLimit = settings.idleConnections
        idlePerOrigin = settings.idleConnectionsPerOrigin
        idleTime = settings.idleConnectionTime
    }

    package var count: Int { origins.count }
    package var idleCount: Int { idle.count }

    /// When `expire` has something to do.
    package var deadline: UInt64? { idle.first.map { $0.since &+ idleTime } }

    /// - Parameter fresh: no idle one will do: it is a repetition after a stale one.
    package mutating func lease(_ origin: HTTPOrigin, fresh: Bool = false, at now: UInt64) -> Lease {
        // The one used last is the least likely to have been closed by the other side.
        if !fresh,
            let index = idle.lastIndex(where: { $0.origin == origin && now < $0.since &+ idleTime })
        {
            return .reuse(idle.remove(at: index).connection)
        }
        var closing: Int?
        if origins.count >= connections {
            guard let oldest = idle.first else { return .full }
            idle.removeFirst()
            origins[oldest.connection] = nil
            closing = oldest.connection
        }
        let number = next
        next += 1
        origins[number] = origin
        return .open(number, closing: closing)
    }

    /// A connection has served its request and could serve another. The result is to be closed: this one, if there is no
    /// place for it, or the one that it displaces.
    package mutating func release(_ connection: Int, at now: UInt64) -> Int? {
        guard let origin = origins[connection] else { return connection }
        var displaced: Int?
        if idleLimit == 0 || idlePerOrigin == 0 {
            origins[connection] = nil
            return connection
        }
        if idle.count(where: { $0.origin == origin }) >= idlePerOrigin {
            displaced = idle.firstIndex { $0.origin == origin }
        } else if idle.count >= idleLimit {
            displaced = 0
        }
        let closing = displaced.map { idle.remove(at: $0).connection }
        if let closing { origins[closing] = nil }
        idle.append(Idle(connection: connection, origin: origin, since: now))
        return closing
    }

    /// A connection is gone, in whatever state it was. Repeated, it does nothing.
    package mutating func remove(_ connection: Int) {
        guard origins.removeValue(forKey: connection) != nil else { return }
        idle.removeAll { $0.connection == connection }
    }

    /// Takes those out that were idle for long enough; they are to be closed.
    package mutating func expire(at now: UInt64) -> [Int] {
        var expired: [Int] = []
        while let oldest = idle.first, oldest.since &+ idleTime <= now {
            idle.removeFirst()
            origins[oldest.connection] = nil
            expired.append(oldest.connection)
        }
        return expired
    }
}
