/// Which proxy speaks for which server, as the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.
///
/// Proxies are reached by plain HTTP: an `http` server through the absolute form of its address, an `https` server through
/// a tunnel (CONNECT), in which TLS runs end to end. `user:password@` in a proxy's address is sent to it as a Basic
/// credential.
package struct HTTPProxySettings: Sendable, Equatable {
    package var http: HTTPURL?
    package var https: HTTPURL?
    private var exceptions: [Exception] = []

    private struct Exception: Sendable, Equatable {
        /// Lower case, without leading dot; empty: everything.
        var suffix: String
        var port: UInt16?
    }

    package init() {}

    /// - Parameters:
    ///   - http: the proxy for `http` servers; a missing scheme means `http`.
    ///   - https: the proxy for `https` servers.
    ///   - none: hosts that are asked directly, separated by commas: a name stands for itself and all below it, `*` for
    ///     everything; a port limits an entry to it.
    /// - Throws: `HTTPURLError` for an address that can't be a proxy's.
    package init(http: String?, https: String?, none: String?) throws(HTTPURLError) {
        self.http = try Self.proxy(http)
        self.https = try Self.proxy(https)
        for part in (none ?? "").split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            exceptions.append(Self.exception(part.lowercased()))
        }
    }

    /// The proxy for an address; nil: it is asked directly.
    package func proxy(for url: HTTPURL) -> HTTPURL? {
        guard let proxy = url.scheme == .http ? http : https else { return nil }
        for exception in exceptions {
            if let port = exception.port, port != url.port { continue }
            if exception.suffix.isEmpty || url.host == exception.suffix || url.host.hasSuffix("." + exception.suffix) {
                return nil
            }
        }
        return proxy
    }

    private static func proxy(_ text: String?) throws(HTTPURLError) -> HTTPURL? {
        guard let text, !text.isEmpty else { return nil }
        let url = try HTTPURL(text.contains("://") ? text : "http://" + text)
        guard url.scheme == .http else { throw .unknownScheme }
        return url
    }

    private static func exception(_ text: String) -> Exception {
        var name = Substring(text)
        var port: UInt16?
        if name.first == "[", let end = name.firstIndex(of: "]") {
            port = UInt16(name[name.index(after: end)...].dropFirst())
            name = name[name.index(after: name.startIndex)..<end]
        } else if let colon = name.lastIndex(of: ":"), name.firstIndex(of: ":") == colon,
            let number = UInt16(name[name.index(after: colon)...])
        {
            port = number
            name = name[..<colon]
        }
        if name.hasPrefix("*") { name = name.dropFirst() }
        if name.hasPrefix(".") { name = name.dropFirst() }
        return Exception(suffix: String(name), port: port)
    }
}
