import Glibc

/// What a response may cost. All values are bytes unless the name says otherwise; all are checked before the bytes they
/// cover are awaited or stored.
package struct HTTPResponseLimits: Sendable, Equatable {
    /// Status line and header field lines together.
    package var headerBytes = 64 << 10
    package var headerCount = 128
    /// The decoded body.
    package var bodyBytes = 16 << 20
    /// All chunk extensions of one body together. Servers that put one on every chunk of a stream are known.
    package var chunkExtensionBytes = 1 << 20
    package var trailerBytes = 8 << 10
    /// Interim responses (1xx) before the final one.
    package var interimResponses = 8

    package init() {}

    var chunked: HTTPLimits {
        var limits = HTTPLimits()
        limits.bodyBytes = bodyBytes
        limits.headerCount = headerCount
        limits.chunkExtensionBytes = chunkExtensionBytes
        limits.trailerBytes = trailerBytes
        return limits
    }
}

/// Why a response was not understood. Says nothing of its content.
package enum HTTPResponseRefusal: String, Error, Sendable, CaseIterable {
    case malformedStatusLine
    case unsupportedVersion
    case malformedHeader
    case headerTooLarge
    case tooManyHeaders
    case tooManyInterimResponses
    case unexpectedUpgrade
    case invalidContentLength
    case conflictingLengths
    case unsupportedTransferCoding
    case malformedChunk
    case bodyTooLarge
    /// The connection ended before the response did.
    case truncated
}

/// The status line and header fields of a response.
package struct HTTPClientHead: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    /// Whether the connection may be used again once the response is complete.
    let keepsAlive: Bool

    /// Media type without its parameters, lower case; nil when there is none.
    package var mediaType: String? {
        guard let value = headers["content-type"] else { return nil }
        let type = value.prefix { $0 != ";" }.lowercased()
        return type.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }
}

