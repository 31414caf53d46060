/// The bounds of WebSocket connections. Times are in nanoseconds.
package struct WebSocketOptions: Sendable {
    /// The largest message taken from a peer, in bytes after inflating; more closes with 1009.
    package var maxMessageBytes: Int
    /// How often the peer is pinged. 0: never, and silence is no reason to close.
    package var pingInterval: UInt64
    /// A peer from which nothing at all came for so long is given up.
    package var pongTimeout: UInt64
    /// How long to wait for the peer's Close, and for the last bytes to leave.
    package var closeTimeout: UInt64
    /// Pings, pongs and empty fragments taken from one peer in a second; more closes with 4429.
    package var maxControlFramesPerSecond: Int32
    /// Messages below this many bytes are not compressed. A single event of a run is under 512 bytes and would save a
    /// quarter of them, no packet, for twice the work of sending it; snapshots and replays are larger and shrink to a
    /// third and less.
    package var compressionThreshold: Int

    package init(
        maxMessageBytes: Int = 256 * 1024, pingInterval: UInt64 = 30_000_000_000, pongTimeout: UInt64 = 60_000_000_000,
        closeTimeout: UInt64 = 5_000_000_000, maxControlFramesPerSecond: Int32 = 100, compressionThreshold: Int = 512
    ) {
        self.maxMessageBytes = maxMessageBytes
        self.pingInterval = pingInterval
        self.pongTimeout = pongTimeout
        self.closeTimeout = closeTimeout
        self.maxControlFramesPerSecond = maxControlFramesPerSecond
        self.compressionThreshold = compressionThreshold
    }
}
