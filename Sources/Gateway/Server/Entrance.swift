import EventLoop
import HTTP

/// A loop's way in: accepts connections, shakes hands where TLS is configured, and gives them to the HTTP server.
final class Entrance {
    private let listener: Listener
    private let acceptor: TLSAcceptor?

    /// - Parameters:
    ///   - receiveBuffer: see `Listener`.
    ///   - tls: nil: connections are plain.
    ///   - limits: of TLS's handshakes.
    ///   - exhausted: see `Listener`.
    ///   - failed: hears of handshakes that came to nothing. Anybody can bring that about.
    init(
        _ listening: ListeningSocket, to server: HTTPServer, on loop: EventLoop, receiveBuffer: Int,
        tls: TLSServerContext?, limits: HandshakeLimits, exhausted: @escaping () -> Void = {},
        failed: @escaping (TLSFailure) -> Void = { _ in }
    ) throws(SystemError) {
        acceptor = tls.map { context in
            return TLSAcceptor(context, on: loop, limits: limits, failed: failed) { socket, since in
                server.accept(socket, since: since)
            }
        }
        if let acceptor {
            listener = try Listener(listening, on: loop, receiveBuffer: receiveBuffer, exhausted: exhausted) {
                acceptor.accept($0)
            }
        } else {
            listener = try Listener(listening, on: loop, receiveBuffer: receiveBuffer, exhausted: exhausted) {
                server.accept($0)
            }
        }
    }

    /// Accepts no more: what waits to be accepted is another's, who has the listening socket too.
    func handOver() {
        listener.close()
    }

    /// Accepts what has been waiting and no more, and cuts handshakes that are under way.
    func close() {
        listener.closeBehindWaiting()
        acceptor?.close()
    }
}
