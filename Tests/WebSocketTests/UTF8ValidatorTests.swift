import Testing
import WebSocket

/// In the manner of Markus Kuhn's decoder stress test: boundaries, overlong forms, surrogates, stray bytes.
@Suite("UTF-8, RFC 3629")
struct UTF8ValidatorTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let valid: Bool
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ valid: Bool) {
            (self.name, self.bytes, self.valid) = (name, bytes, valid)
        }
    }

    static let cases: [Case] = [
        Case("nothing", [], true),
        Case("NUL", [0x00], true),
        Case("DEL", [0x7F], true),
        Case("kosme", Array("κόσμε".utf8), true),
        Case("first of 2 bytes, U+0080", [0xC2, 0x80], true),
        Case("last of 2 bytes, U+07FF", [0xDF, 0xBF], true),
        Case("first of 3 bytes, U+0800", [0xE0, 0xA0, 0x80], true),
        Case("before the surrogates, U+D7FF", [0xED, 0x9F, 0xBF], true),
        Case("after the surrogates, U+E000", [0xEE, 0x80, 0x80], true),
        Case("U+FFFD", [0xEF, 0xBF, 0xBD], true),
        Case("U+FFFE", [0xEF, 0xBF, 0xBE], true),
        Case("last of 3 bytes, U+FFFF", [0xEF, 0xBF, 0xBF], true),
        Case("first of 4 bytes, U+10000", [0xF0, 0x90, 0x80, 0x80], true),
        Case("U+FFFFF", [0xF3, 0xBF, 0xBF, 0xBF], true),
        Case("last of all, U+10FFFF", [0xF4, 0x8F, 0xBF, 0xBF], true),
        Case("a byte order mark", [0xEF, 0xBB, 0xBF, 0x61], true),
        Case("emoji with joiners", Array("👩‍👩‍👧‍👦 ok 🇪🇺".utf8), true),
        Case("mixed scripts", Array("aé中😀b".utf8), true),
        Case("over the end, U+110000", [0xF4, 0x90, 0x80, 0x80], false),
        Case("F5", [0xF5, 0x80, 0x80, 0x80], false),
        Case("5 bytes", [0xF8, 0x88, 0x80, 0x80, 0x80], false),
        Case("6 bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], false),
        Case("FE", [0xFE], false),
        Case("FF", [0xFF], false),
        Case("stray continuation, first", [0x80], false),
        Case("stray continuation, last", [0xBF], false),
        Case("stray continuation after a character", [0xC3, 0xA9, 0xA9], false),
        Case("lonely lead of 2 and a space", [0xC3, 0x20], false),
        Case("lonely lead of 3 and a space", [0xE4, 0x20], false),
        Case("lonely lead of 4 and a space", [0xF1, 0x20], false),
        Case("3 bytes, the last missing, then a letter", [0xE4, 0xB8, 0x61], false),
        Case("4 bytes, the last missing, then a lead", [0xF0, 0x9F, 0x98, 0xF0], false),
        Case("2 bytes cut short", [0xC3], false),
        Case("3 bytes cut short", [0xE4, 0xB8], false),
        Case("4 bytes cut short", [0xF0, 0x9F, 0x98], false),
        Case("overlong solidus in 2", [0xC0, 0xAF], false),
        Case("overlong solidus in 3", [0xE0, 0x80, 0xAF], false),
        Case("overlong solidus in 4", [0xF0, 0x80, 0x80, 0xAF], false),
        Case("greatest overlong of 2", [0xC1, 0xBF], false),
        Case("greatest overlong of 3", [0xE0, 0x9F, 0xBF], false),
        Case("greatest overlong of 4", [0xF0, 0x8F, 0xBF, 0xBF], false),
        Case("overlong NUL", [0xC0, 0x80], false),
        Case("first surrogate, U+D800", [0xED, 0xA0, 0x80], false),
        Case("last surrogate, U+DFFF", [0xED, 0xBF, 0xBF], false),
        Case("a pair of surrogates", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80], false),
    ]

    private func isValid(_ parts: [ArraySlice<UInt8>]) -> Bool {
        var validator = UTF8Validator()
        return parts.allSatisfy { part in part.withUnsafeBytes { validator.consume($0) } } && validator.isComplete
    }

    @Test("alone, and behind and before ASCII of every length up to 70", arguments: cases)
    func placed(_ example: Case) {
        for padding in 0...70 {
            let ascii = [UInt8](repeating: 0x7A, count: padding)
            #expect(isValid([(ascii + example.bytes)[...]]) == example.valid)
            // A character cut short fails on what follows instead of at the end; either way it is no text.
            #expect(isValid([(example.bytes + ascii)[...]]) == example.valid)
        }
    }

    @Test("split at every position", arguments: cases)
    func split(_ example: Case) {
        let bytes = [UInt8](repeating: 0x7A, count: 9) + example.bytes + [UInt8](repeating: 0x7A, count: 9)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                #expect(isValid([bytes[..<first], bytes[first..<second], bytes[second...]]) == example.valid)
            }
        }
    }

    @Test("scalars are valid, and Swift agrees on every pair and triple of lead and continuation")
    func exhaustive() {
        for scalar in (0...0x10FFFF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init)
        where scalar.value % 61 == 0 {
            #expect(isValid([Array(String(scalar).utf8)[...]]))
        }
        for first in 0...255 {
            for second in stride(from: 0, through: 255, by: 5) {
                let bytes = [UInt8(first), UInt8(second), 0x80, 0x80]
                for count in 2...4 {
                    let candidate = Array(bytes[..<count])
                    #expect(isValid([candidate[...]]) == (String(validating: candidate, as: UTF8.self) != nil))
                }
            }
        }
    }

    @Test(
        "fails at the byte that is wrong and not later",
        arguments: [
            ([0xC3, 0x20], 2), ([0xED, 0xA0], 2), ([0xF4, 0x90], 2), ([0xE4, 0xB8, 0xC0], 3), ([0xC0], 1),
            ([0xF0, 0x80], 2),
        ] as [([UInt8], Int)])
    func failsFast(_ bytes: [UInt8], at position: Int) {
        var validator = UTF8Validator()
        for (index, byte) in bytes.enumerated() {
            let ok = withUnsafeBytes(of: byte) { validator.consume($0) }
            #expect(ok == (index + 1 < position))
        }
    }
}
