import Strings

/// A host with the port that was written behind it, as in a `Host` field (RFC 9110 section 7.2).
package struct Authority: Sendable, Hashable {
    /// In small letters; an IPv6 address in brackets, and in its one spelling.
    package let host: String
    /// `nil`: none was written, so that it is the scheme's.
    package let port: UInt16?

    package init(host: String, port: UInt16?) {
        self.host = host
        self.port = port
    }

    /// `nil` for what is no name that a browser would write: of letters, digits, `.`, `-`, `_` and `~`, or an address.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard let first = bytes.first else { return nil }
        let end: Int
        if first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")),
                let address = IPAddress(String(decoding: bytes[1..<close], as: UTF8.self)),
                bytes[1..<close].contains(UInt8(ascii: ":"))
            else { return nil }
            host = "[\(address.ipv6Text)]"
            end = close + 1
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            guard end > 0, bytes[..<end].allSatisfy(Self.isName) else { return nil }
            host = String(decoding: bytes[..<end], as: UTF8.self).asciiLowercased
        }
        guard end < bytes.count else {
            port = nil
            return
        }
        let digits = bytes[(end + 1)...]
        guard bytes[end] == UInt8(ascii: ":"), digits.count <= 5, digits.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            return nil
        }
        // A colon without a port is as good as none (RFC 3986 section 3.2.3).
        let value = digits.reduce(0) { $0 * 10 + Int($1 & 15) }
        guard value <= Int(UInt16.max) else { return nil }
        port = digits.isEmpty ? nil : UInt16(value)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether it names the machine that asks: `localhost` and what is below it (RFC 6761 section 6.3), or a loopback
    /// address.
    package var isThisMachine: Bool {
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        return IPAddress(host.hasPrefix("[") ? host.dropFirst().dropLast() : host[...])?.isLoopback ?? false
    }
}

/// Where a page is from (RFC 6454): scheme, host and port as values, so that it does not matter how they are written.
package struct Origin: Sendable, Hashable {
    package let scheme: String
    package let host: String
    /// Of a scheme that has a default always there.
    package let port: UInt16?

    /// Reads what browsers and app shells send: `https://chat.example`, `http://[::1]:8080`, `capacitor://localhost`.
    ///
    /// - Returns: `nil` for everything else, among it `null`, and what has a path or a user.
    package init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = String(text[..<separator.lowerBound]).asciiLowercased
        guard let first = scheme.utf8.first, (0x61...0x7A).contains(first),
            scheme.utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E].contains($0)
            }), let authority = Authority(text[separator.upperBound...])
        else { return nil }
        self.scheme = scheme
        host = authority.host
        port = authority.port ?? Self.defaultPort(of: scheme)
    }

    /// As a browser writes it.
    package var text: String {
        let isDefault = port == nil || port == Self.defaultPort(of: scheme)
        return "\(scheme)://\(host)" + (isDefault ? "" : ":\(port ?? 0)")
    }

    /// Whether a page there has come from the server that was asked by that name.
    ///
    /// - Parameter isEncrypted: it is known that the server is asked by https: a page by http is then another's.
    package func isOrigin(of authority: Authority, isEncrypted: Bool) -> Bool {
        guard scheme == "https" || (scheme == "http" && !isEncrypted) else { return false }
        return host == authority.host && port == (authority.port ?? Self.defaultPort(of: scheme))
    }

    private static func defaultPort(of scheme: String) -> UInt16? {
        switch scheme {
        case "http": 80
        case "https": 443
        default: nil
        }
    }
}

/// Whether a browser's page may use the gateway.
package struct OriginRules: Sendable {
    package var allowed: Set<Origin>

    package init(allowed: Set<Origin>) {
        self.allowed = allowed
    }

    /// Whether this origin is in the list.
    package func allows(_ origin: String) -> Bool {
        Origin(origin).map(allowed.contains) ?? false
    }

    package enum Verdict: Sendable, Equatable {
        /// There is no `Origin`: not a browser, or not a request across sites.
        case absent
        case allowed
        case refused
    }

    /// - Parameters:
    ///   - own: the names by which the gateway was asked.
    ///   - isEncrypted: see `Origin.isOrigin`.
    package func judge(origin: String?, own: [Authority], isEncrypted: Bool = false) -> Verdict {
        guard let origin else { return .absent }
        guard let origin = Origin(origin) else { return .refused }
        if allowed.contains(origin) { return .allowed }
        return own.contains { origin.isOrigin(of: $0, isEncrypted: isEncrypted) } ? .allowed : .refused
    }
}
