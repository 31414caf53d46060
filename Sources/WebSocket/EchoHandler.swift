/// Sends every message back as it came, text as text, binary as binary, compressed as compressed (if it has the bytes of
/// the hub's `compressionThreshold`): for conformance suites and benchmarks. One serves any number of connections of a
/// loop.
///
/// A peer that does not read is not read from either, so that what waits for it is bounded by what was read before
/// the kernel's buffers were full, and the message limit.
package final class EchoHandler: WebSocketDelegate {
    package init() {}

    package func webSocket(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        after(connection.sendText(text, compression: compression(connection, text.count)), connection)
    }

    package func webSocket(_ connection: WebSocketConnection, binary: UnsafeRawBufferPointer) {
        after(connection.sendBinary(binary, compression: compression(connection, binary.count)), connection)
    }

    package func webSocketDrained(_ connection: WebSocketConnection) {
        connection.resumeReading()
    }

    package func webSocketClosed(_ connection: WebSocketConnection, code: CloseCode, reason: String, clean: Bool) {}

    private func compression(_ connection: WebSocketConnection, _ count: Int) -> WebSocketConnection.Compression {
        connection.receivedCompressed && count >= connection.hub.options.compressionThreshold ? .always : .never
    }

    private func after(_ sent: Bool, _ connection: WebSocketConnection) {
        if !sent {
            connection.close(CloseCode(rawValue: 4408), reason: "too slow")
        } else if connection.isBlocked {
            connection.pauseReading()
        }
    }
}
