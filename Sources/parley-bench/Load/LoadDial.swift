import EventLoop
import Glibc
import WebSocket

/// One socket in the making: connects, sends the handshake, reads the answer.
///
/// The loop keeps it alive, first as the descriptor's handler, then as the socket's delegate.
final class LoadDial: ReadinessHandler, SocketDelegate {
    enum Failure: Error {
        case connect(Int32)
        case status(Int)
        case handshake
        case closed
        case timedOut

        /// As the table of errors has it.
        var name: String {
            switch self {
            case .connect(let code): "connect: \(String(cString: strerror(code)))"
            case .status(let status): "http \(status)"
            case .handshake: "handshake"
            case .closed: "closed in the handshake"
            case .timedOut: "handshake timed out"
            }
        }
    }

    /// An open socket, and what came behind the handshake.
    struct Opened {
        var socket: Socket
        var deflate: DeflateParameters?
        var leftover: [UInt8]
    }

    typealias Completion = (Result<Opened, Failure>) -> Void

    private let loop: EventLoop
    private let descriptor: Int32
    private let handshake: ClientHandshake
    private let request: [UInt8]
    private var watch: WatchToken?
    private var socket: Socket?
    private var timer: TimerToken?
    private var received: [UInt8] = []
    private var completion: Completion?
    /// A head longer than this is no answer to a handshake.
    private static let headLimit = 16 << 10

    private init(
        loop: EventLoop, descriptor: Int32, handshake: ClientHandshake, request: [UInt8],
        completion: @escaping Completion
    ) {
        self.loop = loop
        self.descriptor = descriptor
        self.handshake = handshake
        self.request = request
        self.completion = completion
    }

    static func start(
        on loop: EventLoop, to target: LoadTarget, source: Int, token: String?, dialect: LoadPlan.Dialect,
        offersDeflate: Bool, completion: @escaping Completion
    ) {
        let descriptor = target.connect(source: source)
        guard descriptor >= 0 else {
            completion(.failure(.connect(-descriptor)))
            return
        }
        var random = SystemRandomNumberGenerator()
        var key = [UInt8](repeating: 0, count: 16)
        for index in key.indices { key[index] = random.next() }
        let handshake = ClientHandshake(
            random: key, subprotocols: dialect == .parley ? ["parley.v1"] : [],
            deflate: offersDeflate ? DeflateParameters() : nil)
        let headers = token.map { [(name: "Authorization", value: "Bearer \($0)")] } ?? []
        let dial = LoadDial(
            loop: loop, descriptor: descriptor, handshake: handshake,
            request: handshake.request(host: target.authority, path: target.path, headers: headers),
            completion: completion)
        do {
            dial.watch = try loop.watch(descriptor, .write, dial)
            dial.timer = loop.schedule(after: LoadPlan.dialTimeout) { [weak dial] in dial?.end(.failure(.timedOut)) }
        } catch {
            close(descriptor)
            dial.end(.failure(.connect(error.code)))
        }
    }

    func ready(_ readiness: Readiness) {
        guard let watch else { return }
        self.watch = nil
        loop.unwatch(watch)
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else {
            close(descriptor)
            end(.failure(.connect(code)))
            return
        }
        do {
            let socket = try Socket(adopting: descriptor, on: loop)
            self.socket = socket
            socket.delegate = self
            socket.write(request)
        } catch {
            end(.failure(.connect(error.code)))
        }
    }

    func socket(_ socket: Socket, received bytes: UnsafeMutableRawBufferPointer) {
        guard completion != nil else { return }
        received.append(contentsOf: bytes)
        guard let end = Self.headEnd(received) else {
            if received.count > Self.headLimit { self.end(.failure(.handshake)) }
            return
        }
        let head = String(decoding: received[..<end], as: UTF8.self).split(separator: "\r\n")
        let status = head.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var headers: [String: [String]] = [:]
        for line in head.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased(), default: []].append(String(value))
        }
        do {
            let agreement = try handshake.confirm(status: status) { headers[$0] ?? [] }
            self.end(
                .success(
                    Opened(socket: socket, deflate: agreement.deflate, leftover: Array(received[(end + 4)...]))))
        } catch {
            if case .status(let status) = error {
                self.end(.failure(.status(status)))
            } else {
                self.end(.failure(.handshake))
            }
        }
    }

    func socketReceivedEnd(_ socket: Socket) { end(.failure(.closed)) }
    func socketDrained(_ socket: Socket) {}
    func socketClosed(_ socket: Socket) { end(.failure(.closed)) }

    private func end(_ result: Result<Opened, Failure>) {
        guard let completion else { return }
        self.completion = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        if case .failure = result {
            if let watch {
                self.watch = nil
                loop.unwatch(watch)
                close(descriptor)
            }
            socket?.delegate = nil
            socket?.close()
        }
        socket = nil
        completion(result)
    }

    /// Where the empty line begins that ends a head.
    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4)
        where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
            return index
        }
        return nil
    }
}
