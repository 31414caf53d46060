import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    let storage: [UInt8]

    /// - Parameter ip: numeric, without brackets.
    package init?(ip: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, ip, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            storage = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, ip, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            storage = withUnsafeBytes(of: six) { Array($0) }
        } else {
            return nil
        }
    }

    /// - Parameter bytes: a `sockaddr_in` or `sockaddr_in6`; nil for another family's.
    init?(bytes: [UInt8]) {
        guard bytes.count >= MemoryLayout<sockaddr_in>.size else { return nil }
        storage = bytes
        guard isIPv4 || (family == AF_INET6 && bytes.count >= MemoryLayout<sockaddr_in6>.size) else { return nil }
    }

    init(_ info: addrinfo) {
        storage = Array(UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
    }

    /// The addresses of a name, in the order of preference. Asks the resolver and **blocks**: never on a loop.
    ///
    /// - Throws: with the code EADDRNOTAVAIL when there is none.
    package static func resolve(host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        var status = getaddrinfo(host, String(port), &hints, &list)
        if status != 0 {
            // A machine with nothing but loopback has no address of either kind.
            hints.ai_flags = AI_NUMERICSERV
            status = getaddrinfo(host, String(port), &hints, &list)
        }
        guard status == 0, list != nil else { throw SystemError("getaddrinfo \(host)", code: EADDRNOTAVAIL) }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let info = next?.pointee {
            addresses.append(SocketAddress(info))
            next = info.ai_next
        }
        return addresses
    }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        if isIPv4 { return storage[4] == 127 }
        return storage.count >= 24 && storage[8..<23].allSatisfy { $0 == 0 } && storage[23] == 1
    }

    package var isIPv4: Bool { family == AF_INET }

    /// Without the port.
    package var networkAddress: NetworkAddress { withStorage { NetworkAddress($0) } }

    package var port: UInt16 { UInt16(storage[2]) << 8 | UInt16(storage[3]) }

    /// "127.0.0.1:80", "[::1]:80"
    package var description: String {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = withSocketAddress { address, length in
            getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
        }
        let name =
            status == 0 ? String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "?"
        return isIPv4 ? "\(name):\(port)" : "[\(name)]:\(port)"
    }

    var family: Int32 {
        Int32(storage.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) })
    }

    private func withStorage<Result>(_ body: (sockaddr_storage) -> Result) -> Result {
        var aligned = sockaddr_storage()
        withUnsafeMutableBytes(of: &aligned) { $0.copyBytes(from: storage.prefix($0.count)) }
        return body(aligned)
    }

    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var aligned = sockaddr_storage()
        withUnsafeMutableBytes(of: &aligned) { $0.copyBytes(from: storage.prefix($0.count)) }
        return withUnsafePointer(to: &aligned) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(storage.count)) }
        }
    }
}
