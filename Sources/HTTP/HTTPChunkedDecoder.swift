/// Decodes a chunked body (RFC 9112 section 7.1), without I/O and without a buffer of its own.
///
///     chunk-size [ chunk-ext ] CRLF  chunk-data CRLF  …  0 [ chunk-ext ] CRLF  trailer-section CRLF
///
/// Extensions and trailers are read, bounded and dropped: none of them means anything here, and a trailer must never
/// be taken for a header.
struct HTTPChunkedDecoder {
    enum Step {
        case body(UnsafeRawBufferPointer)
        case end
        case refused(HTTPRefusal)
        case incomplete
    }

    private enum State {
        case size(digits: Int, value: Int)
        /// Blanks after the size: only an extension may follow them.
        case blank(size: Int)
        case `extension`(size: Int)
        case sizeLineFeed(size: Int)
        case data(remaining: Int)
        case dataCarriageReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
        case finished
    }

    private var state: State = .size(digits: 0, value: 0)
    private var bodyBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerCount = 0

    /// Consumes from `input` up to the next step.
    mutating func next(_ input: inout UnsafeRawBufferPointer, limits: HTTPLimits) -> Step {
        while true {
            if case .data(let remaining) = state {
                guard !input.isEmpty else { return .incomplete }
                let size = min(remaining, input.count)
                state = size == remaining ? .dataCarriageReturn : .data(remaining: remaining - size)
                return .body(input.consume(size))
            }
            if takeLine(&input, limits) { continue }
            guard let byte = input.first else { return .incomplete }
            _ = input.consume(1)
            if let refusal = step(byte, limits) { return .refused(refusal) }
            if case .finished = state { return .end }
        }
    }

    /// Most digits of a size that is read at once: nothing that overflows.
    private static let shortDigits = 7

    /// The line that ends a chunk's data, or the one with the next chunk's size, in one go, if all of it is there and has
    /// nothing but what must be. `false`: nothing was taken, byte by byte it goes.
    private mutating func takeLine(_ input: inout UnsafeRawBufferPointer, _ limits: HTTPLimits) -> Bool {
        switch state {
        case .dataCarriageReturn:
            guard Self.endsLine(input, at: 0) else { return false }
            _ = input.consume(2)
            state = .size(digits: 0, value: 0)
            return true
        case .size(digits: 0, value: 0):
            var (position, size) = (0, 0)
            while position < min(input.count, Self.shortDigits), let digit = HTTPByte.hexValue(input[position]) {
                size = size * 16 + digit
                position += 1
            }
            guard size > 0, size <= limits.bodyBytes - bodyBytes, Self.endsLine(input, at: position) else {
                return false
            }
            _ = input.consume(position + 2)
            bodyBytes += size
            state = .data(remaining: size)
            return true
        default: return false
        }
    }

    private static func endsLine(_ input: UnsafeRawBufferPointer, at position: Int) -> Bool {
        position + 2 <= input.count && input[position] == HTTPByte.carriageReturn
            && input[position + 1] == HTTPByte.lineFeed
    }

    private mutating func step(_ byte: UInt8, _ limits: HTTPLimits) -> HTTPRefusal? {
        switch state {
        case .size(let digits, let value):
            return sizeStep(byte, digits, value, limits)
        case .blank(let size):
            guard HTTPByte.isBlank(byte) || byte == UInt8(ascii: ";") else { return .malformedChunk }
            if byte == UInt8(ascii: ";") { state = .extension(size: size) }
            return countExtension(limits)
        case .extension(let size):
            if byte == HTTPByte.carriageReturn {
                state = .sizeLineFeed(size: size)
                return nil
            }
            return HTTPByte.isFieldValue(byte) ? countExtension(limits) : .malformedChunk
        case .sizeLineFeed(let size):
            guard byte == HTTPByte.lineFeed else { return .malformedChunk }
            bodyBytes += size
            state = size == 0 ? .trailerStart : .data(remaining: size)
        case .data:
            return .malformedChunk  // Taken in bulk by next(_:limits:); never here.
        case .dataCarriageReturn:
            guard byte == HTTPByte.carriageReturn else { return .malformedChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == HTTPByte.lineFeed else { return .malformedChunk }
            state = .size(digits: 0, value: 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed, .finished:
            return trailerStep(byte, limits)
        }
        return nil
    }

    private mutating func sizeStep(_ byte: UInt8, _ digits: Int, _ value: Int, _ limits: HTTPLimits) -> HTTPRefusal? {
        if let digit = HTTPByte.hexValue(byte) {
            // The size is bounded at every digit, so it can't overflow; the digits are, for the leading zeros.
            guard digits < 16 else { return .malformedChunk }
            let size = value * 16 + digit
            guard size <= limits.bodyBytes - bodyBytes else { return .bodyTooLarge }
            state = .size(digits: digits + 1, value: size)
            return nil
        }
        guard digits > 0 else { return .malformedChunk }
        switch byte {
        case HTTPByte.carriageReturn: state = .sizeLineFeed(size: value)
        case UInt8(ascii: ";"):
            state = .extension(size: value)
            return countExtension(limits)
        case HTTPByte.space, HTTPByte.tab:
            state = .blank(size: value)
            return countExtension(limits)
        default: return .malformedChunk
        }
        return nil
    }

    private mutating func countExtension(_ limits: HTTPLimits) -> HTTPRefusal? {
        extensionBytes += 1
        return extensionBytes > limits.chunkExtensionBytes ? .chunkExtensionsTooLong : nil
    }

    private mutating func trailerStep(_ byte: UInt8, _ limits: HTTPLimits) -> HTTPRefusal? {
        if case .lastLineFeed = state {
            guard byte == HTTPByte.lineFeed else { return .malformedChunk }
            state = .finished
            return nil
        }
        if case .trailerStart = state, byte == HTTPByte.carriageReturn {
            state = .lastLineFeed
            return nil
        }
        trailerBytes += 1
        guard trailerBytes <= limits.trailerBytes else { return .trailersTooLarge }
        switch state {
        case .trailerStart:
            trailerCount += 1
            guard trailerCount <= limits.headerCount else { return .trailersTooLarge }
            guard HTTPByte.isToken(byte) else { return .malformedChunk }
            state = .trailerName
        case .trailerName:
            if byte == UInt8(ascii: ":") {
                state = .trailerValue
            } else if !HTTPByte.isToken(byte) {
                return .malformedChunk
            }
        case .trailerValue:
            if byte == HTTPByte.carriageReturn {
                state = .trailerLineFeed
            } else if !HTTPByte.isFieldValue(byte) {
                return .malformedChunk
            }
        default:
            guard byte == HTTPByte.lineFeed else { return .malformedChunk }
            state = .trailerStart
        }
        return nil
    }
}
