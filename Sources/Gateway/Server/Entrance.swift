import EventLoop
import HTTP

/// A loop's way in: accepts connections, shakes hands where TLS is configured, and gives them to the HTTP server.
final class Entrance {
    private let listener: Listener
    private let acceptor: TLSAcceptor?

    /// - Parameters:
    ///   - receiveBuffer: see `Listener`.
    ///   - tls: nil: connections are plain.
    ///   - timeout: nanoseconds for TLS's handshake.
    ///   - failed: hears of handshakes that came to nothing. Anybody can bring that about.
    init(
        _ listening: ListeningSocket, to server: HTTPServer, on loop: EventLoop, receiveBuffer: Int,
        tls: TLSServerContext?, timeout: UInt64, failed: @escaping (TLSFailure) -> Void = { _ in }
    ) throws(SystemError) {
        acceptor = tls.map { context in
            var limits = HandshakeLimits()
            limits.timeout = timeout
            return TLSAcceptor(context, on: loop, limits: limits, failed: failed) { socket, since in
                server.accept(socket, since: since)
            }
        }
        if let acceptor {
            listener = try Listener(listening, on: loop, receiveBuffer: receiveBuffer) { acceptor.accept($0) }
        } else {
            listener = try Listener(listening, on: loop, receiveBuffer: receiveBuffer) { server.accept($0) }
        }
    }

    /// Accepts no more, and cuts handshakes that are under way.
    func close() {
        listener.close()
        acceptor?.close()
    }
}
