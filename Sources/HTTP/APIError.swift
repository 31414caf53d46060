package import HTTPTypes

/// The error codes that clients see, over HTTP and over the socket alike.
package enum APIErrorCode: String, Sendable, CaseIterable {
    case unauthenticated
    case forbidden
    case notFound = "not_found"
    /// Missing and not yours look the same.
    case threadNotFound = "thread_not_found"
    case invalidJSON = "invalid_json"
    case invalidOp = "invalid_op"
    case invalidField = "invalid_field"
    case emptyContent = "empty_content"
    case contentTooLong = "content_too_long"
    case conversationFull = "conversation_full"
    case busy
    case queueFull = "queue_full"
    case rateLimited = "rate_limited"
    /// The database is away: nothing was stored.
    case unavailable
    case `internal`

    /// The status that goes with it unless the place knows better.
    package var status: HTTPResponse.Status {
        switch self {
        case .unauthenticated: .unauthorized
        case .forbidden: .forbidden
        case .notFound, .threadNotFound: .notFound
        case .invalidJSON, .invalidOp, .invalidField, .emptyContent: .badRequest
        case .contentTooLong: .contentTooLarge
        case .conversationFull: .unprocessableContent
        case .busy, .queueFull: .conflict
        case .rateLimited: .tooManyRequests
        case .unavailable: .serviceUnavailable
        case .internal: .internalServerError
        }
    }
}

/// The body of an error answer: `{"error":{"code":"…","message":"…"}}`.
package enum APIErrorBody {
    package static func json(_ code: APIErrorCode, _ message: String) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(message.utf8.count + 64)
        body.append(contentsOf: #"{"error":{"code":""#.utf8)
        body.append(contentsOf: code.rawValue.utf8)
        body.append(contentsOf: #"","message":"#.utf8)
        appendString(message, to: &body)
        body.append(contentsOf: "}}".utf8)
        return body
    }

    /// Appends a JSON string (RFC 8259 section 7). `<` is escaped too, so that a body shown as HTML by mistake stays
    /// text.
    package static func appendString(_ text: String, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): buffer.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): buffer.append(contentsOf: "\\\\".utf8)
            case 0x0A: buffer.append(contentsOf: "\\n".utf8)
            case 0x0D: buffer.append(contentsOf: "\\r".utf8)
            case 0x09: buffer.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F, UInt8(ascii: "<"):
                buffer.append(contentsOf: "\\u00".utf8)
                buffer.append(hexDigit(byte >> 4))
                buffer.append(hexDigit(byte & 15))
            default: buffer.append(byte)
            }
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? value + 0x30 : value + 0x57
    }
}

extension HTTPRefusal {
    /// The nearest of the codes that clients know.
    package var code: APIErrorCode {
        switch self {
        case .bodyTooLarge: .contentTooLong
        case .unsupportedMethod: .invalidOp
        default: .invalidField
        }
    }
}
