/// What is known of a response while its head is still arriving: the rules of the status line and of each field.
struct HTTPResponseHeadDraft {
    enum Framing: Equatable {
        case none
        case length(Int)
        case chunked
        case untilClose
    }

    private(set) var status = 0
    private(set) var fields: [HTTPHeaders.Field] = []
    private var isHTTP10 = false
    private var contentLength: Int?
    private var isChunked = false
    private var connectionClose = false
    private var connectionKeepAlive = false

    /// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 section 4); the last space may be missing.
    mutating func parseStatusLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> HTTPResponseRefusal? {
        let bytes = bytes.part(line)
        let prefix: StaticString = "HTTP/1."
        guard bytes.count >= 12 else { return .malformedStatusLine }
        for index in 0..<5 where bytes[index] != prefix.utf8Start[index] { return .malformedStatusLine }
        for index in 5..<7 where bytes[index] != prefix.utf8Start[index] { return .unsupportedVersion }
        guard HTTPByte.isDigit(bytes[7]) else { return .unsupportedVersion }
        isHTTP10 = bytes[7] == UInt8(ascii: "0")
        guard bytes[8] == HTTPByte.space, bytes.count == 12 || bytes[12] == HTTPByte.space else {
            return .malformedStatusLine
        }
        for index in 9..<12 {
            guard HTTPByte.isDigit(bytes[index]) else { return .malformedStatusLine }
            status = status * 10 + Int(bytes[index] &- 0x30)
        }
        guard status >= 100, bytes.part(12..<bytes.count).allSatisfy(HTTPByte.isFieldValue) else {
            return .malformedStatusLine
        }
        return nil
    }

    /// `field-name ":" OWS field-value OWS` (RFC 9112 section 5). Folded lines are refused.
    mutating func parseField(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> HTTPResponseRefusal? {
        var index = line.lowerBound
        while index < line.upperBound, HTTPByte.isToken(bytes[index]) { index += 1 }
        let name = line.lowerBound..<index
        guard !name.isEmpty, index < line.upperBound, bytes[index] == UInt8(ascii: ":") else {
            return .malformedHeader
        }
        var start = index + 1
        var end = line.upperBound
        while start < end, HTTPByte.isBlank(bytes[start]) { start += 1 }
        while end > start, HTTPByte.isBlank(bytes[end - 1]) { end -= 1 }
        for index in start..<end where !HTTPByte.isFieldValue(bytes[index]) { return .malformedHeader }
        fields.append(
            HTTPHeaders.Field(
                name: UInt32(name.lowerBound)..<UInt32(name.upperBound), value: UInt32(start)..<UInt32(end)))
        return note(bytes.part(name), bytes.part(start..<end))
    }

    /// Keeps what decides framing and persistence.
    private mutating func note(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> HTTPResponseRefusal? {
        switch name.count {
        case 10 where HTTPByte.equal(name, lowercase: "connection"):
            value.forEachListElement { option in
                if HTTPByte.equal(option, lowercase: "close") { connectionClose = true }
                if HTTPByte.equal(option, lowercase: "keep-alive") { connectionKeepAlive = true }
                return true
            }
        case 14 where HTTPByte.equal(name, lowercase: "content-length"):
            guard let length = Self.contentLength(value) else { return .invalidContentLength }
            // The same length twice is tolerated, two lengths are not (RFC 9112 section 6.3).
            if let known = contentLength, known != length { return .conflictingLengths }
            contentLength = length
        case 17 where HTTPByte.equal(name, lowercase: "transfer-encoding"):
            guard HTTPByte.equal(value, lowercase: "chunked"), !isChunked else { return .unsupportedTransferCoding }
            isChunked = true
        default: break
        }
        return nil
    }

    private static func contentLength(_ value: UnsafeRawBufferPointer) -> Int? {
        guard !value.isEmpty, value.count <= 18 else { return nil }
        var length = 0
        for byte in value {
            guard HTTPByte.isDigit(byte) else { return nil }
            length = length * 10 + Int(byte &- 0x30)
        }
        return length
    }

    /// How long the body is (RFC 9112 section 6.3), once all fields are known.
    func framing(_ rule: HTTPResponseParser.BodyRule) -> Result<Framing, HTTPResponseRefusal> {
        // Both together are how a response is split; a server that sends them can't be trusted with the next one.
        if isChunked, contentLength != nil { return .failure(.conflictingLengths) }
        if isChunked, isHTTP10 { return .failure(.unsupportedTransferCoding) }
        if status == 204 || status == 304 || rule == .head || (rule == .connect && status < 300) {
            return .success(.none)
        }
        if isChunked { return .success(.chunked) }
        if let contentLength { return .success(.length(contentLength)) }
        return .success(.untilClose)
    }

    func head(bytes: [UInt8], framing: Framing) -> HTTPClientHead {
        HTTPClientHead(
            status: status, headers: HTTPHeaders(bytes: bytes, fields: fields),
            keepsAlive: framing != .untilClose && !connectionClose && (!isHTTP10 || connectionKeepAlive))
    }
}
