/// One element of a Sec-WebSocket-Extensions header: a name and its parameters, in order.
package struct ExtensionOffer: Equatable, Sendable {
    package struct Parameter: Equatable, Sendable {
        package var name: String
        package var value: String?

        package init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    package var name: String
    package var parameters: [Parameter]

    package init(name: String, parameters: [Parameter]) {
        self.name = name
        self.parameters = parameters
    }
}

/// Reads Sec-WebSocket-Extensions (RFC 6455 section 9.1).
///
/// ```
/// extension-list  = 1#extension
/// extension       = extension-token *( ";" extension-param )
/// extension-param = token [ "=" ( token | quoted-string whose content is a token ) ]
/// ```
package enum ExtensionHeader {
    /// More offers or parameters than this are not read: nobody needs them, and each costs memory.
    package static let maxElements = 16

    /// - Returns: nil when a value breaks the grammar or the bound; the handshake is refused then, as section 9.1
    ///   demands. Empty list elements are passed over (RFC 9110 section 5.6.1.2).
    package static func parse(_ values: [String]) -> [ExtensionOffer]? {
        var offers: [ExtensionOffer] = []
        for value in values {
            var scanner = TokenScanner(value)
            repeat {
                scanner.skipSpace()
                if scanner.isAtEnd || scanner.peek == UInt8(ascii: ",") { continue }
                guard let offer = parseOffer(&scanner), offers.count < maxElements else { return nil }
                offers.append(offer)
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.isAtEnd else { return nil }
        }
        return offers
    }

    private static func parseOffer(_ scanner: inout TokenScanner) -> ExtensionOffer? {
        guard let name = scanner.token() else { return nil }
        var offer = ExtensionOffer(name: name, parameters: [])
        scanner.skipSpace()
        while scanner.take(UInt8(ascii: ";")) {
            scanner.skipSpace()
            guard let parameter = scanner.token(), offer.parameters.count < maxElements else { return nil }
            scanner.skipSpace()
            var value: String?
            if scanner.take(UInt8(ascii: "=")) {
                scanner.skipSpace()
                value = scanner.peek == UInt8(ascii: "\"") ? scanner.quotedToken() : scanner.token()
                if value == nil { return nil }
                scanner.skipSpace()
            }
            offer.parameters.append(ExtensionOffer.Parameter(name: parameter, value: value))
        }
        return offer
    }
}

/// Walks over the tokens of a header value (RFC 9110 section 5.6.2).
struct TokenScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { position == bytes.count }
    var peek: UInt8? { isAtEnd ? nil : bytes[position] }

    mutating func skipSpace() {
        while let byte = peek, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    mutating func token() -> String? {
        let start = position
        while let byte = peek, Self.isTokenByte(byte) { position += 1 }
        return position == start ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// A quoted string whose content, once unescaped, is a token.
    mutating func quotedToken() -> String? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        var content: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return content.isEmpty ? nil : String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = peek, Self.isTokenByte(escaped) else { return nil }
                position += 1
                content.append(escaped)
            default:
                guard Self.isTokenByte(byte) else { return nil }
                content.append(byte)
            }
        }
        return nil
    }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// The tokens of comma-separated lists; nil when something in them is no token.
    static func list(_ values: [String]) -> [String]? {
        var tokens: [String] = []
        for value in values {
            var scanner = TokenScanner(value)
            repeat {
                scanner.skipSpace()
                if scanner.isAtEnd || scanner.peek == UInt8(ascii: ",") { continue }
                guard let token = scanner.token() else { return nil }
                tokens.append(token)
                scanner.skipSpace()
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.isAtEnd else { return nil }
        }
        return tokens
    }
}
