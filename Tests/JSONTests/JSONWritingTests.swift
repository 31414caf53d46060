import JSON
import Testing

@Suite("JSON writer")
struct JSONWritingTests {
    @Test(
        "writes",
        arguments: [
            (.null, "null"), (true, "true"), (false, "false"), (0, "0"), (-1, "-1"),
            (.integer(.max), "9223372036854775807"),
            (.integer(.min), "-9223372036854775808"), (.number(1.5), "1.5"), (.number(.infinity), "null"),
            (.number(.nan), "null"), (.number(1e300), "1e+300"), (.number(.leastNonzeroMagnitude), "5e-324"),
            ("", #""""#),
            ("a\"b\\c/d", #""a\"b\\c/d""#), ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#),
            ("\0\u{1}\u{1F}", #""\u0000\u0001\u001f""#),
            ("\u{7F}é漢😀\u{2028}", "\"\u{7F}é漢😀\u{2028}\""), ([], "[]"), ([1, "x", [.null]], #"[1,"x",[null]]"#),
            ([:], "{}"), (["b": 1, "a": ["c": true], "q\"": .null], #"{"b":1,"a":{"c":true},"q\"":null}"#),
        ] as [(JSON, String)])
    func writes(value: JSON, text: String) {
        #expect(value.description == text)
    }

    @Test("every byte at every place of a text that is looked at eight bytes at a time")
    func places() {
        for byte in UInt8(0)..<0x80 {
            var alone: [UInt8] = []
            alone.append(jsonEscaped: String(Unicode.Scalar(byte)))
            for place in 0..<20 {
                let before = String(repeating: "é", count: place / 2) + (place % 2 == 0 ? "" : "a")
                let after = String(repeating: "~", count: 20 - place)
                var bytes: [UInt8] = []
                bytes.append(jsonEscaped: before + String(Unicode.Scalar(byte)) + after + String(Unicode.Scalar(byte)))
                #expect(bytes == Array(before.utf8) + alone + Array(after.utf8) + alone)
            }
        }
    }

    @Test("what is written is read again, for every character below U+0800 and some above")
    func roundTrip() throws {
        for value in Array(0..<UInt32(0x800)) + [0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF] {
            let scalar = try #require(Unicode.Scalar(value))
            let text = "a\(Character(scalar))b"
            #expect(
                try JSON(parsing: JSON.string(text).description).string?.unicodeScalars.map(\.value)
                    == text.unicodeScalars.map(\.value))
        }
        for number in [0.1, -2.5e-10, 1e21, 123456789.125, .leastNonzeroMagnitude, .greatestFiniteMagnitude] {
            #expect(try JSON(parsing: JSON.number(number).description) == .number(number))
        }
    }

    @Test("decimals of every width", arguments: [0, 1, 9, 10, 99, 100, 12_345, UInt64.max])
    func decimals(value: UInt64) {
        var bytes: [UInt8] = []
        bytes.append(decimal: value)
        #expect(String(decoding: bytes, as: UTF8.self) == String(value))
        bytes = []
        bytes.append(decimal: Int64(truncatingIfNeeded: value))
        #expect(String(decoding: bytes, as: UTF8.self) == String(Int64(truncatingIfNeeded: value)))
    }
}
