/// Why a connection ends (RFC 6455 section 7.4, its registry, and the application's own range).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let normal = CloseCode(rawValue: 1000)
    package static let goingAway = CloseCode(rawValue: 1001)
    package static let protocolError = CloseCode(rawValue: 1002)
    package static let unsupportedData = CloseCode(rawValue: 1003)
    /// Stands for "the Close frame had no code". Never sent.
    package static let noStatus = CloseCode(rawValue: 1005)
    /// Stands for "the connection was lost without a Close frame". Never sent.
    package static let abnormal = CloseCode(rawValue: 1006)
    package static let invalidPayload = CloseCode(rawValue: 1007)
    package static let policyViolation = CloseCode(rawValue: 1008)
    package static let messageTooBig = CloseCode(rawValue: 1009)
    package static let internalError = CloseCode(rawValue: 1011)
    package static let serviceRestart = CloseCode(rawValue: 1012)

    /// Whether the code may stand in a Close frame: 1000-1003, 1007-1014, and 3000-4999 for libraries and
    /// applications. 1004, 1005, 1006 and 1015 are reserved; 1016-2999 belong to future versions of the protocol.
    package var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
