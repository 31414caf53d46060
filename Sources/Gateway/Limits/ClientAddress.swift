/// Who is at the other end of a request, through the proxies that are trusted.
package struct ClientAddress: Sendable, Equatable {
    /// `nil` where it is not known.
    package var address: IPAddress?
    /// As text, for logs and the audit trail.
    package var text: String
    /// It came through a proxy, whether that is trusted or not.
    package var isForwarded: Bool
    /// The address is what a trusted proxy has said, and not the connection's own.
    package private(set) var isBehindProxy = false

    /// Addresses of `X-Forwarded-For` that are looked at, from the right.
    private static let maximumHops = 32

    /// A proxy adds the address that it was asked from at the end of `X-Forwarded-For`. So the list is read from the
    /// right, as long as whoever wrote an entry is trusted; the first stranger is the client, and what it may have
    /// written itself is never read.
    package init(peer: String, forwarded: [String], trusted: [IPNetwork]) {
        address = IPAddress(peer)
        text = peer
        isForwarded = !forwarded.isEmpty
        guard !trusted.isEmpty, !forwarded.isEmpty else { return }
        // By code points: what a stranger wrote before it must not make one character of a comma and something else.
        let hops = forwarded.joined(separator: ",").unicodeScalars.split(
            separator: ",", omittingEmptySubsequences: false)
        for hop in hops.reversed().prefix(Self.maximumHops) {
            guard let current = address, trusted.contains(where: { $0.contains(current) }),
                let (next, name) = Self.parse(Substring(hop))
            else { return }
            address = next
            text = name
            isBehindProxy = true
        }
    }

    /// An entry is an address, some proxies add the port: `192.0.2.1:443`, `[2001:db8::1]:443`.
    private static func parse(_ hop: Substring) -> (IPAddress, String)? {
        var text = hop.drop(while: { $0 == " " || $0 == "\t" })
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        if text.first == "[" {
            text = text.dropFirst().prefix { $0 != "]" }
        } else if let colon = text.firstIndex(of: ":"), text.contains("."),
            !text[text.index(after: colon)...].contains(":")
        {
            text = text[..<colon]
        }
        return IPAddress(text).map { ($0, String(text)) }
    }
}
