package import EventLoop

/// Answers requests, on the connection's loop.
package protocol HTTPHandler: AnyObject {
    /// Called once a request, with its whole body. Answers through `responder`, at once or later, on the loop.
    /// Further requests of the connection wait until then.
    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder)
}

/// A connection that was given up: for WebSocket, or for another loop (`socket.detach()`).
package struct HTTPUpgrade {
    /// Open and without a delegate: set one before returning to the loop, or detach.
    package let socket: Socket
    /// What the client sent after the request; comes before anything that the socket brings.
    package let leftover: [UInt8]
    package let peerAddress: String
}
