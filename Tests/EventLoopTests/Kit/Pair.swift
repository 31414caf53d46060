import EventLoop
import Glibc

/// Two connected sockets: `near` is for the loop, `far` is read and written by the test, with a time limit.
struct Pair: Sendable {
    let near: Int32
    let far: Int32

    /// - Parameter kind: `SOCK_SEQPACKET` keeps the bounds of each send.
    init(kind: __socket_type = SOCK_STREAM) throws {
        var descriptors: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(kind.rawValue), 0, &descriptors) == 0 else { throw SystemError("socketpair") }
        near = descriptors[0]
        far = descriptors[1]
        guard fcntl(near, F_SETFL, O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
        limitWaiting(on: far)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(far, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func receive(_ limit: Int = 1 << 16) -> String? { Parcel.receive(from: far, limit) }

    /// Reads to the end.
    func receiveAll() -> [UInt8] {
        var all: [UInt8] = []
        while let part = Parcel.receiveBytes(from: far, 1 << 16), !part.isEmpty { all += part }
        return all
    }

    func close() { _ = Glibc.close(far) }
}

func limitWaiting(on descriptor: Int32) {
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
}

enum Parcel {
    /// One `recv`: empty at the end, `nil` for an error.
    static func receiveBytes(from descriptor: Int32, _ limit: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    static func receive(from descriptor: Int32, _ limit: Int = 1 << 16) -> String? {
        receiveBytes(from: descriptor, limit).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A TCP connection to a port of this machine.
    static func connect(to port: UInt16) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            Glibc.close(descriptor)
            return nil
        }
        limitWaiting(on: descriptor)
        return descriptor
    }
}
