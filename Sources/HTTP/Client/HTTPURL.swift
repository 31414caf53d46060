/// An absolute `http` or `https` address, as far as a client needs it (RFC 9110 section 4.2).
///
/// What it holds can be written into a request as it is: no byte of it can end a line. `user:password@` is kept apart as
/// the value of a Basic credential and is no part of the description.
package struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    package enum Scheme: String, Sendable {
        case http, https

        var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// A name or an address; an IPv6 address without its brackets. Lower case.
    package let host: String
    package let port: UInt16
    /// Path and query, beginning with a slash.
    package private(set) var target: String
    /// `user:password` in base64, a secret.
    let basicCredential: String?

    /// - Throws: `HTTPURLError`, which does not repeat the text: it may hold a password.
    package init(_ text: String) throws(HTTPURLError) {
        guard text.utf8.count <= 8 << 10 else { throw .tooLong }
        guard text.utf8.allSatisfy({ HTTPByte.isTarget($0) }) else { throw .invalidCharacter }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { throw .noScheme }
        guard let scheme = Scheme(rawValue: text[..<colon].lowercased()) else { throw .unknownScheme }
        let rest = text[text.index(colon, offsetBy: 3)...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.lastIndex(of: "@") {
            guard let decoded = Self.percentDecoded(authority[..<at]) else { throw .invalidCharacter }
            let hasColon = decoded.contains(UInt8(ascii: ":"))
            basicCredential = Base64.encoded(hasColon ? decoded : decoded + [UInt8(ascii: ":")])
            authority = authority[authority.index(after: at)...]
        } else {
            basicCredential = nil
        }
        self.scheme = scheme
        (host, port) = try Self.parse(authority: authority, scheme)
        let target = rest[end...]
        self.target = target.isEmpty ? "/" : target.first == "?" ? "/" + target : String(target)
    }

    /// The address with `path` behind the present path, one slash between them; a query stays behind both.
    package func appending(path: String) -> HTTPURL {
        guard path.utf8.allSatisfy({ HTTPByte.isTarget($0) && $0 != UInt8(ascii: "?") }) else { return self }
        var result = self
        let split = target.firstIndex(of: "?") ?? target.endIndex
        var before = target[..<split]
        if before.last == "/" { before = before.dropLast() }
        result.target = before + (path.first == "/" ? "" : "/") + path + target[split...]
        return result
    }

    /// Where a redirect leads (RFC 9110 section 10.2.2), if that is the same scheme, host and port: a reference with them
    /// or without, from the root or from here. `nil`: another origin, or no address.
    package func redirected(to reference: String) -> HTTPURL? {
        let reference = reference.prefix { $0 != "#" }
        guard !reference.isEmpty, reference.utf8.allSatisfy(HTTPByte.isTarget) else { return nil }
        var result = self
        if reference.hasPrefix("//") || reference.contains("://") {
            let text = reference.hasPrefix("//") ? "\(scheme.rawValue):\(reference)" : String(reference)
            guard let url = try? HTTPURL(text), url.scheme == scheme, url.host == host, url.port == port else {
                return nil
            }
            result.target = url.target
        } else if reference.first == "/" {
            result.target = String(reference)
        } else if reference.first == "?" {
            result.target = String(target.prefix { $0 != "?" }) + reference
        } else {
            let path = target.prefix { $0 != "?" }
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/"
            result.target = folder + reference
        }
        return result
    }

    /// As it stands in a Host header: the port only where it is not the scheme's own.
    package var authority: String {
        port == scheme.defaultPort ? bracketedHost : "\(bracketedHost):\(port)"
    }

    /// With the port, as CONNECT wants it.
    var authorityWithPort: String { "\(bracketedHost):\(port)" }

    package var description: String { "\(scheme.rawValue)://\(authority)\(target)" }

    private var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

    private static func parse(
        authority: Substring, _ scheme: Scheme
    ) throws(HTTPURLError) -> (host: String, port: UInt16) {
        var host = authority
        var portText: Substring = ""
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw .invalidHost }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { throw .invalidHost }
            portText = after.dropFirst()
            guard host.utf8.allSatisfy({ HTTPByte.hexValue($0) != nil || $0 == 0x3A || $0 == 0x2E }) else {
                throw .invalidHost
            }
        } else {
            if let colon = authority.lastIndex(of: ":") {
                host = authority[..<colon]
                portText = authority[authority.index(after: colon)...]
            }
            guard host.utf8.allSatisfy(Self.isName) else { throw .invalidHost }
        }
        guard !host.isEmpty, host.utf8.count <= 255 else { throw .invalidHost }
        if portText.isEmpty { return (host.lowercased(), scheme.defaultPort) }
        guard portText.utf8.allSatisfy(HTTPByte.isDigit), let port = UInt16(portText), port > 0 else {
            throw .invalidPort
        }
        return (host.lowercased(), port)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        HTTPByte.isDigit(byte) || HTTPByte.lowercased(byte) &- 0x61 < 26 || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    private static func percentDecoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(HTTPByte.hexValue),
                let low = rest.popFirst().flatMap(HTTPByte.hexValue)
            else { return nil }
            bytes.append(UInt8(high * 16 + low))
        }
        return bytes
    }
}

/// Why a text is no address that can be asked. Says nothing of the text itself.
package enum HTTPURLError: String, Error, Sendable, CustomStringConvertible {
    case tooLong = "the address is too long"
    case invalidCharacter = "the address holds a character that must be encoded"
    case noScheme = "the address does not begin with http:// or https://"
    case unknownScheme = "only http:// and https:// are known"
    case invalidHost = "the host of the address is not valid"
    case invalidPort = "the port of the address is not valid"

    package var description: String { rawValue }
}

/// Base64 with padding (RFC 4648 section 4), for Basic credentials.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var group: UInt32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
            for position in 0..<4 {
                let value = Int(group >> UInt32(18 - 6 * position)) & 63
                text.append(position <= count ? alphabet[value] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}
