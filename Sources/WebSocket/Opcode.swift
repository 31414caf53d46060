/// What a frame carries (RFC 6455 section 5.2 and 11.8). 0x3-0x7 and 0xB-0xF are reserved and never parsed into this.
package enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Control frames are at most 125 bytes, never fragmented, and may come between the fragments of a message.
    package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Which end of the connection this is. A client masks what it sends, a server must not (RFC 6455 section 5.1).
package enum Role: UInt8, Sendable {
    case server
    case client
}
