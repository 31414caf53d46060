package import HTTPTypes

/// One complete request as a handler gets it: checked, decoded, and a value that can be carried anywhere.
package struct HTTPServerRequest: Sendable {
    package let head: HTTPRequestHead
    /// The path's segments, percent-decoded. `/` has none; `/a/` has `a` and an empty one. A segment may contain a
    /// slash (from `%2F`), never a NUL. For `OPTIONS *` it is the one segment `*`.
    package let segments: [String]
    /// The query's items in order, percent-decoded, with `+` as a space.
    package let query: [HTTPQueryItem]
    package let body: [UInt8]
    /// Without port; empty when unknown.
    package let peerAddress: String

    package var method: HTTPRequest.Method { head.method }
    package var version: HTTPVersion { head.version }
    package var headers: HTTPHeaders { head.headers }
    /// As it came, still encoded.
    package var target: String { head.target }
    /// Still percent-encoded, without the query. Fit for a log line: it has no control characters.
    package var rawPath: String { head.rawPath }

    /// - Throws: `invalidTarget` when a percent sign is not followed by two hexadecimal digits, or what is decoded is
    ///   not UTF-8 or contains NUL.
    package init(head: HTTPRequestHead, body: [UInt8], peerAddress: String) throws(HTTPRefusal) {
        let decoded = head.headers.bytes.withUnsafeBytes { bytes -> ([String], [HTTPQueryItem])? in
            guard let segments = HTTPTarget.segments(bytes.part(head.targetParts.path)) else { return nil }
            guard let range = head.targetParts.query else { return (segments, []) }
            guard let query = HTTPTarget.query(bytes.part(range)) else { return nil }
            return (segments, query)
        }
        guard let decoded else { throw .invalidTarget }
        self.head = head
        segments = decoded.0
        query = decoded.1
        self.body = body
        self.peerAddress = peerAddress
    }

    /// The value of the first query item with this name; empty for an item without `=`.
    package func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
}

package struct HTTPQueryItem: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
