/// The bounds of a server's connections. Times are nanoseconds.
package struct HTTPServerSettings: Sendable {
    package var limits = HTTPLimits()
    /// For a whole head: from the accept for a connection's first, from its first byte for a later one, however the
    /// bytes trickle in. Over it: 408, or a silent close when there was no byte at all.
    package var headTimeout: UInt64 = 10_000_000_000
    /// For a whole body, from the end of the head. Over it: 408.
    package var bodyTimeout: UInt64 = 30_000_000_000
    /// Between two requests.
    package var idleTimeout: UInt64 = 75_000_000_000
    /// For the peer to take what waits for it, while a response can't go on before it has.
    package var stallTimeout: UInt64 = 60_000_000_000
    /// For the peer to end its side after the last response, so that the response is not lost to a reset.
    package var lingerTimeout: UInt64 = 5_000_000_000
    /// Bytes of further requests that are kept while one is handled; over it reading pauses. One read (64 KiB) may
    /// come on top.
    package var pipelineBytes = 64 << 10
    /// Bytes that may wait for the peer before a response is held back. Below the socket's own bound.
    package var outboundBytes = 256 << 10

    package init() {}
}
