/// The header of a frame, RFC 6455 section 5.2.
///
/// ```
///   byte 0                     byte 1                then
///   7    6    5    4   3..0    7     6..0
///  +----+----+----+----+------+------+-------------+-------------------------+------------------+
///  |FIN |RSV1|RSV2|RSV3|opcode| MASK | length      | extended length         | masking key      |
///  |    |    |  0 |  0 |      |      | 0-125       | none                    | 4 bytes if MASK  |
///  |    |    |    |    |      |      | 126         | 2 bytes, 126-65535      |                  |
///  |    |    |    |    |      |      | 127         | 8 bytes, 65536-(2^63-1) |                  |
///  +----+----+----+----+------+------+-------------+-------------------------+------------------+
/// ```
///
/// RSV1 marks the first frame of a compressed message when permessage-deflate was negotiated (RFC 7692 section 6).
package struct FrameHeader: Equatable, Sendable {
    package var isFinal: Bool
    package var isCompressed: Bool
    package var opcode: Opcode
    /// Nil when the payload is not masked. See `Masking` for the byte order.
    package var maskingKey: UInt32?
    /// In bytes; never over `Int.max`.
    package var payloadCount: Int

    /// The longest header there is, in bytes.
    package static let maxCount = 14
    /// The longest payload of a control frame, in bytes (section 5.5).
    package static let maxControlPayload = 125

    package init(
        isFinal: Bool = true, isCompressed: Bool = false, opcode: Opcode, maskingKey: UInt32? = nil, payloadCount: Int
    ) {
        self.isFinal = isFinal
        self.isCompressed = isCompressed
        self.opcode = opcode
        self.maskingKey = maskingKey
        self.payloadCount = payloadCount
    }

    /// What is accepted from the peer at this point of the stream.
    package struct Rules: Sendable {
        /// A server demands a masked frame, a client an unmasked one.
        package var masked: Bool
        /// Whether permessage-deflate was negotiated.
        package var allowsCompression: Bool
        /// Whether a fragmented message is open: then only continuations may follow, else none may.
        package var insideMessage: Bool
        /// How many payload bytes a data frame may have; checked as soon as the length is known, before the payload
        /// and even the masking key are waited for.
        package var payloadLimit: Int

        package init(masked: Bool, allowsCompression: Bool = false, insideMessage: Bool = false, payloadLimit: Int) {
            self.masked = masked
            self.allowsCompression = allowsCompression
            self.insideMessage = insideMessage
            self.payloadLimit = payloadLimit
        }
    }

    package enum Parsed: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// A header and how many bytes it took.
        case header(FrameHeader, count: Int)
        /// The peer broke a rule; the connection fails with this.
        case failed(Failure)
    }

    /// Reads a header from the front of `bytes`.
    package static func parse(_ bytes: UnsafeRawBufferPointer, _ rules: Rules) -> Parsed {
        guard bytes.count >= 2 else { return .incomplete }
        let first = bytes[0]
        let second = bytes[1]
        guard first & 0x30 == 0 else { return .failed(.reservedBits) }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { return .failed(.reservedOpcode) }
        let isFinal = first & 0x80 != 0
        let isCompressed = first & 0x40 != 0
        let shortCount = Int(second & 0x7F)

        if isCompressed, !rules.allowsCompression || opcode.isControl || opcode == .continuation {
            return .failed(.reservedBits)
        }
        guard (second & 0x80 != 0) == rules.masked else {
            return .failed(rules.masked ? .notMasked : .masked)
        }
        if opcode.isControl {
            guard isFinal else { return .failed(.fragmentedControl) }
            guard shortCount <= maxControlPayload else { return .failed(.longControl) }
            if opcode == .close, shortCount == 1 { return .failed(.closePayload) }
        } else if (opcode == .continuation) != rules.insideMessage {
            return .failed(rules.insideMessage ? .expectedContinuation : .unexpectedContinuation)
        }

        var payloadCount = shortCount
        var count = 2
        if shortCount == 126 {
            guard bytes.count >= 4 else { return .incomplete }
            payloadCount = Int(bytes[2]) << 8 | Int(bytes[3])
            count = 4
            guard payloadCount > 125 else { return .failed(.lengthNotMinimal) }
        } else if shortCount == 127 {
            guard bytes.count >= 10 else { return .incomplete }
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard long > 65535 else { return .failed(.lengthNotMinimal) }
            guard long >> 63 == 0 else { return .failed(.lengthOverflow) }
            payloadCount = Int(long)
            count = 10
        }
        if !opcode.isControl, payloadCount > rules.payloadLimit { return .failed(.messageTooBig) }

        var maskingKey: UInt32?
        if rules.masked {
            guard bytes.count >= count + 4 else { return .incomplete }
            maskingKey = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count, as: UInt32.self))
            count += 4
        }
        let header = FrameHeader(
            isFinal: isFinal, isCompressed: isCompressed, opcode: opcode, maskingKey: maskingKey,
            payloadCount: payloadCount)
        return .header(header, count: count)
    }

    /// How many bytes `write` writes: 2 to 14.
    package var count: Int {
        (payloadCount <= 125 ? 2 : payloadCount <= 65535 ? 4 : 10) + (maskingKey == nil ? 0 : 4)
    }

    /// Writes the header at the front of `place`, which must have room for `count` bytes.
    ///
    /// - Returns: `count`.
    @discardableResult
    package func write(to place: UnsafeMutableRawBufferPointer) -> Int {
        precondition(place.count >= count)
        place[0] = (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue
        let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
        var end = 2
        if payloadCount <= 125 {
            place[1] = maskBit | UInt8(payloadCount)
        } else if payloadCount <= 65535 {
            place[1] = maskBit | 126
            place.storeBytes(of: UInt16(payloadCount).bigEndian, toByteOffset: 2, as: UInt16.self)
            end = 4
        } else {
            place[1] = maskBit | 127
            place.storeBytes(of: UInt64(payloadCount).bigEndian, toByteOffset: 2, as: UInt64.self)
            end = 10
        }
        if let maskingKey {
            place.storeBytes(of: maskingKey.littleEndian, toByteOffset: end, as: UInt32.self)
            end += 4
        }
        return end
    }
}
