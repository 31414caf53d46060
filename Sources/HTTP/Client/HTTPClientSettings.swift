package import EventLoop

/// Bounds and times of a client. Times are nanoseconds.
package struct HTTPClientSettings: Sendable {
    /// Looking the name up, connecting and the TLS handshake, together, whatever number of addresses is tried.
    package var connectTimeout: UInt64 = 10_000_000_000
    /// From the sending of the request to the first byte of the answer: a model may have to be loaded first.
    package var firstByteTimeout: UInt64 = 300_000_000_000
    /// Between two reads within an answer, whatever they hold: a comment is life too.
    package var idleTimeout: UInt64 = 120_000_000_000
    /// From the start of the exchange to its end.
    package var totalTimeout: UInt64 = 600_000_000_000
    package var limits = HTTPResponseLimits()
    /// Connections kept for further requests, of all origins and of one.
    package var idleConnections = 64
    package var idleConnectionsPerOrigin = 32
    /// How long one is kept.
    package var idleConnectionTime: UInt64 = 30_000_000_000
    /// Open connections of all kinds.
    package var connections = 10_000
    package var proxies = HTTPProxySettings()
    /// Whom `https` servers are believed by; nil: there are no `https` requests.
    package var tls: TLSClientContext?

    package init() {}
}

/// What can be counted of a client.
package struct HTTPClientFigures: Sendable, Equatable {
    /// Open connections, idle ones included.
    package var connections = 0
    package var idle = 0
    /// Since the start:
    package var opened = 0
    package var reused = 0
    /// Requests sent again because a pooled connection was stale.
    package var repeated = 0
    package var started = 0
    package var completed = 0
    package var failed = 0
    package var cancelled = 0

    package init() {}
}
