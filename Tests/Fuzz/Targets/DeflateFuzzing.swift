import WebSocket

enum DeflateFuzzing {
    private static let limit = 1 << 14

    /// The first byte chooses bounds and window. The rest is inflated as it is, and compressed and inflated again.
    static func message(_ input: UnsafeRawBufferPointer) {
        guard let choice = input.first else { return }
        let payload = UnsafeRawBufferPointer(rebasing: input[1...])
        let bits = 9 + Int(choice & 7) % 7
        let takesOver = choice & 8 != 0
        let limit = choice & 16 != 0 ? Self.limit : payload.count
        let codec = takesOver ? DeflateCodec(contextTakeover: true) : SharedCodecs.shared.codec

        var first: [UInt8]?
        switch codec.inflate(payload, limit: limit) {
        case .failed:
            break
        case .bytes(let bytes):
            precondition(bytes.count <= limit, "more than the limit")
            first = [UInt8](bytes)
        }
        codec.releaseInflated()
        // Without a window that lives on, the same comes out again.
        if !takesOver, let first {
            guard case .bytes(let again) = codec.inflate(payload, limit: limit), again.elementsEqual(first) else {
                preconditionFailure("inflated differently")
            }
        }

        let (sender, receiver) =
            takesOver
            ? (DeflateCodec(contextTakeover: true), DeflateCodec(contextTakeover: true, inflatingBits: bits))
            : (SharedCodecs.shared.codec, SharedCodecs.shared.other)
        for _ in 0..<(takesOver ? 3 : 1) {
            guard let room = sender.compress(payload, headroom: 14, windowBits: bits, always: true) else { return }
            let compressed = UnsafeRawBufferPointer(rebasing: room[14...])
            precondition(compressed.count <= DeflateCodec.compressedLimit(for: payload.count), "larger than its bound")
            guard case .bytes(let back) = receiver.inflate(compressed, limit: payload.count) else {
                preconditionFailure("what was compressed can't be inflated")
            }
            precondition(back.elementsEqual(payload), "what came back is something else")
            sender.releaseCompressed()
            receiver.releaseInflated()
        }
    }
}

/// The codecs of those that keep no window, as one loop has them. `@unchecked Sendable`: one thread uses them,
/// libFuzzer's, or that of the test which runs its inputs one after the other.
final class SharedCodecs: @unchecked Sendable {
    static let shared = SharedCodecs()

    let codec = DeflateCodec()
    let other = DeflateCodec()
}
