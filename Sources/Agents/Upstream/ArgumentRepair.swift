import JSON

/// Arguments of a call that are no JSON object though it is certain which one was meant.
///
/// It never invents: what it gives parses as an object, and every value of it stands in the text.
///
/// | what comes | what it is |
/// | --- | --- |
/// | `{}{"a":1}` | the empty object was only a place holder |
/// | `{"a":1}{"a":1}` | sent twice |
/// | a line break or a tab in a string, as it is | escaped |
/// | a code fence around it | without |
/// | `"{\"a\":1}"` | JSON in JSON |
/// | `{"a":1}}` | a bracket too many |
/// | `{"a":1,}` | a comma too many |
/// | `{\"a\":1}` | JSON in JSON without its quotes |
/// | `[{"a":1}]` | an object in a list of its own |
/// | `json {"a":1}`, `{"a":1}</tool_call>` | what is left of a fence, and of a template |
/// | `null`, `[]`, nothing | no arguments |
package enum ArgumentRepair {
    /// JSON inside JSON inside JSON …
    private static let depthLimit = 3
    /// Values one behind the other that are compared.
    private static let valueLimit = 8

    /// - Returns: JSON text of an object; the text itself where it is one. `nil`: it is not certain what was meant.
    package static func mended(_ text: String) -> String? {
        if (try? JSON(parsing: text))?.object != nil { return text }
        if let mended = mended(text, depth: 0) { return mended }
        guard text.contains(#"{\""#), let inner = (try? JSON(parsing: "\"\(text)\""))?.string else { return nil }
        return mended(inner, depth: 1)
    }

    private static func mended(_ text: String, depth: Int) -> String? {
        guard depth < depthLimit else { return nil }
        let bytes = cleaned(unfenced(Array(text.utf8)[...]))
        guard !bytes.isEmpty else { return "{}" }
        var objects: [(value: JSON, text: ArraySlice<UInt8>)] = []
        var rest = bytes[...]
        while let first = rest.first {
            if first <= 0x20 {
                rest = rest.dropFirst()
                continue
            }
            if first == UInt8(ascii: "}") || first == UInt8(ascii: "]") {
                // Too many of them, and nothing behind.
                guard !objects.isEmpty, rest.allSatisfy({ $0 == first || $0 <= 0x20 }) else { return nil }
                break
            }
            // Tags and tokens of a template, and nothing else.
            if first == UInt8(ascii: "<"), !objects.isEmpty, isTags(rest) { break }
            guard objects.count < valueLimit, let end = end(of: rest),
                let value = try? JSON(parsing: Array(rest[..<end]))
            else { return nil }
            objects.append((value, rest[..<end]))
            rest = rest[end...]
        }
        let isAlone = objects.count == 1
        let given = objects.filter { $0.value != .object([:]) }
        guard let last = given.last else { return "{}" }
        guard given.allSatisfy({ $0.value == last.value }) else { return nil }
        switch last.value {
        case .object: return String(decoding: last.text, as: UTF8.self)
        case .string(let inner) where isAlone: return mended(inner, depth: depth + 1)
        case .null where isAlone: return "{}"
        case .array(let elements) where isAlone && elements.isEmpty: return "{}"
        case .array(let elements) where isAlone && elements.count == 1 && elements[0].object != nil:
            return mended(
                String(decoding: trimmed(trimmed(last.text).dropFirst().dropLast()), as: UTF8.self), depth: depth + 1)
        default: return nil
        }
    }

    /// `</tool_call>`, `<|im_end|>` and the like, one behind the other.
    private static func isTags(_ bytes: ArraySlice<UInt8>) -> Bool {
        var isOpen = false
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "<") where !isOpen: isOpen = true
            case UInt8(ascii: ">") where isOpen: isOpen = false
            case UInt8(ascii: "/"), UInt8(ascii: "|"), UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"):
                guard isOpen else { return false }
            default: guard byte <= 0x20 else { return false }
            }
        }
        return !isOpen
    }

    /// Without white space and code fences around it.
    private static func unfenced(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let fence = Array("```".utf8)
        var bytes = trimmed(bytes)
        let word = Array("json".utf8)
        if bytes.starts(with: word) {
            let rest = trimmed(bytes.dropFirst(word.count))
            return rest.first == UInt8(ascii: "{") ? rest : bytes
        }
        guard bytes.starts(with: fence) else { return bytes }
        guard let line = bytes.firstIndex(of: 0x0A), !bytes[..<line].contains(UInt8(ascii: "{")) else { return bytes }
        bytes = trimmed(bytes[(line + 1)...])
        if bytes.count >= 3, bytes.suffix(3).elementsEqual(fence) { bytes = trimmed(bytes.dropLast(3)) }
        return bytes
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, first <= 0x20 { bytes = bytes.dropFirst() }
        while let last = bytes.last, last <= 0x20 { bytes = bytes.dropLast() }
        return bytes
    }

    /// Control characters in strings are escaped, and a comma before a closing bracket goes.
    private static func cleaned(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var isInString = false
        var isEscaped = false
        /// Where a comma stands that nothing but white space has followed so far.
        var comma: Int?
        for byte in bytes {
            guard isInString else {
                if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]"), let comma { result.remove(at: comma) }
                if byte > 0x20 { comma = byte == UInt8(ascii: ",") ? result.count : nil }
                isInString = byte == UInt8(ascii: "\"")
                result.append(byte)
                continue
            }
            if byte < 0x20, !isEscaped {
                result.append(contentsOf: escape(byte))
                continue
            }
            result.append(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
        }
        return result
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x0A: return Array("\\n".utf8)
        case 0x0D: return Array("\\r".utf8)
        case 0x09: return Array("\\t".utf8)
        default:
            let digits = Array("0123456789abcdef".utf8)
            return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }

    /// The end of the value that begins here, by its brackets and strings; `nil`: it has none.
    private static func end(of bytes: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        var isInString = false
        var isEscaped = false
        for (index, byte) in zip(bytes.indices, bytes) {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                    if depth == 0 { return index + 1 }
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return index + 1 }
                if depth < 0 { return nil }
            default: break
            }
        }
        // A word or a number goes on to the end.
        return depth == 0 && !isInString ? bytes.endIndex : nil
    }
}
