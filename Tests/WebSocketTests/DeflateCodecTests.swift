import Testing
import WebSocket

@Suite("permessage-deflate, RFC 7692 section 7.2")
struct DeflateCodecTests {
    private func compress(
        _ codec: DeflateCodec, _ bytes: [UInt8], bits: Int = 15, always: Bool = true
    ) -> [UInt8]? {
        bytes.withUnsafeBytes { codec.compress($0, headroom: 3, windowBits: bits, always: always) }.map {
            [UInt8](UnsafeRawBufferPointer($0).dropFirst(3))
        }
    }

    private func inflate(
        _ codec: DeflateCodec, _ bytes: [UInt8], limit: Int = 1 << 24
    ) -> Result<[UInt8], Failure> {
        bytes.withUnsafeBytes { payload in
            switch codec.inflate(payload, limit: limit) {
            case .bytes(let bytes): .success([UInt8](bytes))
            case .failed(let failure): .failure(failure)
            }
        }
    }

    private static let samples: [[UInt8]] = [
        [0x61], Array("Hello".utf8), [UInt8](repeating: 0, count: 1000), noise(1000), noise(65536, seed: 3),
        [UInt8](repeating: 0x7A, count: 1_000_000), noise(300_000, seed: 9),
        Array(String(repeating: #"{"op":"ack","id":"c1","threadId":"t"}"#, count: 5000).utf8),
    ]

    @Test("round trips through one codec, with every window", arguments: 9...15)
    func roundTrips(bits: Int) throws {
        let codec = DeflateCodec()
        for sample in Self.samples + Self.samples.reversed() {
            let compressed = try #require(compress(codec, sample, bits: bits))
            #expect(compressed.count <= DeflateCodec.compressedLimit(for: sample.count))
            #expect(try inflate(codec, compressed, limit: sample.count).get() == sample)
        }
    }

    @Test("what does not get smaller is not compressed")
    func incompressible() {
        let codec = DeflateCodec()
        #expect(compress(codec, noise(1000), always: false) == nil)
        #expect(compress(codec, [], always: false) == nil)
        #expect(compress(codec, [], always: true) == [0x00])
        #expect(compress(codec, [UInt8](repeating: 1, count: 1000), always: false) != nil)
        #expect(compress(codec, [1], bits: 8) == nil)
    }

    @Test(
        "the examples of section 7.2.3",
        arguments: [
            [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        ] as [[UInt8]])
    func examples(_ bytes: [UInt8]) throws {
        let codec = DeflateCodec()
        for _ in 0..<2 { #expect(try inflate(codec, bytes).get() == Array("Hello".utf8)) }
    }

    @Test("an empty message")
    func empty() throws {
        #expect(try inflate(DeflateCodec(), [0x00]).get() == [])
    }

    @Test(
        "broken data",
        arguments: [
            [0xFF], [0x07], [0xF2, 0x48, 0xCD, 0xC9], [0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48],
            [0x00, 0x06, 0x00, 0xF9, 0xFF, 0x48],
            [0x02, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0xFF, 0xFF, 0x12],
        ] as [[UInt8]])
    func broken(_ bytes: [UInt8]) {
        let codec = DeflateCodec()
        #expect(inflate(codec, bytes) == .failure(.invalidDeflate))
        #expect(inflate(codec, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]) == .success(Array("Hello".utf8)))
    }

    @Test("a bomb stops at the limit, exactly")
    func bomb() throws {
        let codec = DeflateCodec()
        let size = 8 << 20
        let compressed = try #require(compress(codec, [UInt8](repeating: 0, count: size)))
        #expect(compressed.count < size / 200)
        #expect(inflate(codec, compressed, limit: 256 * 1024) == .failure(.messageTooBig))
        #expect(inflate(codec, compressed, limit: size - 1) == .failure(.messageTooBig))
        #expect(try inflate(codec, compressed, limit: size).get().count == size)
        for limit in [0, 1, 5, 1023, 1024, 1025] {
            let exact = try #require(compress(codec, [UInt8](repeating: 0x41, count: limit + 1)))
            #expect(inflate(codec, exact, limit: limit) == .failure(.messageTooBig))
            #expect(try inflate(codec, exact, limit: limit + 1).get().count == limit + 1)
        }
    }

    @Test("with context takeover a repeated message shrinks to almost nothing")
    func takeover() throws {
        let sender = DeflateCodec(contextTakeover: true)
        let receiver = DeflateCodec(contextTakeover: true)
        let message = noise(600, seed: 4)
        let first = try #require(compress(sender, message))
        let second = try #require(compress(sender, message))
        #expect(second.count < first.count / 10)
        #expect(try inflate(receiver, first).get() == message)
        #expect(try inflate(receiver, second).get() == message)
    }
}
