import EventLoop

/// A client's and a server's side of TLS, with bytes carried between them by the test.
final class EnginePair {
    let server: TLSEngine
    let client: TLSEngine
    let serverWire = TLSWire()
    let clientWire = TLSWire()
    private(set) var serverRead: [UInt8] = []
    private(set) var clientRead: [UInt8] = []
    private(set) var serverEvent = TLSEngine.Event.needsMore
    private(set) var clientEvent = TLSEngine.Event.needsMore
    private(set) var now: UInt64 = 1

    init(_ server: TLSServerContext, _ client: TLSClientContext, host: String = "localhost") throws {
        self.server = try server.makeEngine(wire: serverWire)
        self.client = try client.makeEngine(host: host, wire: clientWire)
        clientEvent = self.client.begin(now: now).event
    }

    /// Carries bytes to and fro until neither has anything to say, in pieces of `piece` bytes; the first piece of
    /// each direction has `first`.
    func exchange(first: Int = .max, piece: Int = .max) {
        var first = first
        while true {
            let toServer = Self.take(clientWire)
            let toClient = Self.take(serverWire)
            if toServer.isEmpty, toClient.isEmpty { return }
            for part in Self.split(toServer, first, piece) { give(part, toServer: true) }
            for part in Self.split(toClient, first, piece) { give(part, toServer: false) }
            first = piece
        }
    }

    func give(_ bytes: [UInt8], toServer: Bool) {
        let engine = toServer ? server : client
        let wire = toServer ? serverWire : clientWire
        var step = bytes.withUnsafeBytes { bytes in
            var step = engine.receive(bytes, now: now)
            var read = Array(wire.plain[..<step.count])
            while step.event == .full {
                step = engine.receiveMore(now: now)
                read += wire.plain[..<step.count]
            }
            if toServer { serverRead += read } else { clientRead += read }
            return step
        }
        step.count = 0
        if toServer { serverEvent = step.event } else { clientEvent = step.event }
    }

    /// Encrypts; false: it can't be sent any more.
    func write(_ bytes: [UInt8], fromServer: Bool = false) -> Bool {
        bytes.withUnsafeBytes { (fromServer ? server : client).seal($0) }
    }

    func advance(seconds: UInt64) { now += seconds * 1_000_000_000 }

    /// Takes what a side wants to be sent.
    static func take(_ wire: TLSWire) -> [UInt8] {
        let bytes = Array(wire.output)
        wire.clearOutput()
        return bytes
    }

    private static func split(_ bytes: [UInt8], _ first: Int, _ piece: Int) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var rest = bytes[...]
        var size = first
        while !rest.isEmpty {
            parts.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            size = piece
        }
        return parts
    }
}
