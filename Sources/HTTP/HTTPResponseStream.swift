/// The body of a response while it is being made. Confined to the connection's loop.
///
/// Let go without `end`, it cuts the connection: the client must not take half a body for a whole one.
package final class HTTPResponseStream {
    /// What became of a write.
    package enum Outcome: Sendable, Equatable {
        case taken
        /// Taken, but much waits for the client: write no more before `onDrained`.
        case takenWait
        /// Not taken: the stream is over, or more waits than the connection's hard bound allows.
        case refused
    }

    private var connection: HTTPServerConnection?
    private let exchange: UInt64

    init(_ connection: HTTPServerConnection, exchange: UInt64) {
        self.connection = connection
        self.exchange = exchange
    }

    deinit {
        connection?.streamDropped(exchange)
    }

    package var isOpen: Bool {
        connection?.isStreaming(exchange) ?? false
    }

    /// Adds to the body; leaves with everything else at the end of the tick.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        connection?.writeStream(exchange, bytes) ?? .refused
    }

    @discardableResult
    package func write(_ bytes: [UInt8]) -> Outcome {
        bytes.withUnsafeBytes { write($0) }
    }

    /// Ends the body; the connection goes on to its next request.
    package func end() {
        connection?.endStream(exchange)
        connection = nil
    }

    /// Writing may go on after `takenWait` or `refused`; on the loop, each time.
    package func onDrained(_ action: @escaping () -> Void) {
        connection?.setDrainedAction(exchange, action)
    }

    /// The client has gone before the end; on the loop, at most once.
    package func onClosed(_ action: @escaping () -> Void) {
        connection?.setClosedAction(exchange, action)
    }
}
