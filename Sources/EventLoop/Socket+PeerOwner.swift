import CLinux
import Glibc

extension Socket {
    /// The user id of the process at the other end, where that end is on this machine too; `nil` where it is not, or
    /// the kernel does not tell. Reads the kernel's table of TCP sockets (proc(5), `/proc/net/tcp`): not for what
    /// happens often.
    package var peerOwner: UInt32? {
        guard let here = ConnectionEnd(descriptor, getsockname), let there = ConnectionEnd(descriptor, getpeername)
        else {
            return nil
        }
        // A client's socket of IPv6 may talk to an IPv4 address, and the other way round.
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let file = fopen(path, "re") else { continue }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 512)
            while fgets(&line, Int32(line.count), file) != nil {
                let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                let fields = text.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: true)
                // sl, local_address, rem_address, st, tx_queue:rx_queue, tr:tm->when, retrnsmt, uid, …
                guard fields.count == 9, ConnectionEnd(fields[1]) == there, ConnectionEnd(fields[2]) == here else {
                    continue
                }
                return UInt32(fields[7])
            }
        }
        return nil
    }
}

/// One end of a TCP connection.
private struct ConnectionEnd: Equatable {
    var address: NetworkAddress
    var port: UInt16

    init?(
        _ descriptor: Int32,
        _ name: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(descriptor, $0, &length) }
        }
        guard result == 0, Int32(storage.ss_family) == AF_INET || Int32(storage.ss_family) == AF_INET6 else {
            return nil
        }
        address = NetworkAddress(storage)
        // In both families the port is behind the family.
        port = withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// `0100007F:1F90`, or 32 digits before the colon: words of the address as they lie in memory, then the port.
    init?(_ text: Substring) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var words: [UInt64] = []
        var rest = parts[0]
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            words.append(UInt64(UInt32(bigEndian: word)))
            rest = rest.dropFirst(8)
        }
        switch words.count {
        case 1: address = NetworkAddress(high: 0, low: 0xFFFF << 32 | words[0])
        case 4: address = NetworkAddress(high: words[0] << 32 | words[1], low: words[2] << 32 | words[3])
        default: return nil
        }
        self.port = port
    }
}
