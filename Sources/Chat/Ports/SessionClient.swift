package import Tracing

/// A socket (or an event stream over HTTP) as its user's session sees it. Called on the shard's loop.
package protocol SessionClient: AnyObject {
    /// Whether events may be added now. While it is `false` the session keeps nothing for the client: when it has room
    /// again it says so with `Session.drained`, and gets the merged rest.
    var isWritable: Bool { get }
    /// Sends one JSON text: a frame of ours, or whatever the client does not tell apart. A client that can't take it any
    /// more closes itself.
    func send(_ json: UnsafeRawBufferPointer)
    /// Sends an event with its JSON, for a client that looks into what it passes on.
    func send(_ event: PlacedEvent, _ json: UnsafeRawBufferPointer)
    /// Sends a piece of text of the run that is under way; the JSON of its event.
    func send(delta json: UnsafeRawBufferPointer)
    /// Answers a request.
    ///
    /// - Parameter id: what the client has named it.
    func answer(_ reply: Reply, id: String?)
    /// Whether it has closed for good: nothing is sent to it, and nothing subscribes it any more.
    var isGone: Bool { get }
    /// What its turns are part of, where somebody traces.
    var trace: TraceContext? { get }
    /// It has fallen behind what is still held: it must come back and resume.
    func fellBehind()
}

extension SessionClient {
    package var trace: TraceContext? { nil }
    package func send(_ event: PlacedEvent, _ json: UnsafeRawBufferPointer) { send(json) }
    package func send(delta json: UnsafeRawBufferPointer) { send(json) }
    package func answer(_ reply: Reply, id: String?) { send(reply.frame(id: id)) }
    package func send(_ json: [UInt8]) {
        json.withUnsafeBytes { send($0) }
    }
}
