/// Why a text is not JSON, with the byte at which that showed.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        case syntax = "not JSON"
        case tooDeep = "nested too deeply"
        case loneSurrogate = "an unpaired surrogate escape, which no text can hold"
        case invalidUTF8 = "not UTF-8"
        case trailing = "more text after the value"
    }

    package let reason: Reason
    package let offset: Int

    package var description: String { "\(reason.rawValue) at byte \(offset)" }
}

extension JSON {
    /// Arrays and objects inside each other; deeper ones are refused, so that a hostile text can't exhaust the stack.
    package static let maximumDepth = 64

    /// One JSON text (RFC 8259), strictly: nothing before or after it but white space. Whole numbers that fit are
    /// `integer`, all others `number`.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }

    /// The same for a text that may have been cut inside a character, or holds control characters as they are: a half of
    /// a character becomes a `HalfCharacter`, which may find its other half in the next text. `halves` are the only
    /// thing in which it is less strict, and a control character in a string.
    package init(withHalves bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var parser = JSONParser(bytes: bytes, keepsHalves: true)
        self = try parser.document()
    }

    package init(parsing text: String) throws(JSONError) {
        var copy = text
        let result = copy.withUTF8 { bytes in
            Result { () throws(JSONError) in try JSON(parsing: UnsafeRawBufferPointer(bytes)) }
        }
        self = try result.get()
    }

    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try JSON(parsing: bytes) }
        }
        self = try result.get()
    }
}

/// Recursive descent over bytes, with the depth counted.
private struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let keepsHalves: Bool
    var position = 0
    var depth = 0

    init(bytes: UnsafeRawBufferPointer, keepsHalves: Bool = false) {
        self.bytes = bytes
        self.keepsHalves = keepsHalves
    }

    mutating func document() throws(JSONError) -> JSON {
        skipSpace()
        let value = try value()
        skipSpace()
        guard position == bytes.count else { throw error(.trailing) }
        return value
    }

    private func error(_ reason: JSONError.Reason) -> JSONError {
        JSONError(reason: reason, offset: position)
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONError) -> JSON {
        switch current {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try number()
        default: throw error(.syntax)
        }
    }

    private mutating func literal(_ word: StaticString) throws(JSONError) {
        let length = word.utf8CodeUnitCount
        guard bytes.count - position >= length else { throw error(.syntax) }
        for index in 0..<length where bytes[position + index] != word.utf8Start[index] { throw error(.syntax) }
        position += length
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= JSON.maximumDepth else { throw error(.tooDeep) }
        position += 1
        skipSpace()
    }

    private mutating func object() throws(JSONError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var object = JSONObject()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(object)
        }
        while true {
            guard current == UInt8(ascii: "\"") else { throw error(.syntax) }
            let key = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw error(.syntax) }
            position += 1
            skipSpace()
            object.members.append(.init(key: key, value: try value()))
            skipSpace()
            if try endsAfterSeparator(UInt8(ascii: "}")) { return .object(object) }
        }
    }

    private mutating func array() throws(JSONError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var elements: [JSON] = []
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value())
            skipSpace()
            if try endsAfterSeparator(UInt8(ascii: "]")) { return .array(elements) }
        }
    }

    private mutating func endsAfterSeparator(_ end: UInt8) throws(JSONError) -> Bool {
        switch current {
        case end:
            position += 1
            return true
        case UInt8(ascii: ","):
            position += 1
            skipSpace()
            return false
        default: throw error(.syntax)
        }
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        var isInteger = true
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            position = start
            throw error(.syntax)
        }
        return .number(value)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > start else { throw error(.syntax) }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try validated(start..<position)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20 where !keepsHalves:
                throw error(.syntax)
            default:
                position += 1
            }
        }
        throw error(.syntax)
    }

    private func validated(_ range: Range<Int>) throws(JSONError) -> String {
        let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
        if keepsHalves { return HalfCharacter.text(slice) }
        guard let text = String(validating: slice.bindMemory(to: UInt8.self), as: UTF8.self) else {
            throw JSONError(reason: .invalidUTF8, offset: range.lowerBound)
        }
        return text
    }

    /// The slow path: what is left of a string in which an escape was met.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = try validated(start..<position)
        var run = position
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                text += try validated(run..<position)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                text += try validated(run..<position)
                position += 1
                text.unicodeScalars.append(try escape())
                run = position
            case 0..<0x20 where !keepsHalves:
                throw error(.syntax)
            default:
                position += 1
            }
        }
        throw error(.syntax)
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        guard let byte = current else { throw error(.syntax) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try hexUnit()
            guard unit & 0xF800 == 0xD800 else { return try scalar(unit) }
            if keepsHalves { return surrogate(unit) }
            guard unit < 0xDC00, bytes.count - position >= 6, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw error(.loneSurrogate) }
            position += 2
            let low = try hexUnit()
            guard low & 0xFC00 == 0xDC00 else { throw error(.loneSurrogate) }
            return try scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        default:
            throw error(.syntax)
        }
    }

    /// With its other half, if that follows; or the half alone.
    private mutating func surrogate(_ unit: UInt32) -> Unicode.Scalar {
        let half = HalfCharacter.surrogate(unit)
        guard unit < 0xDC00, bytes.count - position >= 6, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return half }
        let start = position
        position += 2
        guard let low = try? hexUnit(), low & 0xFC00 == 0xDC00,
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else {
            position = start
            return half
        }
        return HalfCharacter.isOne(scalar) ? "\u{FFFD}" : scalar
    }

    private func scalar(_ value: UInt32) throws(JSONError) -> Unicode.Scalar {
        guard let scalar = Unicode.Scalar(value) else { throw error(.loneSurrogate) }
        return scalar
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw error(.syntax) }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): unit = unit << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): unit = unit << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: throw error(.syntax)
            }
            position += 1
        }
        return unit
    }
}
