/// What is fuzzed. Each target runs its input through a machine of the program and traps where a rule of that machine
/// is broken; memory errors are the address sanitizer's to find. The same functions replay the kept inputs in the tests.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Requests, whole and split.
    case http
    /// Chunked bodies, whole and split.
    case chunked
    /// Frame headers.
    case frame
    /// Inflating what came, and what was compressed.
    case deflate
    /// The WebSocket connection, whole and split, plain and compressed.
    case connection
    /// The headers of a handshake.
    case handshake
    /// The stream of an assistant, whole and split, and the text in it.
    case reader
    /// Arguments of calls that are not quite JSON.
    case arguments
    /// What gateways tell each other.
    case cluster

    package func run(_ input: UnsafeRawBufferPointer) {
        switch self {
        case .http: HTTPFuzzing.requests(input)
        case .chunked: HTTPFuzzing.chunks(input)
        case .frame: FrameFuzzing.header(input)
        case .deflate: DeflateFuzzing.message(input)
        case .connection: ConnectionFuzzing.stream(input)
        case .handshake: HandshakeFuzzing.headers(input)
        case .reader: AssistantFuzzing.reader(input)
        case .arguments: AssistantFuzzing.arguments(input)
        case .cluster: ClusterFuzzing.message(input)
        }
    }
}

/// The same numbers for the same input: where a stream is split.
struct Splitter {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// How many bytes the next part has: often one or two, sometimes all.
    mutating func next(_ left: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        let number = Int(truncatingIfNeeded: state >> 33)
        switch number & 3 {
        case 0: return min(left, 1)
        case 1: return min(left, 1 + (number >> 2) & 7)
        default: return min(left, 1 + (number >> 2) % max(left, 1))
        }
    }
}

/// A digest of events, so that two runs can be compared without keeping them (FNV-1a).
struct Digest: Equatable {
    private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { add(byte) }
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
        add(0xFF)
    }

    mutating func add(_ number: Int) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}
