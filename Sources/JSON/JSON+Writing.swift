/// JSON text is written straight into bytes that are going to be sent: no tree on the way, no reader to ask.
extension [UInt8] {
    /// Appends text that needs no escaping: names and punctuation of ours.
    @inlinable @inline(__always)
    package mutating func append(_ literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends a JSON string with its quotes. Of the characters that must be escaped (RFC 8259 section 7) the usual
    /// ones get their short form; everything else stays UTF-8.
    package mutating func append(jsonString text: String) {
        append(UInt8(ascii: "\""))
        append(jsonEscaped: text)
        append(UInt8(ascii: "\""))
    }

    /// The same without the quotes.
    package mutating func append(jsonEscaped text: String) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable { append(jsonEscaped: $0) }
        if done == nil {
            var copy = text
            copy.withUTF8 { append(jsonEscaped: $0) }
        }
    }

    package mutating func append(jsonEscaped utf8: UnsafeBufferPointer<UInt8>) {
        var start = 0
        while true {
            let end = start + JSONEscape.plainCount(utf8, from: start)
            append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<end]))
            guard end < utf8.count else { return }
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: JSONEscape.mostBytes) { space in
                guard let base = space.baseAddress else { return }
                let count = JSONEscape.write(utf8[end], to: base)
                append(contentsOf: UnsafeBufferPointer(start: base, count: count))
            }
            start = end + 1
        }
    }

    @inlinable
    package mutating func append(decimal value: some FixedWidthInteger) {
        if value < 0 {
            append(contentsOf: String(value).utf8)
            return
        }
        var rest = UInt64(truncatingIfNeeded: value)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            repeat {
                position -= 1
                digits[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(contentsOf: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(digits)[position...]))
        }
    }

    package mutating func append(json value: JSON) {
        switch value {
        case .null: append("null")
        case .bool(let value): value ? append("true") : append("false")
        case .integer(let value): append(decimal: value)
        case .number(let value):
            if value.isFinite { append(contentsOf: String(value).utf8) } else { append("null") }
        case .string(let value): append(jsonString: value)
        case .array(let elements):
            append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(json: element)
            }
            append(UInt8(ascii: "]"))
        case .object(let object): append(json: object)
        }
    }

    package mutating func append(json object: JSONObject) {
        append(UInt8(ascii: "{"))
        for (index, member) in object.members.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(jsonString: member.key)
            append(UInt8(ascii: ":"))
            append(json: member.value)
        }
        append(UInt8(ascii: "}"))
    }
}

extension JSON: CustomStringConvertible {
    /// The compact text.
    package var description: String {
        var bytes: [UInt8] = []
        bytes.append(json: self)
        return String(decoding: bytes, as: UTF8.self)
    }
}
