import CLinux
import Glibc

/// An IP address as 128 bits; IPv4 in its mapped form (`::ffff:a.b.c.d`), so that a client counts as the same whether it
/// came to a socket of one family or of both. Anything else, such as a Unix socket, is all zeros.
package struct NetworkAddress: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The address of a connected descriptor's peer.
    package init(peerOf descriptor: Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        self = result == 0 ? Self(storage) : Self(high: 0, low: 0)
    }

    /// Reads `192.0.2.1` or `2001:db8::1`.
    package init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(four)
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(six)
        } else {
            return nil
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// Who is counted as one: an IPv4 address, or the /64 of an IPv6 address, of which a host has all.
    package var site: NetworkAddress { isIPv4 ? self : NetworkAddress(high: high, low: 0) }

    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET: Self(bytes.loadUnaligned(as: sockaddr_in.self).sin_addr)
            case AF_INET6: Self(bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr)
            default: Self(high: 0, low: 0)
            }
        }
    }

    private init(_ address: in_addr) {
        self.init(high: 0, low: 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.s_addr)))
    }

    private init(_ address: in6_addr) {
        self = withUnsafeBytes(of: address) { bytes in
            Self(
                high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}
