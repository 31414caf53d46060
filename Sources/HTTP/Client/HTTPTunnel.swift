import EventLoop

/// Asks a proxy for a tunnel to a server.
final class HTTPTunnel {
    func cancel() {}
}
