import Glibc

/// Where the load goes: a `ws://` URL, resolved.
struct LoadTarget: Sendable {
    let host: String
    let port: UInt16
    let path: String
    private let address: sockaddr_storage
    private let length: socklen_t

    enum Failure: Error, CustomStringConvertible {
        case url(String)
        case unknownHost(String)

        var description: String {
            switch self {
            case .url(let url): "\(url) is no URL such as ws://127.0.0.1:8080/ws"
            case .unknownHost(let host): "\(host) can't be resolved"
            }
        }
    }

    init(_ url: String) throws(Failure) {
        var rest = url[...]
        guard let scheme = ["ws://", "http://"].first(where: { url.hasPrefix($0) }) else { throw .url(url) }
        rest = rest.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = slash == rest.endIndex ? "/ws" : String(rest[slash...])
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .url(url) }
        var authority = rest[..<slash]
        var port: UInt16 = 80
        if let colon = authority.lastIndex(of: ":"), authority.last != "]" {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { throw .url(url) }
            port = number
            authority = authority[..<colon]
        }
        self.port = port
        let host = authority.hasPrefix("[") ? String(authority.dropFirst().dropLast()) : String(authority)
        guard !host.isEmpty else { throw .url(url) }
        self.host = host

        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let info = list?.pointee else {
            throw .unknownHost(host)
        }
        defer { freeaddrinfo(list) }
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { place in
            place.copyMemory(from: UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        }
        address = storage
        length = info.ai_addrlen
    }

    /// As the Host header has it.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// 127.0.0.0/8 or ::1.
    var isLoopback: Bool {
        withUnsafeBytes(of: address) { bytes in
            if address.ss_family == sa_family_t(AF_INET) { return bytes[4] == 127 }
            return address.ss_family == sa_family_t(AF_INET6)
                && bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
        }
    }

    /// Begins a connection.
    ///
    /// - Parameter source: which address of 127.0.0.0/8 to come from, 0 being 127.0.0.1; for IPv4 loopback only.
    /// - Returns: the descriptor; or the negative errno.
    func connect(source: Int) -> Int32 {
        let descriptor = socket(
            Int32(address.ss_family), Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -errno }
        if source > 0, address.ss_family == sa_family_t(AF_INET), isLoopback {
            var one: Int32 = 1
            // IP_BIND_ADDRESS_NO_PORT: the port is chosen when the whole connection is known.
            setsockopt(descriptor, Int32(IPPROTO_IP), 24, &one, socklen_t(MemoryLayout<Int32>.size))
            var local = sockaddr_in()
            local.sin_family = sa_family_t(AF_INET)
            local.sin_addr.s_addr = (0x7F00_0001 + UInt32(source)).bigEndian
            let bound = withUnsafePointer(to: &local) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard bound == 0 else { return fail(descriptor) }
        }
        var address = address
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
        }
        guard result == 0 || errno == EINPROGRESS else { return fail(descriptor) }
        return descriptor
    }

    private func fail(_ descriptor: Int32) -> Int32 {
        let code = errno
        close(descriptor)
        return -code
    }
}
