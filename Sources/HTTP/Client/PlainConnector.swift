package import EventLoop
import Glibc

// Stands in until the event loop connects by itself.
package final class TLSClientContext: Sendable {}
package enum TLSFailure: Error, Sendable, Equatable { case certificate(String) }
package enum ConnectFailure: Error, Sendable, Equatable { case system(SystemError), tls(TLSFailure), timedOut }

package struct SocketAddress: Sendable, Hashable {
    private let bytes: [UInt8]
    private let family: Int32

    package init?(ip: String, port: UInt16) {
        guard let first = Self.look(ip, port, AI_NUMERICHOST)?.first else { return nil }
        self = first
    }

    private init(bytes: [UInt8], family: Int32) {
        self.bytes = bytes
        self.family = family
    }

    package static func resolve(host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
        guard let all = look(host, port, 0) else { throw SystemError("getaddrinfo", code: EADDRNOTAVAIL) }
        return all
    }

    private static func look(_ host: String, _ port: UInt16, _ flags: Int32) -> [SocketAddress]? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var all: [SocketAddress] = []
        var item = list
        while let info = item?.pointee {
            item = info.ai_next
            all.append(
                SocketAddress(
                    bytes: Array(UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen))),
                    family: info.ai_family))
        }
        return all
    }

    func connect() -> Result<Int32, SystemError> {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .failure(SystemError("socket")) }
        let result = bytes.withUnsafeBytes { raw in
            Glibc.connect(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
        if result == 0 || errno == EINPROGRESS { return .success(descriptor) }
        let error = SystemError("connect")
        close(descriptor)
        return .failure(error)
    }
}

package final class Connector: ReadinessHandler {
    private let loop: EventLoop
    private var descriptor: Int32 = -1
    private var token: WatchToken?
    private var timer: TimerToken?
    private var completion: ((Result<Socket, ConnectFailure>) -> Void)?

    private init(_ loop: EventLoop, _ completion: @escaping (Result<Socket, ConnectFailure>) -> Void) {
        self.loop = loop
        self.completion = completion
    }

    @discardableResult
    package static func connect(
        to address: SocketAddress, on loop: EventLoop, timeout: UInt64,
        tls: (context: TLSClientContext, host: String)? = nil, outboundLimit: Int = 1 << 20,
        completion: @escaping (Result<Socket, ConnectFailure>) -> Void
    ) -> Connector {
        let connector = Connector(loop, completion)
        switch address.connect() {
        case .failure(let error):
            connector.timer = loop.schedule(after: 0) { connector.end(.failure(.system(error))) }
        case .success(let descriptor):
            connector.descriptor = descriptor
            connector.timer = loop.schedule(after: timeout) { connector.end(.failure(.timedOut)) }
            connector.token = try? loop.watch(descriptor, .write, connector)
        }
        return connector
    }

    package func ready(_ readiness: Readiness) {
        var code: Int32 = 0
        var length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        if code != 0 { return end(.failure(.system(SystemError("connect", code: code)))) }
        if let token { loop.unwatch(token) }
        token = nil
        let descriptor = descriptor
        self.descriptor = -1
        do throws(SystemError) {
            end(.success(try Socket(adopting: descriptor, on: loop)))
        } catch {
            end(.failure(.system(error)))
        }
    }

    package func cancel() {
        completion = nil
        letGo()
    }

    private func end(_ result: Result<Socket, ConnectFailure>) {
        let completion = completion
        self.completion = nil
        letGo()
        completion?(result)
    }

    private func letGo() {
        if let timer { loop.cancel(timer) }
        timer = nil
        if let token { loop.unwatch(token) }
        token = nil
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }
}
