package import HTTPTypes

/// The versions that are spoken. A higher minor version is treated as 1.1 (RFC 9110 section 2.5).
package enum HTTPVersion: Sendable, Equatable {
    case http10
    case http11
}

/// How long the body of a request is (RFC 9112 section 6.3).
package enum HTTPBodyFraming: Sendable, Equatable {
    case none
    /// Exactly this many bytes, more than zero and within the limit.
    case length(Int)
    case chunked
}

/// The request line and header fields of one request, checked.
package struct HTTPRequestHead: Sendable {
    package let method: HTTPRequest.Method
    package let version: HTTPVersion
    package let framing: HTTPBodyFraming
    package let headers: HTTPHeaders
    /// Whether the client lets the connection stand after this request (RFC 9112 section 9.3).
    package let keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    package let expectsContinue: Bool
    let targetParts: HTTPTargetParts

    /// The request target as it came.
    package var target: String { string(targetParts.whole) }

    /// The path, still percent-encoded; `*` for `OPTIONS *`.
    package var rawPath: String { string(targetParts.path) }

    /// Host and port that the client meant: of an absolute target if it sent one, otherwise of `Host`
    /// (RFC 9112 section 3.2.2). Nil only in HTTP/1.0.
    package var authority: String? {
        targetParts.authority.isEmpty ? headers["host"] : string(targetParts.authority)
    }

    private func string(_ range: Range<Int>) -> String {
        headers.bytes.withUnsafeBytes { String(decoding: $0.part(range), as: UTF8.self) }
    }
}

/// Where the parts of the request target lie in the head's bytes.
struct HTTPTargetParts: Sendable {
    var whole: Range<Int>
    var path: Range<Int>
    /// Without the `?`; nil if there is none.
    var query: Range<Int>?
    /// Empty unless the target is in absolute form.
    var authority: Range<Int>
}
