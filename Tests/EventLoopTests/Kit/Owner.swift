import EventLoop

/// A socket's owner that notes what it hears.
final class Owner: SocketDelegate {
    enum Heard: Sendable, Equatable { case received(String), end, drained, closed }

    let heard: Record<Heard>
    var onReceive: (Socket) -> Void = { _ in }
    var onBytes: (Socket, UnsafeRawBufferPointer) -> Void = { _, _ in }
    var onEnd: (Socket) -> Void = { _ in }

    init(_ heard: Record<Heard>) {
        self.heard = heard
    }

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        heard.append(.received(String(decoding: bytes, as: UTF8.self)))
        onReceive(socket)
        onBytes(socket, UnsafeRawBufferPointer(bytes))
    }

    func socketReceivedEnd(_ socket: Socket) {
        heard.append(.end)
        onEnd(socket)
    }

    func socketDrained(_ socket: Socket) { heard.append(.drained) }
    func socketClosed(_ socket: Socket) { heard.append(.closed) }
}

/// A socket on a loop with its owner, in the hands of a test.
struct Owned: Sendable {
    let socket: LoopBound<Socket>
    let heard = Record<Owner.Heard>()

    init(_ descriptor: Int32, on test: TestLoop, limit: Int = 1 << 20) throws {
        let (loop, heard) = (test.loop, heard)
        socket = try test.run {
            let socket = try Socket(adopting: descriptor, on: loop, outboundLimit: limit)
            socket.delegate = Owner(heard)
            return LoopBound(socket, on: loop)
        }
    }

    /// Takes an open socket; on its loop.
    init(taking socket: Socket) {
        socket.delegate = Owner(heard)
        self.socket = LoopBound(socket, on: socket.loop)
    }

    /// All the bytes that were received.
    var text: String {
        heard.values.map { if case .received(let text) = $0 { text } else { "" } }.joined()
    }

    init(_ detached: DetachedSocket, on test: TestLoop) throws {
        let (loop, heard) = (test.loop, heard)
        socket = try test.run {
            let socket = try Socket(attaching: detached, on: loop)
            socket.delegate = Owner(heard)
            return LoopBound(socket, on: loop)
        }
    }

    var owner: Owner? { socket.value.delegate as? Owner }
}
