import HTTPTypes

/// What is known of a request while its head is still arriving: the rules of the request line and of each field.
struct HTTPHeadDraft {
    private(set) var fields: [HTTPHeaders.Field] = []
    private var method: HTTPRequest.Method = .get
    private var version: HTTPVersion = .http11
    private var target = HTTPTargetParts(whole: 0..<0, path: 0..<0, query: nil, authority: 0..<0)
    private var hasHost = false
    private var contentLength: ContentLength?
    private var isChunked = false
    private var connectionClose = false
    private var connectionKeepAlive = false
    private var expectsContinue = false

    private enum ContentLength {
        case known(Int)
        /// More digits than a size can have.
        case enormous
    }

    // MARK: Request line

    /// `method SP request-target SP HTTP-version` (RFC 9112 section 3), with exactly one space at both places.
    mutating func parseRequestLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> HTTPRefusal? {
        var index = line.lowerBound
        while index < line.upperBound, HTTPByte.isToken(bytes[index]) { index += 1 }
        let methodRange = line.lowerBound..<index
        guard !methodRange.isEmpty, index < line.upperBound, bytes[index] == HTTPByte.space else {
            return .malformedRequestLine
        }
        index += 1
        let targetStart = index
        while index < line.upperBound, HTTPByte.isTarget(bytes[index]) { index += 1 }
        let targetRange = targetStart..<index
        guard index < line.upperBound, bytes[index] == HTTPByte.space else {
            // No second space: HTTP/0.9, or a byte that can't stand in a target.
            return index == line.upperBound || targetRange.isEmpty ? .malformedRequestLine : .invalidTarget
        }
        guard !targetRange.isEmpty else { return .malformedRequestLine }
        if let refusal = parseVersion(bytes.part(index + 1..<line.upperBound)) { return refusal }
        guard let method = Self.method(bytes.part(methodRange)) else { return .malformedRequestLine }
        self.method = method
        // A tunnel is nothing this server offers, and its target has a form of its own.
        if method == .connect { return .unsupportedMethod }
        return parseTarget(bytes, targetRange)
    }

    private mutating func parseVersion(_ bytes: UnsafeRawBufferPointer) -> HTTPRefusal? {
        let prefix: StaticString = "HTTP/"
        guard bytes.count == 8 else { return .malformedRequestLine }
        for index in 0..<5 where bytes[index] != prefix.utf8Start[index] { return .malformedRequestLine }
        guard HTTPByte.isDigit(bytes[5]), bytes[6] == UInt8(ascii: "."), HTTPByte.isDigit(bytes[7]) else {
            return .malformedRequestLine
        }
        guard bytes[5] == UInt8(ascii: "1") else { return .unsupportedVersion }
        version = bytes[7] == UInt8(ascii: "0") ? .http10 : .http11
        return nil
    }

    private static func method(_ bytes: UnsafeRawBufferPointer) -> HTTPRequest.Method? {
        // The known ones need no String of their own. Methods are case-sensitive.
        func isEqual(_ text: StaticString) -> Bool {
            guard bytes.count == text.utf8CodeUnitCount else { return false }
            for index in 0..<bytes.count where bytes[index] != text.utf8Start[index] { return false }
            return true
        }
        if isEqual("GET") { return .get }
        if isEqual("POST") { return .post }
        if isEqual("HEAD") { return .head }
        if isEqual("PATCH") { return .patch }
        if isEqual("DELETE") { return .delete }
        if isEqual("OPTIONS") { return .options }
        if isEqual("PUT") { return .put }
        return HTTPRequest.Method(String(decoding: bytes, as: UTF8.self))
    }

    /// Origin form, absolute form of http and https, and `*` for OPTIONS (RFC 9112 section 3.2).
    private mutating func parseTarget(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> HTTPRefusal? {
        target = HTTPTargetParts(whole: range, path: range, query: nil, authority: 0..<0)
        var start = range.lowerBound
        if bytes[start] == UInt8(ascii: "*") {
            return range.count == 1 && method == .options ? nil : .invalidTarget
        }
        if bytes[start] != UInt8(ascii: "/") {
            let schemes: [StaticString] = ["http://", "https://"]
            guard
                let scheme = schemes.first(where: { scheme in
                    range.count > scheme.utf8CodeUnitCount
                        && HTTPByte.equal(bytes.part(start..<start + scheme.utf8CodeUnitCount), lowercase: scheme)
                })
            else { return .invalidTarget }
            let authorityStart = start + scheme.utf8CodeUnitCount
            start = authorityStart
            while start < range.upperBound, bytes[start] != UInt8(ascii: "/"), bytes[start] != UInt8(ascii: "?") {
                start += 1
            }
            target.authority = authorityStart..<start
            guard Self.isValidAuthority(bytes.part(target.authority)) else { return .invalidTarget }
        }
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
        target.path = start..<end
        if end < range.upperBound { target.query = end + 1..<range.upperBound }
        return nil
    }

    private static func isValidAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(HTTPByte.isHost)
    }

    // MARK: Fields

