/// A rule the peer broke, with the close code that answers it.
package enum Failure: Error, Equatable, Sendable {
    case reservedBits
    case reservedOpcode
    case notMasked
    case masked
    case fragmentedControl
    case longControl
    case closePayload
    case closeCode
    case lengthNotMinimal
    case lengthOverflow
    case expectedContinuation
    case unexpectedContinuation
    case messageTooBig
    case invalidUTF8
    case invalidDeflate
    /// More pings, pongs and empty fragments in a second than are allowed.
    case flood
    /// zlib could not get memory.
    case outOfMemory

    /// The code of the Close frame. A flood is answered with 4429, "too many bad frames".
    package var closeCode: CloseCode {
        switch self {
        case .messageTooBig: .messageTooBig
        case .invalidUTF8, .invalidDeflate: .invalidPayload
        case .flood: CloseCode(rawValue: 4429)
        case .outOfMemory: .internalError
        default: .protocolError
        }
    }

    /// A few words for the reason of the Close frame and for the log.
    package var reason: String {
        switch self {
        case .reservedBits: "reserved bit set"
        case .reservedOpcode: "reserved opcode"
        case .notMasked: "frame not masked"
        case .masked: "frame masked"
        case .fragmentedControl: "fragmented control frame"
        case .longControl: "control frame over 125 bytes"
        case .closePayload: "close payload of one byte"
        case .closeCode: "invalid close code"
        case .lengthNotMinimal: "length not minimal"
        case .lengthOverflow: "length over 63 bits"
        case .expectedContinuation: "expected a continuation"
        case .unexpectedContinuation: "nothing to continue"
        case .messageTooBig: "message too big"
        case .invalidUTF8: "invalid UTF-8"
        case .invalidDeflate: "invalid compressed data"
        case .flood: "too many control frames"
        case .outOfMemory: "internal error"
        }
    }
}
