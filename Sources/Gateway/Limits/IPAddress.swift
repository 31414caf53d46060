import Glibc

/// An IPv4 or IPv6 address as 128 bits; IPv4 in its mapped form (::ffff:0:0/96, RFC 4291 section 2.5.5.2).
package struct IPAddress: Sendable, Hashable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A numeric address as people and proxies write it, without port; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        guard (2...45).contains(text.utf8.count) else { return nil }
        let text = String(text)
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            high = 0
            low = 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        (high, low) = withUnsafeBytes(of: &six) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// In the one spelling of RFC 5952, an IPv4 address in its mapped form.
    package var ipv6Text: String {
        var bytes = (high.bigEndian, low.bigEndian)
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count)) != nil else { return "::" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    package var isLoopback: Bool {
        isIPv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1
    }

    /// What is counted as one client: an IPv4 address, or the 64 leading bits of an IPv6 one, since whoever has one of
    /// these has them all.
    package var block: IPAddress { isIPv4 ? self : IPAddress(high: high, low: 0) }
}

/// Addresses with a common beginning, such as 10.0.0.0/8 (RFC 4632 section 3.1).
package struct IPNetwork: Sendable, Hashable {
    package let address: IPAddress
    /// Of 128.
    package let length: Int

    /// `nil` for what is no network; a lone address is one of its full length.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress($0) }) else { return nil }
        let most = address.isIPv4 && !text.contains(":") ? 32 : 128
        var length = most
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...most).contains(number) else { return nil }
            length = number
        }
        self.address = address
        self.length = length + 128 - most
    }

    package func contains(_ other: IPAddress) -> Bool {
        let highMask: UInt64 = length >= 64 ? .max : ~(.max >> UInt64(length))
        let lowMask: UInt64 = length <= 64 ? 0 : length == 128 ? .max : ~(.max >> UInt64(length - 64))
        return (address.high ^ other.high) & highMask == 0 && (address.low ^ other.low) & lowMask == 0
    }
}
