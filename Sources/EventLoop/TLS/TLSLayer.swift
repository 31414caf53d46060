/// Hears how a handshake ended; on the loop, once.
protocol HandshakeOwner: AnyObject {
    /// The socket is open. Its delegate is set in this call; bytes may follow it at once.
    func handshakeDone(_ socket: Socket)
    /// The socket has closed itself.
    func handshakeFailed(_ socket: Socket, _ failure: TLSFailure)
}

/// What a socket over TLS has beside a plain one. Each message looks at it several times, and nothing is called while it
/// does.
final class TLSLayer {
    /// Nil until the first byte has come: a client that connects and says nothing costs little.
    @exclusivity(unchecked) private(set) var engine: TLSEngine?
    /// Records that were made and that the kernel has not taken yet.
    @exclusivity(unchecked) var records: [UInt8] = []
    @exclusivity(unchecked) var sentRecords = 0
    /// Bytes of the socket's outbound that are in `records`: they still count as waiting.
    @exclusivity(unchecked) var sealedCount = 0
    @exclusivity(unchecked) var owner: (any HandshakeOwner)?
    var failure: TLSFailure?

    /// A server's, as long as there is no engine.
    private var context: TLSServerContext?

    /// Bytes of TLS's own (alerts, answers to key updates) that may wait for a peer which takes nothing.
    static let ownRecordsLimit = 64 << 10

    init(server context: TLSServerContext, owner: any HandshakeOwner) {
        self.context = context
        self.owner = owner
    }

    init(client engine: TLSEngine, owner: any HandshakeOwner) {
        self.engine = engine
        self.owner = owner
    }

    var isOpen: Bool { engine?.isOpen == true }
    var isServer: Bool { context != nil }
    var hasRecords: Bool { sentRecords < records.count }

    /// The engine, made when it is first asked for.
    func engine(wire: TLSWire) throws(TLSFailure) -> TLSEngine {
        if let engine { return engine }
        guard let context else { throw .handshake("no context") }
        let engine = try context.makeEngine(wire: wire)
        self.engine = engine
        return engine
    }

    /// Moves what the engine wants to say to the records that wait.
    func collect(_ wire: TLSWire) {
        guard !wire.output.isEmpty else { return }
        records.append(contentsOf: wire.output)
        wire.clearOutput()
    }

    func releaseRecords() {
        records = []
        sentRecords = 0
    }
}
