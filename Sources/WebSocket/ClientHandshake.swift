import Strings

/// The client's side of the opening handshake (RFC 6455 section 4.1).
package struct ClientHandshake: Sendable {
    /// The Sec-WebSocket-Key.
    package let key: String
    package let subprotocols: [String]
    package let deflate: DeflateParameters?

    /// What was agreed on.
    package struct Agreement: Equatable, Sendable {
        package var subprotocol: String?
        package var deflate: DeflateParameters?
    }

    /// Why a response opens no WebSocket.
    package enum Refusal: Error, Equatable, Sendable {
        case status(Int)
        case upgrade
        case acceptKey
        case subprotocol
        case extensions
    }

    /// - Parameters:
    ///   - random: 16 bytes, fresh for each connection.
    ///   - deflate: what to offer, if anything.
    package init(random: [UInt8], subprotocols: [String] = [], deflate: DeflateParameters? = nil) {
        key = Handshake.key(from: random)
        self.subprotocols = subprotocols
        self.deflate = deflate
    }

    /// The request's bytes.
    ///
    /// - Parameters:
    ///   - host: as the Host header has it, with the port unless it is the scheme's own.
    ///   - path: with the query, beginning with `/`.
    ///   - headers: more headers, such as Authorization. The caller sees to it that neither names, values nor the
    ///     other parameters hold line breaks.
    package func request(host: String, path: String, headers: [(name: String, value: String)] = []) -> [UInt8] {
        var head = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        if !subprotocols.isEmpty { head += "Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))\r\n" }
        if let deflate { head += "Sec-WebSocket-Extensions: \(deflate.headerValue)\r\n" }
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        head += "\r\n"
        return Array(head.utf8)
    }

    /// Judges the response.
    ///
    /// - Parameter values: all values of the header with this lowercase name.
    package func confirm(status: Int, values: (_ name: String) -> [String]) throws(Refusal) -> Agreement {
        guard status == 101 else { throw .status(status) }
        guard values("upgrade").map({ $0.asciiLowercased }) == ["websocket"],
            TokenScanner.list(values("connection"))?.contains(where: { $0.asciiLowercased == "upgrade" }) == true
        else { throw .upgrade }
        guard let expected = Handshake.acceptKey(for: key), values("sec-websocket-accept") == [expected] else {
            throw .acceptKey
        }
        var agreement = Agreement()
        let chosen = values("sec-websocket-protocol")
        if let subprotocol = chosen.first {
            guard chosen.count == 1, subprotocols.contains(subprotocol) else { throw .subprotocol }
            agreement.subprotocol = subprotocol
        }
        guard let extensions = ExtensionHeader.parse(values("sec-websocket-extensions")) else { throw .extensions }
        if let answer = extensions.first {
            guard extensions.count == 1, let deflate, let agreed = DeflatePolicy.confirm(answer, offered: deflate)
            else {
                throw .extensions
            }
            agreement.deflate = agreed
        }
        return agreement
    }
}
