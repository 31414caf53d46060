package import EventLoop
package import HTTPTypes

/// Answers requests, on the connection's loop.
package protocol HTTPHandler: AnyObject {
    /// Called once a request, with its whole body. Answers through `responder`, at once or later, on the loop.
    /// Further requests of the connection wait until then.
    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder)

    /// Called with every answer before it is written, also those that no handler made: for fields that all have.
    ///
    /// - Parameter head: of the request; `nil` where none could be read.
    func finish(_ response: inout HTTPResponse, for head: HTTPRequestHead?)
}

extension HTTPHandler {
    package func finish(_ response: inout HTTPResponse, for head: HTTPRequestHead?) {}
}

/// A connection that was given up: for WebSocket, or for another loop (`socket.detach()`).
package struct HTTPUpgrade {
    /// Open and without a delegate: set one before returning to the loop, or detach.
    package let socket: Socket
    /// What the client sent after the request; comes before anything that the socket brings.
    package let leftover: [UInt8]
    package let peerAddress: String
}
