/// Which span of which trace something belongs to, as it travels between programs (W3C Trace Context, level 1).
package struct TraceContext: Sendable, Hashable {
    package var traceHigh: UInt64
    package var traceLow: UInt64
    package var span: UInt64
    package var isSampled: Bool
    /// What the systems that the trace has come through say to one another; handed on as it is.
    package var state: String?

    package init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, isSampled: Bool, state: String? = nil) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads a `traceparent`: `00-` 32 digits `-` 16 digits `-` 2 digits, all of them lower case. A later version may
    /// have more behind that. `nil` for anything else: then a trace begins here.
    package init?(traceparent: some StringProtocol) {
        let bytes = Array(traceparent.utf8.prefix(56))
        guard bytes.count >= 55, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.value(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || (version > 0 && bytes[55] == Self.dash),
            let high = Self.value(bytes[3..<19]), let low = Self.value(bytes[19..<35]),
            let span = Self.value(bytes[36..<52]), let flags = Self.value(bytes[53..<55]),
            high | low != 0, span != 0
        else { return nil }
        self.init(traceHigh: high, traceLow: low, span: span, isSampled: flags & 1 == 1)
    }

    /// Characters of a `tracestate`, and members of its list, that are handed on (section 3.3.1.5 asks for so many).
    private static let longestState = 512
    private static let mostMembers = 32

    /// A `tracestate` as it may be handed on: a list of `key=value` in visible ASCII. `nil` for anything else, and for one that
    /// is longer: that is dropped whole, and the trace goes on.
    package static func state(_ text: String) -> String? {
        guard text.utf8.count <= longestState, text.utf8.allSatisfy({ 0x20...0x7E ~= $0 || $0 == 0x09 }) else {
            return nil
        }
        var members: [Substring] = []
        for part in text.split(separator: ",") {
            let member = part.drop { $0 == " " || $0 == "\t" }
            guard let last = member.lastIndex(where: { $0 != " " && $0 != "\t" }) else { continue }
            let trimmed = member[...last]
            guard let equals = trimmed.firstIndex(of: "="), equals > trimmed.startIndex,
                !trimmed[..<equals].contains(" ")
            else { return nil }
            members.append(trimmed)
        }
        return members.isEmpty || members.count > mostMembers ? nil : members.joined(separator: ",")
    }

    package var traceparent: String {
        "00-\(traceID)-\(spanID)-0\(isSampled ? 1 : 0)"
    }

    package var traceID: String { Self.hex(traceHigh) + Self.hex(traceLow) }
    package var spanID: String { Self.hex(span) }

    private static let dash = UInt8(ascii: "-")

    static func hex(_ value: UInt64) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 16) { buffer in
            for index in 0..<16 { buffer[index] = digits[Int(value >> UInt64(60 - 4 * index) & 15)] }
            return 16
        }
    }

    private static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }
}