/// An incremental parser of one HTTP/1.1 or HTTP/1.0 response (RFC 9112), without I/O.
///
///     status line ─▶ fields ─▶ blank line ─▶ 1xx: status line again
///                                         ─▶ body (length, chunked or until close) ─▶ end (final)
///
/// Decisions depend only on the bytes consumed so far, so any split of the stream gives the same events; a body comes
/// in slices of the input, without a copy.
package struct HTTPResponseParser {
    package enum Event {
        case head(HTTPClientHead)
        /// A part of the decoded body: a slice of the input.
        case body(UnsafeRawBufferPointer)
        /// The response is complete; what is left of the input does not belong to it.
        case end
        case refused(HTTPResponseRefusal)
    }

    private enum Phase {
        case head
        case fixedBody(remaining: Int)
        case chunkedBody
        case untilClose(received: Int)
        case finished
    }

    package let limits: HTTPResponseLimits
    /// The answer to HEAD has no body whatever its fields say; that to CONNECT with 2xx has neither.
    private let bodyRule: BodyRule
    private let chunkLimits: HTTPLimits
    private var phase: Phase = .head
    private var buffer: [UInt8] = []
    private var lineStart = 0
    private var draft = HTTPResponseHeadDraft()
    private var chunks = HTTPChunkedDecoder()
    private var interimResponses = 0

    package enum BodyRule: Sendable {
        case ordinary, head, connect
    }

    package init(_ bodyRule: BodyRule = .ordinary, limits: HTTPResponseLimits = HTTPResponseLimits()) {
        self.limits = limits
        self.bodyRule = bodyRule
        chunkLimits = limits.chunked
    }

    /// Whether not a single byte of a final response has come.
    package var isUntouched: Bool {
        guard case .head = phase else { return false }
        return buffer.isEmpty && interimResponses == 0
    }

    package var isFinished: Bool {
        guard case .finished = phase else { return false }
        return true
    }

    /// Consumes from `input` up to the next event; nil when all of it is consumed and more is needed.
    package mutating func next(_ input: inout UnsafeRawBufferPointer) -> Event? {
        switch phase {
        case .head: return nextInHead(&input)
        case .fixedBody(let remaining):
            if remaining == 0 { return finish(.end) }
            guard !input.isEmpty else { return nil }
            let size = min(remaining, input.count)
            phase = .fixedBody(remaining: remaining - size)
            return .body(input.consume(size))
        case .chunkedBody:
            switch chunks.next(&input, limits: chunkLimits) {
            case .incomplete: return nil
            case .body(let bytes): return .body(bytes)
            case .end: return finish(.end)
            case .refused(.bodyTooLarge): return finish(.refused(.bodyTooLarge))
            case .refused: return finish(.refused(.malformedChunk))
            }
        case .untilClose(let received):
            guard !input.isEmpty else { return nil }
            guard input.count <= limits.bodyBytes - received else { return finish(.refused(.bodyTooLarge)) }
            phase = .untilClose(received: received + input.count)
            return .body(input.consume(input.count))
        case .finished:
            return nil
        }
    }

    /// The connection has ended: the end of a body that lasts until then, and a truncation everywhere else. nil when the
    /// response was complete before.
    package mutating func connectionEnded() -> Event? {
        switch phase {
        case .finished: nil
        case .untilClose, .fixedBody(remaining: 0): finish(.end)
        default: finish(.refused(.truncated))
        }
    }

    private mutating func finish(_ event: Event) -> Event {
        phase = .finished
        buffer = []
        return event
    }

    // MARK: Head

    private mutating func nextInHead(_ input: inout UnsafeRawBufferPointer) -> Event? {
        while true {
            let room = limits.headerBytes + 2 - buffer.count
            let window = input.part(0..<min(room, input.count))
            guard let base = window.baseAddress,
                let found = memchr(base, Int32(HTTPByte.lineFeed), window.count)
            else {
                buffer.append(contentsOf: input.consume(window.count))
                return window.count == room ? finish(.refused(.headerTooLarge)) : nil
            }
            buffer.append(contentsOf: input.consume(UnsafeRawPointer(found) - base + 1))
            if let event = endOfLine() { return event }
        }
    }

    private mutating func endOfLine() -> Event? {
        let end = buffer.count - 2
        guard end >= lineStart, buffer[end] == HTTPByte.carriageReturn else {
            return finish(.refused(lineStart == 0 ? .malformedStatusLine : .malformedHeader))
        }
        let line = lineStart..<end
        if line.isEmpty, lineStart > 0 { return endOfHead() }
        guard draft.fields.count < limits.headerCount else { return finish(.refused(.tooManyHeaders)) }
        let refusal = buffer.withUnsafeBytes { bytes in
            lineStart == 0 ? draft.parseStatusLine(bytes, line) : draft.parseField(bytes, line)
        }
        if let refusal { return finish(.refused(refusal)) }
        lineStart = buffer.count
        return nil
    }

    private mutating func endOfHead() -> Event? {
        if draft.status < 200 {
            // 101 would change the protocol, which nobody asked for.
            guard draft.status != 101 else { return finish(.refused(.unexpectedUpgrade)) }
            interimResponses += 1
            guard interimResponses <= limits.interimResponses else {
                return finish(.refused(.tooManyInterimResponses))
            }
            startAgain()
            return nil
        }
        let framing: HTTPResponseHeadDraft.Framing
        switch draft.framing(bodyRule) {
        case .success(let resolved): framing = resolved
        case .failure(let refusal): return finish(.refused(refusal))
        }
        switch framing {
        case .none: phase = .fixedBody(remaining: 0)
        case .length(let length):
            guard length <= limits.bodyBytes else { return finish(.refused(.bodyTooLarge)) }
            phase = .fixedBody(remaining: length)
        case .chunked: phase = .chunkedBody
        case .untilClose: phase = .untilClose(received: 0)
        }
        var bytes: [UInt8] = []
        swap(&bytes, &buffer)
        let head = draft.head(bytes: bytes, framing: framing)
        draft = HTTPResponseHeadDraft()
        return .head(head)
    }

    private mutating func startAgain() {
        buffer.removeAll(keepingCapacity: true)
        lineStart = 0
        draft = HTTPResponseHeadDraft()
    }
}
