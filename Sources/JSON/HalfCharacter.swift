/// A part of a character that was cut in two on its way: one of a pair of surrogates, or some bytes of its UTF-8.
///
/// No string can hold one. Within a text that is being put together it is written as a scalar of the last private use
/// area, which has room for all of them; what stands there by itself, in a text that holds halves, becomes U+FFFD.
package enum HalfCharacter {
    /// One scalar for each byte from 0x80 on, and behind them one for each surrogate.
    private static let firstByte: UInt32 = 0x10F780
    private static let firstSurrogate: UInt32 = 0x10F800

    static func surrogate(_ unit: UInt32) -> Unicode.Scalar {
        Unicode.Scalar(firstSurrogate + (unit & 0x7FF)) ?? "\u{FFFD}"
    }

    package static func isOne(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= firstByte }

    /// What is no UTF-8, as halves.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        if let text = String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) {
            guard text.unicodeScalars.contains(where: isOne) else { return text }
            var clean = String.UnicodeScalarView()
            for scalar in text.unicodeScalars { clean.append(isOne(scalar) ? "\u{FFFD}" : scalar) }
            return String(clean)
        }
        var text = String.UnicodeScalarView()
        var index = 0
        while index < bytes.count {
            let length = Self.length(bytes[index])
            let end = index + length
            if length > 0, end <= bytes.count,
                let character = String(
                    validating: UnsafeRawBufferPointer(rebasing: bytes[index..<end]).bindMemory(to: UInt8.self),
                    as: UTF8.self)
            {
                for scalar in character.unicodeScalars { text.append(isOne(scalar) ? "\u{FFFD}" : scalar) }
                index = end
            } else {
                text.append(Unicode.Scalar(firstByte + UInt32(bytes[index] & 0x7F)) ?? "\u{FFFD}")
                index += 1
            }
        }
        return String(text)
    }

    /// Bytes of the character that begins with this one; 0: none does.
    private static func length(_ byte: UInt8) -> Int {
        switch byte {
        case 0..<0x80: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    /// Puts a text together from parts that may be cut inside a character: what belongs together is joined, and what has
    /// lost its other half becomes U+FFFD.
    package struct Joiner: Sendable {
        private enum Pending {
            case surrogate(UInt32)
            case bytes([UInt8])
        }

        private var pending: Pending?

        package init() {}

        /// Whether a half waits for its other one.
        package var isWaiting: Bool { pending != nil }

        package mutating func join(_ part: String) -> String {
            // Their UTF-8 begins with 0xF4, as hardly any other character's does.
            if pending == nil, !part.utf8.contains(0xF4) { return part }
            var text = String.UnicodeScalarView()
            for scalar in part.unicodeScalars {
                if scalar.value >= firstSurrogate {
                    take(surrogate: 0xD800 + (scalar.value - firstSurrogate), into: &text)
                } else if scalar.value >= firstByte {
                    take(byte: 0x80 | UInt8(scalar.value - firstByte), into: &text)
                } else {
                    giveUp(into: &text)
                    text.append(scalar)
                }
            }
            return String(text)
        }

        /// Nothing more comes.
        package mutating func end() -> String {
            guard pending != nil else { return "" }
            pending = nil
            return "\u{FFFD}"
        }

        private mutating func giveUp(into text: inout String.UnicodeScalarView) {
            guard pending != nil else { return }
            pending = nil
            text.append("\u{FFFD}")
        }

        private mutating func take(surrogate unit: UInt32, into text: inout String.UnicodeScalarView) {
            if unit >= 0xDC00, case .surrogate(let high)? = pending {
                pending = nil
                text.append(Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (unit - 0xDC00)) ?? "\u{FFFD}")
                return
            }
            giveUp(into: &text)
            if unit < 0xDC00 { pending = .surrogate(unit) } else { text.append("\u{FFFD}") }
        }

        private mutating func take(byte: UInt8, into text: inout String.UnicodeScalarView) {
            if byte & 0xC0 == 0x80, case .bytes(let first)? = pending {
                let bytes = first + [byte]
                guard bytes.count >= length(bytes[0]) else {
                    pending = .bytes(bytes)
                    return
                }
                pending = nil
                text.append(String(validating: bytes, as: UTF8.self)?.unicodeScalars.first ?? "\u{FFFD}")
                return
            }
            giveUp(into: &text)
            if length(byte) > 1 { pending = .bytes([byte]) } else { text.append("\u{FFFD}") }
        }
    }
}
