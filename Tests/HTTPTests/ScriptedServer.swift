import EventLoop
import Foundation
import Glibc
import Synchronization

/// A server of raw bytes on a thread of its own: each connection is handed to a script, which reads and writes as badly
/// as a test wants.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let accepted = Mutex(0)

    struct Peer {
        let descriptor: Int32
        /// 1 for the first connection.
        let number: Int

        /// Reads a request with its body; nil at the end of the connection.
        func request() -> String? {
            var text = ""
            while !text.contains("\r\n\r\n") {
                guard let part = read() else { return nil }
                text += part
            }
            let length =
                text.lowercased().split(separator: "content-length: ").dropFirst().first
                .flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
            while let end = text.range(of: "\r\n\r\n"), text[end.upperBound...].utf8.count < length {
                guard let part = read() else { return nil }
                text += part
            }
            return text
        }

        func read() -> String? {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }

        /// Waits until the other side has closed; false after 20 s.
        func waitForEnd() -> Bool {
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, 0)
            return count == 0 || (count < 0 && errno == ECONNRESET)
        }

        func write(_ text: String) {
            let bytes = Array(text.utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }

        /// An event stream's head and, in a chunk each, `events`.
        func stream(_ events: String...) {
            write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for event in events { chunk("data: \(event)\n\n") }
        }

        func chunk(_ text: String) { write(String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n") }

        func endChunks() { write("0\r\n\r\n") }

        func reset() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// - Parameter script: plays one connection, which is closed when it returns; on a thread of its own.
    init(_ script: @escaping @Sendable (Peer) -> Void) throws {
        let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
        port = socket.port
        listener = socket.descriptor
        let descriptor = socket.descriptor
        _ = fcntl(descriptor, F_SETFL, 0)
        Thread.detachNewThread { [weak self] in
            while true {
                let peer = accept(descriptor, nil, nil)
                if peer < 0 { break }
                guard
                    let number = self?.accepted.withLock({ count in
                        count += 1
                        return count
                    })
                else {
                    close(peer)
                    break
                }
                var limit = timeval(tv_sec: 20, tv_usec: 0)
                setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                Thread.detachNewThread {
                    script(Peer(descriptor: peer, number: number))
                    close(peer)
                }
            }
            close(descriptor)
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    var url: String { "http://127.0.0.1:\(port)" }

    /// Connections so far.
    var connections: Int { accepted.withLock { $0 } }

    /// A port on which nobody listens.
    static func closedPort() throws -> UInt16 {
        let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
        defer { socket.close() }
        return socket.port
    }
}

extension ScriptedServer.Peer {
    /// Waits so many milliseconds for the other side to close; true when it has not.
    func isOpen(for milliseconds: Int32) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&item, 1, milliseconds) == 0
    }

    /// Whether the kernel takes more within so many milliseconds.
    func canWrite(within milliseconds: Int32) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&item, 1, milliseconds) == 1
    }
}

/// A listening socket that nobody accepts from and whose queue is full.
final class FullListener: Sendable {
    let port: UInt16
    private let descriptors: [Int32]

    init() throws {
        let listening = try ListeningSocket(host: "127.0.0.1", port: 0, backlog: 0)
        port = listening.port
        var descriptors = [listening.descriptor]
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        // One fits in a queue of none; the others are there for kernels that round up.
        for _ in 0..<4 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            descriptors.append(descriptor)
        }
        self.descriptors = descriptors
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
