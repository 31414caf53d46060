import Cluster
import EventLoop
import Glibc
import HTTP

/// A request that came to another gateway and is answered here, where its user's session is: a connection to this
/// process's own server, whose other end is the link.
final class RemoteRequest: SocketDelegate {
    /// Bytes of a request with its head.
    private static let requestLimit = (1 << 20) + (64 << 10)

    private let number: UInt32
    private let end: Links.End
    private unowned let relay: Relay
    private let hold: OwnerHold
    private let socket: Socket
    private var credit = SocketCredit()
    private var isOver = false

    /// - Parameter server: answers what other gateways pass on.
    init?(_ number: UInt32, _ end: Links.End, _ relay: Relay, _ hold: OwnerHold, to server: HTTPServer) {
        var pair: [Int32] = [-1, -1]
        guard
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
                == 0
        else { return nil }
        guard let socket = try? Socket(adopting: pair[0], on: relay.shard.loop, outboundLimit: Self.requestLimit) else {
            close(pair[1])
            return nil
        }
        self.number = number
        self.end = end
        self.relay = relay
        self.hold = hold
        self.socket = socket
        socket.delegate = self
        server.accept(pair[1])
    }

    func command(_ part: [UInt8]) {
        if !part.withUnsafeBytes({ socket.write($0) }) { socket.close() }
    }

    func taken(_ total: UInt64) {
        if credit.taken(total: total) { socket.resumeReading() }
    }

    /// The client of the other gateway has gone.
    func leave() {
        isOver = true
        socket.close()
    }

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        guard !isOver else { return }
        credit.send(bytes.count)
        relay.figures.bytes += bytes.count
        LinkFrame.inParts(Array(bytes)) { part, _ in
            relay.send(.output(socket: number, isLast: false, bytes: part), to: end)
        }
        if !credit.hasRoom { socket.pauseReading() }
    }

    func socketReceivedEnd(_ socket: Socket) { socket.close() }
    func socketDrained(_ socket: Socket) {}

    func socketClosed(_ socket: Socket) {
        guard !isOver else { return }
        isOver = true
        relay.send(.output(socket: number, isLast: true, bytes: []), to: end)
        relay.remotes.remove(request: number, of: end)
    }
}
