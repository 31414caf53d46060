package import HTTPTypes

/// How the end of a response is told (RFC 9112 section 6).
package enum HTTPResponseFraming: Sendable, Equatable {
    /// 1xx, 204 and 304: no body and nothing said of one.
    case none
    case length(Int)
    case chunked
    /// For HTTP/1.0, which has no chunks: the connection's end is the body's.
    case untilClose
}

/// Why a response head can't be written.
package enum HTTPResponseError: Error, Sendable {
    /// A field value with CR, LF, NUL or another control character: response splitting (CWE-113).
    case invalidFieldValue
    case invalidStatus
}

/// Writes response heads and chunks (RFC 9112 sections 4, 6 and 7.1) into a caller's buffer. No I/O and no clock.
package enum HTTPResponseEncoder {
    /// Whether a response with this status may have a body (RFC 9110 section 6.4.1).
    package static func allowsBody(_ status: HTTPResponse.Status) -> Bool {
        status.code >= 200 && status.code != 204 && status.code != 304
    }

    /// Appends status line, fields and the blank line. `Content-Length`, `Transfer-Encoding` and, but for 101,
    /// `Connection` are the connection's to decide: such fields in `response` are left out.
    ///
    /// - Parameters:
    ///   - keepAlive: for an HTTP/1.0 client that asked for it, which must be told.
    ///   - date: the value of `Date`; nil for none.
    /// - Throws: and appends nothing, when a field could break the message.
    package static func appendHead(
        _ response: HTTPResponse, framing: HTTPResponseFraming, close: Bool, keepAlive: Bool = false, date: [UInt8]?,
        to buffer: inout [UInt8]
    ) throws(HTTPResponseError) {
        let start = buffer.count
        let status = response.status
        guard (100...599).contains(status.code) else { throw .invalidStatus }
        buffer.append(contentsOf: "HTTP/1.1 ".utf8)
        appendDecimal(status.code, to: &buffer)
        buffer.append(HTTPByte.space)
        buffer.append(contentsOf: reason(status).utf8)
        appendLineEnd(to: &buffer)
        if let date {
            buffer.append(contentsOf: "Date: ".utf8)
            buffer.append(contentsOf: date)
            appendLineEnd(to: &buffer)
        }
        for field in response.headerFields where !isOwned(field.name, status) {
            buffer.append(contentsOf: field.name.rawName.utf8)
            buffer.append(contentsOf: ": ".utf8)
            let valid = field.withUnsafeBytesOfValue { value in
                for byte in value where !HTTPByte.isFieldValue(byte) { return false }
                buffer.append(contentsOf: value)
                return true
            }
            guard valid else {
                buffer.removeSubrange(start...)
                throw .invalidFieldValue
            }
            appendLineEnd(to: &buffer)
        }
        switch framing {
        case .none, .untilClose: break
        case .length(let length):
            buffer.append(contentsOf: "Content-Length: ".utf8)
            appendDecimal(length, to: &buffer)
            appendLineEnd(to: &buffer)
        case .chunked: buffer.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        }
        if close {
            buffer.append(contentsOf: "Connection: close\r\n".utf8)
        } else if keepAlive {
            buffer.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        appendLineEnd(to: &buffer)
    }

    /// Appends one chunk; nothing for no bytes, since an empty chunk would end the body.
    package static func appendChunk(_ bytes: UnsafeRawBufferPointer, to buffer: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        var shift = (Int.bitWidth - 1 - bytes.count.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: bytes.count >> shift) & 15
            buffer.append(digit < 10 ? digit + 0x30 : digit + 0x57)
            shift -= 4
        }
        appendLineEnd(to: &buffer)
        buffer.append(contentsOf: bytes)
        appendLineEnd(to: &buffer)
    }

    /// Ends a chunked body.
    package static func appendLastChunk(to buffer: inout [UInt8]) {
        buffer.append(contentsOf: "0\r\n\r\n".utf8)
    }

    /// The interim response that asks for the body (RFC 9110 section 15.2.1).
    package static let continueResponse: [UInt8] = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private static func isOwned(_ name: HTTPField.Name, _ status: HTTPResponse.Status) -> Bool {
        switch name.canonicalName.utf8.count {
        case 4: name == .date
        case 10: name == .connection && status.code != 101
        case 14: name == .contentLength
        case 17: name == .transferEncoding
        default: false
        }
    }

    /// The status's own phrase, or the known one of a status that was written as a number. May be empty.
    private static func reason(_ status: HTTPResponse.Status) -> String {
        if !status.reasonPhrase.isEmpty, status.reasonPhrase.utf8.allSatisfy(HTTPByte.isFieldValue) {
            return status.reasonPhrase
        }
        return switch status.code {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: ""
        }
    }

    private static func appendLineEnd(to buffer: inout [UInt8]) {
        buffer.append(HTTPByte.carriageReturn)
        buffer.append(HTTPByte.lineFeed)
    }

    private static func appendDecimal(_ value: Int, to buffer: inout [UInt8]) {
        if value >= 10 { appendDecimal(value / 10, to: &buffer) }
        buffer.append(UInt8(truncatingIfNeeded: value % 10) &+ 0x30)
    }
}
