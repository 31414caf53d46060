import EventLoop
import Glibc
import WebSocket

/// Runs `body` on a loop of its own and waits until it, or something it set going, calls `done`.
func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (EventLoop, _ done: @escaping (Value) -> Void) throws -> Void
) async throws -> Value {
    let loop = try EventLoop(label: "test")
    loop.start()
    defer { loop.stop() }
    return try await withCheckedThrowingContinuation { continuation in
        loop.execute {
            var pending: CheckedContinuation<Value, any Error>? = continuation
            do {
                try body(loop) { value in
                    pending?.resume(returning: value)
                    pending = nil
                }
            } catch {
                pending?.resume(throwing: error)
                pending = nil
            }
        }
    }
}

/// Something to do when the tick ends.
final class TickEnd: TickParticipant {
    private let action: () -> Void

    init(_ action: @escaping () -> Void) {
        self.action = action
    }

    func tickEnded() {
        action()
    }
}

/// Two sockets connected with each other.
func socketPair(_ loop: EventLoop, outboundLimit: Int = 1 << 20) throws -> (Socket, Socket) {
    var descriptors: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &descriptors) == 0 else { throw SystemError("socketpair") }
    return (
        try Socket(adopting: descriptors[0], on: loop, outboundLimit: outboundLimit),
        try Socket(adopting: descriptors[1], on: loop, outboundLimit: outboundLimit)
    )
}

/// The end of a connection as a delegate heard it.
struct End: Equatable, Sendable {
    var code: UInt16
    var reason: String
    var clean: Bool
}

/// A delegate that notes everything and calls hooks.
final class Recorder: WebSocketDelegate {
    var seen: [Seen] = []
    var ends: [End] = []
    var drained = 0
    var onMessage: (WebSocketConnection) -> Void = { _ in }
    var onDrained: (WebSocketConnection) -> Void = { _ in }
    var onEnd: (End) -> Void = { _ in }

    func webSocket(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        seen.append(.text(String(decoding: text, as: UTF8.self)))
        onMessage(connection)
    }

    func webSocket(_ connection: WebSocketConnection, binary: UnsafeRawBufferPointer) {
        seen.append(.binary([UInt8](binary)))
        onMessage(connection)
    }

    func webSocketDrained(_ connection: WebSocketConnection) {
        drained += 1
        onDrained(connection)
    }

    func webSocketClosed(_ connection: WebSocketConnection, code: CloseCode, reason: String, clean: Bool) {
        ends.append(End(code: code.rawValue, reason: reason, clean: clean))
        onEnd(End(code: code.rawValue, reason: reason, clean: clean))
    }
}

/// A peer that sends what it is told and understands what a server sends.
final class RawPeer: SocketDelegate {
    let socket: Socket
    var seen: [Seen] = []
    var onSeen: (RawPeer) -> Void = { _ in }
    var onClosed: (RawPeer) -> Void = { _ in }
    private var machine = WebSocketConnectionMachine(role: .client, messageLimit: 1 << 24)

    init(_ socket: Socket) {
        self.socket = socket
        socket.delegate = self
    }

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        seen += feed(&machine, [UInt8](bytes))
        onSeen(self)
    }

    func socketReceivedEnd(_ socket: Socket) {
        socket.close()
    }

    func socketDrained(_ socket: Socket) {}

    func socketClosed(_ socket: Socket) {
        onClosed(self)
        (onSeen, onClosed) = ({ _ in }, { _ in })
    }
}

extension WebSocketConnection {
    func sendText(_ text: String, compression: Compression = .automatic) -> Bool {
        Array(text.utf8).withUnsafeBytes { sendText($0, compression: compression) }
    }
}
