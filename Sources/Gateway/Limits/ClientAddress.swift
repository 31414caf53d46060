import Foundation

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
    /// Trusted proxies in a row, from the connection on. Of the other lists that each of them adds to
    /// (`X-Forwarded-Host`), so many entries from the right are theirs.
    package private(set) var trustedHops = 0

    /// Addresses of `X-Forwarded-For` that are looked at, from the right.
    private static let maximumHops = 32

    /// A proxy adds the address that it was asked from at the end of `X-Forwarded-For`. So the list is read from the
    /// right, as long as whoever wrote an entry is trusted; the first stranger is the client, and what it may have
    /// written itself is never read.
    package init(peer: String, forwarded: [String], trusted: [IPNetwork]) {
        address = IPAddress(peer)
        text = peer
        isForwarded = !forwarded.isEmpty
        guard !trusted.isEmpty, let peer = address, trusted.contains(where: { $0.contains(peer) }) else { return }
        trustedHops = 1
        guard !forwarded.isEmpty else { return }
        // By code points: what a stranger wrote before it must not make one character of a comma and something else.
        let hops = forwarded.joined(separator: ",").unicodeScalars.split(
            separator: ",", omittingEmptySubsequences: false)
        for hop in hops.reversed().prefix(Self.maximumHops) {
            guard let (next, name) = Self.parse(Substring(hop)) else { return }
            address = next
            text = name
            isBehindProxy = true
            guard trusted.contains(where: { $0.contains(next) }) else { return }
            trustedHops += 1
        }
    }

    /// What the outermost of the trusted proxies wrote into a list to which each adds at the end, or which the last of
    /// them sets anew; `nil` without a trusted proxy, or an entry.
    package func entry(of fields: [String]) -> String? {
        guard trustedHops > 0 else { return nil }
        let entries = fields.joined(separator: ",").unicodeScalars.split(
            separator: ",", omittingEmptySubsequences: false)
        guard let entry = entries.suffix(trustedHops).first else { return nil }
        let text = String(entry).trimmingCharacters(in: .whitespaces)
        return text.isEmpty ? nil : text
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
