import WebSocket

enum ConnectionFuzzing {
    private static let limit = 4_096

    /// The first byte chooses the role and the compression, the second how the rest is split. Two forms of stream: as it
    /// is, and as frames (`lay`), because random bytes hardly ever make a second good header.
    static func stream(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 2 else { return }
        let choice = input[0]
        let role: Role = choice & 1 == 0 ? .server : .client
        let rest = UnsafeRawBufferPointer(rebasing: input[2...])
        let stream = choice & 2 == 0 ? [UInt8](rest) : lay(rest, masked: role == .server)
        let splitter = Splitter(UInt64(input[1]) << 8 | UInt64(choice))

        let whole = run(stream, role, choice) { $0 }
        var state = splitter
        let split = run(stream, role, choice) { state.next($0) }
        precondition(whole == split, "a split stream is read differently")
    }

    /// Frames with the opcodes, flags and lengths that the bytes say: one for the head, one for the length, then the
    /// payload, as much as there is.
    private static func lay(_ bytes: UnsafeRawBufferPointer, masked: Bool) -> [UInt8] {
        var stream: [UInt8] = []
        var rest = bytes[...]
        while let head = rest.popFirst() {
            let count = min(Int(rest.popFirst() ?? 0), rest.count)
            let header = FrameHeader(
                isFinal: head & 0x80 != 0, isCompressed: head & 0x40 != 0,
                opcode: Opcode(rawValue: head & 0xF) ?? .text,
                maskingKey: masked ? UInt32(head) &* 0x0101_1003 : nil, payloadCount: count)
            var place = [UInt8](repeating: 0, count: FrameHeader.maxCount)
            let size = place.withUnsafeMutableBytes { header.write(to: $0) }
            stream += place[..<size]
            var payload = [UInt8](rest.prefix(count))
            if let key = header.maskingKey { payload.withUnsafeMutableBytes { _ = Masking.apply(key, to: $0) } }
            stream += payload
            rest = rest.dropFirst(count)
        }
        return stream
    }

    private static func run(_ stream: [UInt8], _ role: Role, _ choice: UInt8, _ part: (Int) -> Int) -> Digest {
        let codec: DeflateCodec? =
            choice & 4 == 0
            ? nil : choice & 8 == 0 ? SharedCodecs.shared.codec : DeflateCodec(contextTakeover: true, inflatingBits: 11)
        var machine = WebSocketConnectionMachine(
            role: role, messageLimit: limit, codec: codec, controlCredit: Int32(choice >> 4))
        if choice & 0x84 == 0x84 { machine.dropMessages() }
        var digest = Digest()
        var stream = stream
        var isOver = false
        stream.withUnsafeMutableBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = max(1, min(rest.count, part(rest.count)))
                var input = UnsafeMutableRawBufferPointer(rebasing: rest[..<count])
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
                take(&machine, &input, &digest, &isOver)
                precondition(
                    machine.keptCount <= DeflateCodec.compressedLimit(for: limit) + FrameHeader.maxControlPayload,
                    "more is kept than a message may have")
            }
        }
        return digest
    }

    private static func take(
        _ machine: inout WebSocketConnectionMachine, _ input: inout UnsafeMutableRawBufferPointer,
        _ digest: inout Digest, _ isOver: inout Bool
    ) {
        while true {
            let event = machine.next(&input)
            if case .needsMore = event {
                precondition(input.isEmpty, "input that is not taken")
                return
            }
            precondition(!isOver, "an event after the end")
            switch event {
            case .needsMore: return
            case .text(let payload):
                precondition(payload.count <= limit)
                precondition(isUTF8(payload), "text that is no UTF-8")
                note(1, payload, &digest)
            case .binary(let payload):
                precondition(payload.count <= limit)
                note(2, payload, &digest)
            case .ping(let payload):
                precondition(payload.count <= FrameHeader.maxControlPayload)
                note(9, payload, &digest)
            case .pong(let payload): note(10, payload, &digest)
            case .close(let code, let reason):
                isOver = true
                precondition(isUTF8(reason))
                digest.add(Int(code.rawValue))
                note(8, reason, &digest)
            case .failed(let failure):
                isOver = true
                digest.add(failure.reason)
            }
        }
    }

    /// By the standard library, which is not what the machine itself uses.
    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        String(validating: bytes, as: UTF8.self) != nil
    }

    private static func note(_ kind: UInt8, _ payload: UnsafeRawBufferPointer, _ digest: inout Digest) {
        digest.add(kind)
        digest.add(payload.count)
        digest.add(payload)
    }
}
