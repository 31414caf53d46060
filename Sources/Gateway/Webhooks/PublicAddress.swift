import EventLoop

/// Which addresses are the internet's, so that what somebody wrote into a setting, or a name server answers, leads to no
/// machine of the operator's own.
///
/// Source: IANA's registries of special-purpose addresses (RFC 6890), as of 2025.
package enum PublicAddress {
    private static let special = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
        // Within the global addresses of IPv6: protocols (Teredo among them), documentation, and 6to4, which leads to any
        // address of IPv4.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { IPNetwork($0) }
    private static let global = IPNetwork("2000::/3")
    /// IPv4 behind a translator (RFC 6052).
    private static let translated = IPNetwork("64:ff9b::/96")

    package static func contains(_ address: IPAddress) -> Bool {
        if translated?.contains(address) == true {
            return contains(IPAddress(high: 0, low: 0xFFFF_0000_0000 | address.low & 0xFFFF_FFFF))
        }
        guard address.isIPv4 || global?.contains(address) == true else { return false }
        return !special.contains { $0.contains(address) }
    }

    static func contains(_ address: SocketAddress) -> Bool {
        let network = address.networkAddress
        return contains(IPAddress(high: network.high, low: network.low))
    }
}
