import Glibc

/// An incremental parser of HTTP/1.1 and HTTP/1.0 requests (RFC 9112), without I/O.
///
///     start ──line──▶ fields ──blank line──▶ body ──▶ end ──▶ start …
///       │               │                     │
///       └───────────────┴──────refused────────┴──▶ refused (final)
///
/// It is strict on purpose. Whatever two parsers could read differently (bare LF, folded lines, blanks around the
/// colon's left, two lengths, a length and a coding) is refused, so that nothing can be smuggled past a proxy or
/// through one. Decisions depend only on the bytes consumed so far, so any split of the stream gives the same events.
package struct HTTPRequestParser {
    package enum Event {
        case head(HTTPRequestHead)
        /// A part of the decoded body: a slice of the input, valid as long as the input is.
        case body(UnsafeRawBufferPointer)
        /// The request is complete. Comes once for every head.
        case end
        /// Nothing more will come; further input is ignored.
        case refused(HTTPRefusal)
    }

    private enum Phase {
        case start
        case fields
        case fixedBody(remaining: Int)
        case chunkedBody
        case refused
    }

    package let limits: HTTPLimits
    private var phase: Phase = .start
    /// The lines of the head so far. It becomes the storage of the head's ranges.
    private var buffer: [UInt8] = []
    /// Where the line being collected begins in `buffer`.
    private var lineStart = 0
    /// Where the header field lines begin in `buffer`.
    private var fieldsStart = 0
    private var skippedBlankLine = false
    private var draft = HTTPHeadDraft()
    private var chunks = HTTPChunkedDecoder()

    package init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Whether no byte of a next request has been seen.
    package var isBetweenRequests: Bool {
        guard case .start = phase else { return false }
        return buffer.isEmpty && !skippedBlankLine
    }

    /// Whether a head was given out whose body is not complete.
    package var isInBody: Bool {
        switch phase {
        case .fixedBody, .chunkedBody: true
        case .start, .fields, .refused: false
        }
    }

    /// Consumes from `input` up to the next event and returns it; nil when all of the input is consumed and more is
    /// needed. After `.end` the rest of the input belongs to the next request.
    package mutating func next(_ input: inout UnsafeRawBufferPointer) -> Event? {
        while true {
            switch phase {
            case .start:
                switch takeLine(&input, limit: limits.requestLineBytes + 2) {
                case .incomplete: return nil
                case .tooLong: return refuse(.requestLineTooLong)
                case .line:
                    if let refusal = requestLine() { return refuse(refusal) }
                }
            case .fields:
                // Two more than is left, so that the blank line always fits.
                let left = limits.headerBytes - (lineStart - fieldsStart)
                switch takeLine(&input, limit: left + 2) {
                case .incomplete: return nil
                case .tooLong: return refuse(.headersTooLarge)
                case .line:
                    switch fieldLine(left: left) {
                    case .more: continue
                    case .refused(let refusal): return refuse(refusal)
                    case .head(let head): return .head(head)
                    }
                }
            case .fixedBody(let remaining):
                if remaining == 0 {
                    phase = .start
                    return .end
                }
                guard !input.isEmpty else { return nil }
                let size = min(remaining, input.count)
                phase = .fixedBody(remaining: remaining - size)
                return .body(input.consume(size))
            case .chunkedBody:
                switch chunks.next(&input, limits: limits) {
                case .incomplete: return nil
                case .body(let bytes): return .body(bytes)
                case .refused(let refusal): return refuse(refusal)
                case .end:
                    phase = .start
                    return .end
                }
            case .refused:
                input = input.part(input.count..<input.count)
                return nil
            }
        }
    }

    private mutating func refuse(_ refusal: HTTPRefusal) -> Event {
        phase = .refused
        buffer = []
        return .refused(refusal)
    }

    // MARK: Lines

    private enum Line {
        case line
        case incomplete
        case tooLong
    }

    /// Moves bytes into `buffer` up to and with the next LF, at most `limit` of them a line.
    private mutating func takeLine(_ input: inout UnsafeRawBufferPointer, limit: Int) -> Line {
        let room = limit - (buffer.count - lineStart)
        let window = input.part(0..<min(room, input.count))
        if buffer.isEmpty { buffer.reserveCapacity(min(input.count, 2048)) }
        if let base = window.baseAddress, let found = memchr(base, Int32(HTTPByte.lineFeed), window.count) {
            let size = UnsafeRawPointer(found) - base + 1
            buffer.append(contentsOf: input.consume(size))
            return .line
        }
        buffer.append(contentsOf: input.consume(window.count))
        return window.count == room ? .tooLong : .incomplete
    }

    /// The range of the collected line without its CRLF, or nil when it ends in a bare LF.
    private var line: Range<Int>? {
        let end = buffer.count - 2
        guard end >= lineStart, buffer[end] == HTTPByte.carriageReturn else { return nil }
        return lineStart..<end
    }

    private mutating func requestLine() -> HTTPRefusal? {
        guard let line else { return .bareLineFeed }
        if line.isEmpty {
            // One empty line before a request is tolerated: some clients send it after a body (RFC 9112 section 2.2).
            guard !skippedBlankLine else { return .malformedRequestLine }
            skippedBlankLine = true
            buffer.removeAll(keepingCapacity: true)
            return nil
        }
        draft = HTTPHeadDraft()
        if let refusal = buffer.withUnsafeBytes({ draft.parseRequestLine($0, line) }) { return refusal }
        lineStart = buffer.count
        fieldsStart = buffer.count
        phase = .fields
        return nil
    }

    private enum FieldLine {
        case more
        case head(HTTPRequestHead)
        case refused(HTTPRefusal)
    }

    private mutating func fieldLine(left: Int) -> FieldLine {
        guard let line else { return .refused(.bareLineFeed) }
        if line.isEmpty { return endOfFields() }
        guard line.count + 2 <= left else { return .refused(.headersTooLarge) }
        guard draft.fields.count < limits.headerCount else { return .refused(.tooManyHeaders) }
        if let refusal = buffer.withUnsafeBytes({ draft.parseField($0, line) }) { return .refused(refusal) }
        lineStart = buffer.count
        return .more
    }

    private mutating func endOfFields() -> FieldLine {
        let framing: HTTPBodyFraming
        switch draft.resolveFraming(bodyLimit: limits.bodyBytes) {
        case .success(let resolved): framing = resolved
        case .failure(let refusal): return .refused(refusal)
        }
        switch framing {
        case .none: phase = .fixedBody(remaining: 0)
        case .length(let length): phase = .fixedBody(remaining: length)
        case .chunked:
            phase = .chunkedBody
            chunks = HTTPChunkedDecoder()
        }
        let bytes = buffer
        buffer = []
        lineStart = 0
        skippedBlankLine = false
        return .head(draft.head(bytes: bytes, framing: framing))
    }
}

extension UnsafeRawBufferPointer {
    /// Takes the first `size` bytes off; there must be as many.
    @inline(__always)
    mutating func consume(_ size: Int) -> UnsafeRawBufferPointer {
        let taken = part(0..<size)
        self = part(size..<count)
        return taken
    }
}