    /// `field-name ":" OWS field-value OWS` (RFC 9112 section 5).
    mutating func parseField(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> HTTPRefusal? {
        if HTTPByte.isBlank(bytes[line.lowerBound]) { return .obsoleteLineFolding }
        var index = line.lowerBound
        while index < line.upperBound, HTTPByte.isToken(bytes[index]) { index += 1 }
        let name = line.lowerBound..<index
        // Anything but the colon here, a blank before all, is how headers are hidden from other parsers.
        guard !name.isEmpty, index < line.upperBound, bytes[index] == UInt8(ascii: ":") else {
            return .malformedHeader
        }
        var start = index + 1
        var end = line.upperBound
        while start < end, HTTPByte.isBlank(bytes[start]) { start += 1 }
        while end > start, HTTPByte.isBlank(bytes[end - 1]) { end -= 1 }
        for index in start..<end where !HTTPByte.isFieldValue(bytes[index]) { return .malformedHeader }
        if fields.isEmpty { fields.reserveCapacity(16) }
        fields.append(
            HTTPHeaders.Field(
                name: UInt32(name.lowerBound)..<UInt32(name.upperBound), value: UInt32(start)..<UInt32(end)))
        return note(bytes.part(name), bytes.part(start..<end))
    }

    /// Keeps what decides framing and persistence.
    private mutating func note(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> HTTPRefusal? {
        switch name.count {
        case 4 where HTTPByte.equal(name, lowercase: "host"):
            if hasHost { return .duplicateHost }
            hasHost = true
            return Self.isValidAuthority(value) ? nil : .invalidHost
        case 6 where HTTPByte.equal(name, lowercase: "expect"):
            guard HTTPByte.equal(value, lowercase: "100-continue") else { return .unsupportedExpectation }
            expectsContinue = true
        case 10 where HTTPByte.equal(name, lowercase: "connection"):
            value.forEachListElement { option in
                if HTTPByte.equal(option, lowercase: "close") { connectionClose = true }
                if HTTPByte.equal(option, lowercase: "keep-alive") { connectionKeepAlive = true }
                return true
            }
        case 14 where HTTPByte.equal(name, lowercase: "content-length"):
            if contentLength != nil { return .duplicateContentLength }
            guard let length = Self.contentLength(value) else { return .invalidContentLength }
            contentLength = length
        case 17 where HTTPByte.equal(name, lowercase: "transfer-encoding"):
            if isChunked { return .invalidTransferEncoding }
            if let refusal = Self.transferCodings(value) { return refusal }
            isChunked = true
        default: break
        }
        return nil
    }

    /// One or more digits and nothing else: no sign, no list, no blanks inside.
    private static func contentLength(_ value: UnsafeRawBufferPointer) -> ContentLength? {
        guard !value.isEmpty else { return nil }
        var length: Int? = 0
        for byte in value {
            guard HTTPByte.isDigit(byte) else { return nil }
            guard let current = length else { continue }
            let (tens, overflow) = current.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(byte &- 0x30))
            length = overflow || carry ? nil : sum
        }
        return length.map(ContentLength.known) ?? .enormous
    }

    /// Nil when the value is exactly `chunked`. Other codings are unknown here; `chunked` twice or not last is wrong
    /// whatever the others are (RFC 9112 section 6.1).
    private static func transferCodings(_ value: UnsafeRawBufferPointer) -> HTTPRefusal? {
        if HTTPByte.equal(value, lowercase: "chunked") { return nil }
        var chunkedSeen = false
        var last = false
        var valid = true
        var isEmpty = true
        value.forEachListElement { coding in
            isEmpty = false
            last = HTTPByte.equal(coding, lowercase: "chunked")
            if last, chunkedSeen { valid = false }
            chunkedSeen = chunkedSeen || last
            return true
        }
        if isEmpty || !valid || (chunkedSeen && !last) { return .invalidTransferEncoding }
        return .unsupportedTransferCoding
    }

    // MARK: The whole

    /// How long the body is, once all fields are known.
    func resolveFraming(bodyLimit: Int) -> Result<HTTPBodyFraming, HTTPRefusal> {
        if version == .http11, !hasHost { return .failure(.missingHost) }
        if isChunked {
            if contentLength != nil { return .failure(.contentLengthWithTransferEncoding) }
            // HTTP/1.0 knows no codings: an intermediary of that age may have passed it on unread.
            if version == .http10 { return .failure(.invalidTransferEncoding) }
            return .success(.chunked)
        }
        switch contentLength {
        case nil, .known(0): return .success(.none)
        case .enormous: return .failure(.bodyTooLarge)
        case .known(let length):
            return length <= bodyLimit ? .success(.length(length)) : .failure(.bodyTooLarge)
        }
    }

    func head(bytes: [UInt8], framing: HTTPBodyFraming) -> HTTPRequestHead {
        HTTPRequestHead(
            method: method, version: version, framing: framing,
            headers: HTTPHeaders(bytes: bytes, fields: fields),
            keepsAlive: !connectionClose && (version == .http11 || connectionKeepAlive),
            expectsContinue: expectsContinue && version == .http11 && framing != .none,
            targetParts: target)
    }
}
