package import HTTPTypes

/// Why a request was refused before any handler saw it. The connection is closed after the answer, because
/// what follows a request that was not understood can't be trusted to be one (RFC 9112 section 11.2).
package enum HTTPRefusal: String, Error, Sendable, CaseIterable {
    case requestLineTooLong
    case malformedRequestLine
    case invalidTarget
    case unsupportedMethod
    case unsupportedVersion
    case bareLineFeed
    case tooManyHeaders
    case headersTooLarge
    case malformedHeader
    case obsoleteLineFolding
    case missingHost
    case duplicateHost
    case invalidHost
    case invalidContentLength
    case duplicateContentLength
    case contentLengthWithTransferEncoding
    case invalidTransferEncoding
    case unsupportedTransferCoding
    case unsupportedExpectation
    case bodyTooLarge
    case malformedChunk
    case chunkExtensionsTooLong
    case trailersTooLarge
    case requestTimedOut

    /// The status that answers it.
    package var status: HTTPResponse.Status {
        switch self {
        case .requestLineTooLong: .uriTooLong
        case .unsupportedMethod, .unsupportedTransferCoding: .notImplemented
        case .unsupportedVersion: .httpVersionNotSupported
        case .tooManyHeaders, .headersTooLarge, .trailersTooLarge: .requestHeaderFieldsTooLarge
        case .unsupportedExpectation: .expectationFailed
        case .bodyTooLarge: .contentTooLarge
        case .requestTimedOut: .requestTimeout
        case .malformedRequestLine, .invalidTarget, .bareLineFeed, .malformedHeader, .obsoleteLineFolding,
            .missingHost, .duplicateHost, .invalidHost, .invalidContentLength, .duplicateContentLength,
            .contentLengthWithTransferEncoding, .invalidTransferEncoding, .malformedChunk, .chunkExtensionsTooLong:
            .badRequest
        }
    }

    /// A sentence for the person who wrote the client. Says nothing of the request's content.
    package var message: String {
        switch self {
        case .requestLineTooLong: "The request line is too long."
        case .malformedRequestLine: "The request line is malformed."
        case .invalidTarget: "The request target is not valid."
        case .unsupportedMethod: "The method is not supported."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are supported."
        case .bareLineFeed: "A line must end with CRLF."
        case .tooManyHeaders: "There are too many header fields."
        case .headersTooLarge: "The header fields are too large."
        case .malformedHeader: "A header field is malformed."
        case .obsoleteLineFolding: "Folded header fields are not accepted."
        case .missingHost: "The Host header is missing."
        case .duplicateHost: "There is more than one Host header."
        case .invalidHost: "The Host header is not valid."
        case .invalidContentLength: "The Content-Length header is not valid."
        case .duplicateContentLength: "There is more than one Content-Length header."
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding exclude each other."
        case .invalidTransferEncoding: "The Transfer-Encoding header is not valid."
        case .unsupportedTransferCoding: "Only the chunked transfer coding is supported."
        case .unsupportedExpectation: "The expectation is not supported."
        case .bodyTooLarge: "The request body is too large."
        case .malformedChunk: "The chunked body is malformed."
        case .chunkExtensionsTooLong: "The chunk extensions are too long."
        case .trailersTooLarge: "The trailer fields are too large."
        case .requestTimedOut: "The request did not arrive in time."
        }
    }
}
