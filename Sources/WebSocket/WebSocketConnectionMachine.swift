/// One end of an open WebSocket as a machine: bytes in, events out; no socket, no clock.
///
/// ```
///                     header complete                    payload complete
///   ┌─────────┐ ─────────────────────────▶ ┌─────────┐ ──────────────────▶ event, or the next fragment
///   │ header  │                            │ payload │
///   └─────────┘ ◀───────────────────────── └─────────┘
///        │  a rule was broken, or a Close came
///        ▼
///   ┌─────────┐
///   │  ended  │  takes and drops everything
///   └─────────┘
/// ```
///
/// Events are pulled: `next` is called until it says `.needsMore`. So the caller may send, close or drop the
/// connection between two events, and nothing is boxed or captured on the way. A frame that lies whole in the input
/// is unmasked there and handed out from there; only what is unfinished is kept.
package struct WebSocketConnectionMachine: ~Copyable {
    /// The bytes of an event are valid until the next call of `next`.
    package enum Event {
        /// The input is used up.
        case needsMore
        /// A message; valid UTF-8.
        case text(UnsafeRawBufferPointer)
        case binary(UnsafeRawBufferPointer)
        /// To be answered with a pong of the same payload.
        case ping(UnsafeRawBufferPointer)
        case pong(UnsafeRawBufferPointer)
        /// The peer closes: `.noStatus` when it gave no code. Nothing comes after it. To be answered with a Close
        /// unless one was sent.
        case close(CloseCode, reason: UnsafeRawBufferPointer)
        /// The peer broke a rule. Nothing comes after it; to be told to the peer in a Close.
        case failed(Failure)
    }

    private enum Phase {
        case header
        case payload
        case ended
    }

    private let messageLimit: Int
    private let codec: DeflateCodec?
    /// Payload bytes of the current frame still to come.
    private var remaining = 0
    /// Turned so that it applies to the next payload byte.
    private var maskingKey: UInt32 = 0
    /// How many more pings, pongs and empty fragments are taken. The owner fills it up as time passes.
    package var controlCredit: Int32
    private let role: Role
    private var phase = Phase.header
    /// Of the current frame.
    private var frameOpcode = Opcode.continuation
    private var frameIsFinal = false
    /// Of the current message; `.continuation` while there is none.
    private var messageOpcode = Opcode.continuation
    /// Whether the message that is open, or was handed out last, came compressed.
    package private(set) var messageIsCompressed = false
    private var utf8 = UTF8Validator()
    private var dropsMessages = false
    /// The beginning of a header that has not come whole.
    private var partialHeaderCount: UInt8 = 0
    private var partialHeader = InlineArray<14, UInt8>(repeating: 0)
    private var message = ByteStore()
    private var control = ByteStore()
    /// What was handed out and is to be released.
    private var handedOut: HandedOut = .nothing

    private enum HandedOut {
        case nothing
        case message
        case control
        /// The codec's buffer.
        case inflated
    }

    /// - Parameters:
    ///   - messageLimit: bytes a message may have, after inflating; more fails with `.messageTooBig`.
    ///   - codec: given when permessage-deflate was negotiated.
    ///   - controlCredit: see there.
    package init(role: Role, messageLimit: Int, codec: DeflateCodec? = nil, controlCredit: Int32 = .max) {
        self.role = role
        self.messageLimit = messageLimit
        self.codec = codec
        self.controlCredit = controlCredit
    }

    /// After a Close was sent the peer may still be in the middle of something: messages are then checked for their
    /// form but neither kept nor handed out.
    package mutating func dropMessages() {
        dropsMessages = true
        if handedOut != .message { message.release() }
    }

    /// Heap bytes kept for what is unfinished.
    package var keptCount: Int { message.count + control.count }

    /// The next event in `input`, which loses the bytes that were used; they may be changed.
    package mutating func next(_ input: inout UnsafeMutableRawBufferPointer) -> Event {
        switch handedOut {
        case .nothing: break
        case .message: message.release()
        case .control: control.release()
        case .inflated: codec?.releaseInflated()
        }
        handedOut = .nothing
        // A frame without payload has been taken with its header.
        guard !input.isEmpty else { return .needsMore }

        while true {
            switch phase {
            case .ended:
                input = UnsafeMutableRawBufferPointer(start: nil, count: 0)
                return .needsMore
            case .header:
                guard let parsed = takeHeader(&input) else { return .needsMore }
                if let failure = begin(parsed) { return fail(failure) }
                phase = .payload
            case .payload:
                let isWhole = input.count >= remaining
                guard isWhole || !input.isEmpty else { return .needsMore }
                let part = UnsafeMutableRawBufferPointer(rebasing: input[..<(isWhole ? remaining : input.count)])
                input = UnsafeMutableRawBufferPointer(rebasing: input[part.count...])
                remaining -= part.count
                if isWhole { phase = .header }
                if let event = frameOpcode.isControl ? takeControl(part, isWhole) : takeData(part, isWhole) {
                    return event
                }
            }
        }
    }

    // MARK: Headers

    /// Nil when the input ends inside the header.
    private mutating func takeHeader(_ input: inout UnsafeMutableRawBufferPointer) -> FrameHeader.Parsed? {
        guard !input.isEmpty else { return nil }
        let limit = codec == nil ? messageLimit : DeflateCodec.compressedLimit(for: messageLimit)
        let rules = FrameHeader.Rules(
            masked: role == .server, allowsCompression: codec != nil, insideMessage: messageOpcode != .continuation,
            payloadLimit: limit - message.count)
        if partialHeaderCount == 0 {
            let parsed = FrameHeader.parse(UnsafeRawBufferPointer(input), rules)
            switch parsed {
            case .header(_, let count):
                input = UnsafeMutableRawBufferPointer(rebasing: input[count...])
                return parsed
            case .failed:
                return parsed
            case .incomplete:
                break
            }
        }
        // Fill up what was kept, as far as there is input and a header can go.
        let before = Int(partialHeaderCount)
        var filled = before
        while filled < FrameHeader.maxCount, filled - before < input.count {
            partialHeader[filled] = input[filled - before]
            filled += 1
        }
        let parsed = withUnsafeBytes(of: &partialHeader) { bytes in
            FrameHeader.parse(UnsafeRawBufferPointer(rebasing: bytes[..<filled]), rules)
        }
        switch parsed {
        case .incomplete:
            partialHeaderCount = UInt8(filled)
            input = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            return nil
        case .header(_, let count):
            partialHeaderCount = 0
            input = UnsafeMutableRawBufferPointer(rebasing: input[(count - before)...])
        case .failed:
            partialHeaderCount = 0
        }
        return parsed
    }

    private mutating func begin(_ parsed: FrameHeader.Parsed) -> Failure? {
        let header: FrameHeader
        switch parsed {
        case .incomplete: return nil
        case .failed(let failure): return failure
        case .header(let parsedHeader, _): header = parsedHeader
        }
        // A Close is the last frame; all else that carries no message costs credit.
        let isEmptyFragment = !header.opcode.isControl && header.payloadCount == 0 && !header.isFinal
        if header.opcode == .ping || header.opcode == .pong || isEmptyFragment {
            controlCredit -= 1
            if controlCredit < 0 { return .flood }
        }
        frameOpcode = header.opcode
        frameIsFinal = header.isFinal
        remaining = header.payloadCount
        maskingKey = header.maskingKey ?? 0
        guard !header.opcode.isControl else { return nil }
        if header.opcode != .continuation {
            messageOpcode = header.opcode
            messageIsCompressed = header.isCompressed
            utf8 = UTF8Validator()
        }
        if !messageIsCompressed, header.payloadCount > messageLimit - message.count { return .messageTooBig }
        return nil
    }

    // MARK: Payloads

    private mutating func takeControl(_ part: UnsafeMutableRawBufferPointer, _ isWhole: Bool) -> Event? {
        unmask(part)
        var payload = UnsafeRawBufferPointer(part)
        if !isWhole || !control.isEmpty {
            control.append(part, expected: FrameHeader.maxControlPayload)
            guard isWhole else { return nil }
            payload = UnsafeRawBufferPointer(control.bytes)
            handedOut = .control
        }
        switch frameOpcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default: return takeClose(payload)
        }
    }

    private mutating func takeClose(_ payload: UnsafeRawBufferPointer) -> Event {
        guard payload.count >= 2 else {
            phase = .ended
            return .close(.noStatus, reason: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
        guard code.mayBeSent else { return fail(.closeCode) }
        guard UTF8Validator.isValid(reason) else { return fail(.invalidUTF8) }
        phase = .ended
        return .close(code, reason: reason)
    }

    private mutating func takeData(_ part: UnsafeMutableRawBufferPointer, _ isWhole: Bool) -> Event? {
        let isLast = isWhole && frameIsFinal
        if dropsMessages {
            if isLast { messageOpcode = .continuation }
            return nil
        }
        let isASCII = unmask(part)
        if messageOpcode == .text, !messageIsCompressed {
            if !(isASCII && utf8.isComplete), !utf8.consume(UnsafeRawBufferPointer(part)) { return fail(.invalidUTF8) }
            if isLast, !utf8.isComplete { return fail(.invalidUTF8) }
        }
        var payload = part
        if !isLast || !message.isEmpty {
            message.append(part, expected: message.count + part.count + remaining)
            guard isLast else { return nil }
            payload = message.bytes
            handedOut = .message
        }
        let opcode = messageOpcode
        messageOpcode = .continuation
        if messageIsCompressed, let codec {
            let inflated = codec.inflate(UnsafeRawBufferPointer(payload), limit: messageLimit)
            message.release()
            handedOut = .inflated
            switch inflated {
            case .failed(let failure):
                return fail(failure)
            case .bytes(let inflated):
                payload = inflated
            }
            if opcode == .text, !UTF8Validator.isValid(UnsafeRawBufferPointer(payload)) { return fail(.invalidUTF8) }
        }
        return opcode == .text ? .text(UnsafeRawBufferPointer(payload)) : .binary(UnsafeRawBufferPointer(payload))
    }

    /// Whether the bytes are known to be ASCII; without a mask nobody has looked.
    @discardableResult
    private mutating func unmask(_ part: UnsafeMutableRawBufferPointer) -> Bool {
        guard role == .server else { return false }
        let isASCII = Masking.apply(maskingKey, to: part)
        maskingKey = Masking.rotated(maskingKey, by: part.count)
        return isASCII
    }

    private mutating func fail(_ failure: Failure) -> Event {
        phase = .ended
        message.release()
        control.release()
        codec?.releaseInflated()
        handedOut = .nothing
        return .failed(failure)
    }
}
