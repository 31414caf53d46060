package import HTTPTypes

/// A request of the client. It is sent whole, with a Content-Length.
package struct HTTPClientRequest: Sendable {
    package var method: HTTPRequest.Method
    package var url: HTTPURL
    /// Beside those that the client sets itself: Host, Content-Length, Connection, Transfer-Encoding, Proxy-Authorization
    /// and Accept-Encoding, which are ignored here.
    package var headers: [(String, String)]
    package var body: [UInt8]
    /// Whether it may be sent once more on a fresh connection when a pooled one turns out to have been closed before a
    /// byte of an answer came (RFC 9112 section 9.3.1). Such a request was most likely never read.
    package var mayRepeat = true

    package init(
        _ method: HTTPRequest.Method = .get, _ url: HTTPURL, headers: [(String, String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Writes requests (RFC 9112 section 3). No name or value can carry a line break or another header in.
package enum HTTPRequestEncoder {
    /// How the request reaches the server, which decides the form of its target.
    package enum Route: Sendable, Equatable {
        /// To the server itself, or through a tunnel to it: origin form.
        case direct
        /// To a proxy that speaks for an `http` server: absolute form, with the proxy's credential if it has one.
        case proxy(authorization: String?)
    }

    private static let own: Set<String> = [
        "host", "content-length", "connection", "transfer-encoding", "proxy-authorization", "accept-encoding", "te",
        "trailer", "upgrade", "expect", "keep-alive", "proxy-connection",
    ]

    /// The head and body as bytes; nil when a header's name or value can't be sent.
    package static func encode(_ request: HTTPClientRequest, _ route: Route) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 + request.body.count)
        func add(_ text: String) { bytes.append(contentsOf: text.utf8) }
        add(request.method.rawValue)
        switch route {
        case .direct: add(" \(request.url.target)")
        case .proxy: add(" http://\(request.url.authority)\(request.url.target)")
        }
        add(" HTTP/1.1\r\nHost: \(request.url.authority)\r\n")
        if case .proxy(let authorization?) = route { add("Proxy-Authorization: \(authorization)\r\n") }
        var hasAuthorization = false
        for (name, value) in request.headers {
            guard !name.isEmpty, name.utf8.allSatisfy(HTTPByte.isToken), isSendable(value) else { return nil }
            let lowercased = name.lowercased()
            if own.contains(lowercased) { continue }
            if lowercased == "authorization" { hasAuthorization = true }
            add("\(name): \(value)\r\n")
        }
        if !hasAuthorization, let credential = request.url.basicCredential {
            add("Authorization: Basic \(credential)\r\n")
        }
        // What comes is read as it is: a compressed stream could not be passed on token by token.
        add("Accept-Encoding: identity\r\n")
        if !request.body.isEmpty || [.post, .put, .patch].contains(request.method) {
            add("Content-Length: \(request.body.count)\r\n")
        }
        add("\r\n")
        bytes.append(contentsOf: request.body)
        return bytes
    }

    /// The request that asks a proxy for a tunnel (RFC 9110 section 9.3.6).
    package static func connect(to url: HTTPURL, authorization: String?) -> [UInt8] {
        var text = "CONNECT \(url.authorityWithPort) HTTP/1.1\r\nHost: \(url.authorityWithPort)\r\n"
        if let authorization { text += "Proxy-Authorization: \(authorization)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    private static func isSendable(_ value: String) -> Bool {
        let bytes = value.utf8
        guard bytes.allSatisfy(HTTPByte.isFieldValue) else { return false }
        guard let first = bytes.first, let last = bytes.last else { return true }
        return !HTTPByte.isBlank(first) && !HTTPByte.isBlank(last)
    }
}
