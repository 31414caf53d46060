import WebSocket

/// An event with its bytes copied out, to be compared.
enum Seen: Equatable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16, String)
    case failed(Failure)
}

/// Feeds a machine with the bytes in parts of the given sizes (the last one repeats).
func events(
    _ bytes: [UInt8], parts: [Int] = [.max], role: Role = .server, limit: Int = 1 << 20, codec: DeflateCodec? = nil,
    credit: Int32 = 1000
) -> [Seen] {
    var machine = WebSocketConnectionMachine(role: role, messageLimit: limit, codec: codec, controlCredit: credit)
    var seen: [Seen] = []
    var rest = bytes[...]
    var sizes = parts[...]
    while !rest.isEmpty {
        let size = sizes.count > 1 ? sizes.removeFirst() : sizes.first ?? rest.count
        seen += feed(&machine, Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
    }
    return seen
}

func feed(_ machine: inout WebSocketConnectionMachine, _ bytes: [UInt8]) -> [Seen] {
    var bytes = bytes
    var seen: [Seen] = []
    bytes.withUnsafeMutableBytes { buffer in
        var input = buffer
        while true {
            switch machine.next(&input) {
            case .needsMore: return
            case .text(let payload): seen.append(.text(String(decoding: payload, as: UTF8.self)))
            case .binary(let payload): seen.append(.binary([UInt8](payload)))
            case .ping(let payload): seen.append(.ping([UInt8](payload)))
            case .pong(let payload): seen.append(.pong([UInt8](payload)))
            case .close(let code, let reason):
                seen.append(.close(code.rawValue, String(decoding: reason, as: UTF8.self)))
            case .failed(let failure): seen.append(.failed(failure))
            }
        }
    }
    return seen
}

/// A frame as a client sends it, or with `key: nil` as a server does. `bits` are FIN and RSV, 0x80 for FIN alone.
func frame(
    _ opcode: UInt8, _ payload: [UInt8] = [], bits: UInt8 = 0x80, key: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
) -> [UInt8] {
    var bytes: [UInt8] = [bits | opcode]
    let mask: UInt8 = key == nil ? 0 : 0x80
    if payload.count < 126 {
        bytes.append(mask | UInt8(payload.count))
    } else if payload.count < 65536 {
        bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    } else {
        bytes.append(mask | 127)
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    guard let key else { return bytes + payload }
    bytes += key
    bytes += payload.enumerated().map { $1 ^ key[$0 % 4] }
    return bytes
}

func text(_ payload: String, bits: UInt8 = 0x80) -> [UInt8] {
    frame(0x1, Array(payload.utf8), bits: bits)
}

func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    frame(0x8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
}

/// Bytes that look random and are the same in every run.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
}
