/// Finds the member `type` of a JSON object, as it arrives in any split of bytes, without reading the rest: neither its
/// size nor its depth counts, and nothing of it is kept.
///
/// It follows strings and brackets only. What is not JSON may lead it astray, which makes no difference: a text of which
/// it finds a type is then either read whole, and refused, or skipped.
package struct EventTypeScanner: Sendable {
    package enum Result: Sendable, Equatable {
        case unknown
        case found(String)
        /// There is none: it is no object, or its end has come.
        case none
    }

    package private(set) var result: Result = .unknown
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// The string that is being read is the key of a member, at depth 1.
    private var isKey = false
    /// A key comes next at depth 1, and not a value.
    private var expectsKey = true
    /// The value that comes next is that of `type`.
    private var isWanted = false
    /// What the string holds so far, where it counts.
    private var text: [UInt8] = []

    /// Bytes of a key or type that are kept; no name that anybody knows is longer.
    private static let textLimit = 64

    package init() {}

    package mutating func feed(_ bytes: UnsafeRawBufferPointer) -> Result {
        for byte in bytes {
            guard result == .unknown else { return result }
            take(byte)
        }
        return result
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) {
        if isInString { return takeInString(byte) }
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D: break
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if depth == 0, byte != UInt8(ascii: "{") { result = .none }
            depth += 1
            if depth > 1 { isWanted = false }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth <= 0 { result = .none }
        case UInt8(ascii: "\""):
            if depth == 0 { result = .none }
            isInString = true
            isKey = depth == 1 && expectsKey
            text.removeAll(keepingCapacity: true)
        case UInt8(ascii: ":"):
            if depth == 1 { expectsKey = false }
        case UInt8(ascii: ","):
            if depth == 1 {
                expectsKey = true
                isWanted = false
            }
        default:
            if depth == 0 { result = .none }
        }
    }

    @inline(__always)
    private mutating func takeInString(_ byte: UInt8) {
        if isEscaped {
            isEscaped = false
            return
        }
        switch byte {
        case UInt8(ascii: "\\"): isEscaped = true
        case UInt8(ascii: "\""):
            isInString = false
            if isKey {
                isWanted = text.elementsEqual("type".utf8)
            } else if isWanted, depth == 1 {
                result = .found(String(decoding: text, as: UTF8.self))
            }
        default:
            if isKey || isWanted, text.count < Self.textLimit { text.append(byte) }
        }
    }
}
