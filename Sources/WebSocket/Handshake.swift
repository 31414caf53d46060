import COpenSSL
import Strings

/// The server's side of the opening handshake (RFC 6455 section 4.2), as a function of the request.
package struct Handshake: Sendable {
    /// What the server offers.
    package struct Options: Sendable {
        /// Subprotocols, as the client must name them (case matters). Any other offered one, such as a
        /// `bearer.<token>`, is passed over and never repeated.
        package var subprotocols: [String]
        /// Nil: no compression.
        package var deflate: DeflatePolicy?

        package init(subprotocols: [String] = [], deflate: DeflatePolicy? = DeflatePolicy()) {
            self.subprotocols = subprotocols
            self.deflate = deflate
        }
    }

    /// The request was a handshake.
    package struct Acceptance: Equatable, Sendable {
        /// The value of Sec-WebSocket-Accept.
        package var key: String
        package var subprotocol: String?
        package var deflate: DeflateParameters?

        package init(key: String, subprotocol: String? = nil, deflate: DeflateParameters? = nil) {
            self.key = key
            self.subprotocol = subprotocol
            self.deflate = deflate
        }

        /// The head of the response, ready to send. What follows it on the wire are frames.
        package var responseHead: [UInt8] {
            var head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            head += "Sec-WebSocket-Accept: \(key)\r\n"
            if let subprotocol { head += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
            if let deflate { head += "Sec-WebSocket-Extensions: \(deflate.headerValue)\r\n" }
            head += "\r\n"
            return Array(head.utf8)
        }
    }

    /// The request was none, or a bad one.
    package struct Rejection: Equatable, Sendable {
        package struct Header: Equatable, Sendable {
            package var name: String
            package var value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }

        /// 400, 405 or 426.
        package var status: Int
        /// What the response must carry beside its body.
        package var headers: [Header] = []
        /// For people; never repeats what the client sent.
        package var message: String
    }

    package enum Outcome: Equatable, Sendable {
        case accept(Acceptance)
        case reject(Rejection)
    }

    /// Judges a request. The path, the origin and who is asking are the caller's to judge.
    ///
    /// - Parameters:
    ///   - method: as sent, such as `GET`.
    ///   - version: of HTTP, such as (1, 1).
    ///   - values: all values of the header with this lowercase name, in order.
    package static func respond(
        method: String, version: (major: Int, minor: Int), options: Options, values: (_ name: String) -> [String]
    ) -> Outcome {
        guard method == "GET" else {
            return .reject(
                Rejection(
                    status: 405, headers: [.init(name: "Allow", value: "GET")], message: "a WebSocket opens with GET"))
        }
        guard version.major == 1, version.minor >= 1 else {
            return bad("a WebSocket opens over HTTP/1.1")
        }
        guard values("host").count == 1 else { return bad("exactly one Host header is needed") }
        guard contains(values("upgrade"), "websocket") else {
            return .reject(
                Rejection(
                    status: 426,
                    headers: [
                        .init(name: "Upgrade", value: "websocket"), .init(name: "Connection", value: "Upgrade"),
                        .init(name: "Sec-WebSocket-Version", value: "13"),
                    ],
                    message: "this is a WebSocket endpoint"))
        }
        guard contains(values("connection"), "upgrade") else {
            return bad("the Connection header must contain Upgrade")
        }
        guard values("sec-websocket-version") == ["13"] else {
            return .reject(
                Rejection(
                    status: 426,
                    headers: [
                        .init(name: "Upgrade", value: "websocket"), .init(name: "Connection", value: "Upgrade"),
                        .init(name: "Sec-WebSocket-Version", value: "13"),
                    ],
                    message: "Sec-WebSocket-Version must be 13"))
        }
        let keys = values("sec-websocket-key")
        guard keys.count == 1, let key = keys.first, isKey(key) else {
            return bad("Sec-WebSocket-Key must be 16 bytes in base64")
        }
        guard let offeredProtocols = TokenScanner.list(values("sec-websocket-protocol")) else {
            return bad("Sec-WebSocket-Protocol is malformed")
        }
        guard let offers = ExtensionHeader.parse(values("sec-websocket-extensions")) else {
            return bad("Sec-WebSocket-Extensions is malformed")
        }
        guard let acceptKey = acceptKey(for: key) else {
            return bad("the handshake could not be answered")
        }
        return .accept(
            Acceptance(
                key: acceptKey,
                subprotocol: offeredProtocols.first { options.subprotocols.contains($0) },
                deflate: options.deflate?.accept(offers)))
    }

    /// The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (section 4.2.2, item 5.4): the SHA-1 of the key and
    /// a fixed GUID, in base64. Nil only if OpenSSL has no SHA-1.
    package static func acceptKey(for key: String) -> String? {
        let text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        var digest = [UInt8](repeating: 0, count: 20)
        var count: UInt32 = 0
        let bytes = Array(text.utf8)
        guard EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha1(), nil) == 1, count == 20 else { return nil }
        return base64(digest)
    }

    /// A Sec-WebSocket-Key made of 16 random bytes, for a client.
    package static func key(from random: [UInt8]) -> String {
        base64(random)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        // EVP_EncodeBlock writes a terminating zero too.
        var encoded = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = Int(EVP_EncodeBlock(&encoded, bytes, Int32(bytes.count)))
        return String(decoding: encoded[..<count], as: UTF8.self)
    }

    private static func bad(_ message: String) -> Outcome {
        .reject(Rejection(status: 400, message: message))
    }

    /// Whether a comma-separated list holds a token, in any case of letters.
    private static func contains(_ values: [String], _ token: String) -> Bool {
        values.contains { value in
            value.split(separator: ",").contains { element in
                var element = element
                while element.first == " " || element.first == "\t" { element.removeFirst() }
                while element.last == " " || element.last == "\t" { element.removeLast() }
                return String(element).asciiLowercased.isExactly(token)
            }
        }
    }

    /// 16 bytes in base64: 22 characters, of which the last holds but two bits, and two of padding.
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
        return bytes[..<22].allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
