import JSON
import Testing

@Suite("JSON parser")
struct JSONParsingTests {
    static let valid: [(String, JSON)] = [
        ("null", .null), ("true", true), (" \t\r\n false \n", false), ("0", 0), ("-0", 0), ("-1", -1),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.5", .number(1.5)), ("1e2", .number(100)),
        ("1E+2", .number(100)), ("25e-1", .number(2.5)), ("-0.5", .number(-0.5)), ("1e-400", .number(0)),
        ("0.1e1", .number(1)), ("\"\"", ""), ("\"a\"", "a"), ("\"é漢😀\"", "é漢😀"), ("\"\u{7F}\"", "\u{7F}"),
        ("[]", []), ("[ ]", []), ("[1]", [1]), ("[1 , [2,\"x\"] ,null]", [1, [2, "x"], .null]), ("{}", [:]),
        ("{ }", [:]), ("{\"a\":1}", ["a": 1]), ("{ \"a\" : [ ] , \"b\" : { } }", ["a": [], "b": [:]]),
        ("{\"\":0}", ["": 0]), ("{\"a\":1,\"a\":2}", ["a": 2]),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u6F22""#, "Aé漢"),
        (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00x""#, "😀x"), (#""\u0000""#, "\0"), (#""a\u0000b""#, "a\0b"),
        (#""\uffff\ud7ff\ue000""#, "\u{FFFF}\u{D7FF}\u{E000}"), (#""\udbff\udfff""#, "\u{10FFFF}"),
        (#""x\\y\"z""#, "x\\y\"z"),
    ]

    @Test("reads", arguments: valid)
    func reads(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test(
        "refuses",
        arguments: [
            ("", .syntax), (" ", .syntax), ("nul", .syntax), ("nulL", .syntax), ("True", .syntax), ("tru", .syntax),
            ("+1", .syntax), ("-", .syntax), ("01", .trailing), ("-01", .trailing), ("1.", .syntax), (".5", .syntax),
            ("1.e3", .syntax), ("1e", .syntax), ("1e+", .syntax), ("1e999", .syntax), ("0x10", .trailing),
            ("NaN", .syntax), ("Infinity", .syntax), ("'a'", .syntax), ("\"", .syntax), ("\"a", .syntax),
            ("\"a\nb\"", .syntax), ("\"a\tb\"", .syntax), ("\"\0\"", .syntax), ("\"\\", .syntax), (#""\x""#, .syntax),
            (#""\u12""#, .syntax), (#""\u12g4""#, .syntax), (#""\u"#, .syntax), (#""\ud83d"#, .loneSurrogate),
            (#""\ud83d""#, .loneSurrogate), (#""\ud83dx""#, .loneSurrogate), (#""\ude00""#, .loneSurrogate),
            (#""\ud83d\n12345""#, .loneSurrogate), (#""\ud83d\ud83d""#, .loneSurrogate),
            (#""\ud83d\u0041""#, .loneSurrogate), (#""\ud83d\u00""#, .loneSurrogate), ("[", .syntax), ("[1", .syntax),
            ("[1,]", .syntax), ("[,1]", .syntax), ("[1 2]", .syntax), ("]", .syntax), ("{", .syntax),
            ("{\"a\"", .syntax),
            ("{\"a\":", .syntax), ("{\"a\":1", .syntax), ("{\"a\":1,}", .syntax), ("{a:1}", .syntax),
            ("{1:2}", .syntax),
            ("{\"a\" 1}", .syntax), ("{\"a\":1 \"b\":2}", .syntax), ("1 2", .trailing), ("{}{}", .trailing),
            ("null,", .trailing), ("[1}", .syntax), ("// x\n1", .syntax), ("\u{FEFF}1", .syntax), ("\u{A0}1", .syntax),
        ] as [(String, JSONError.Reason)])
    func refuses(text: String, reason: JSONError.Reason) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.reason == reason)
        #expect((0...text.utf8.count).contains(error?.offset ?? -1))
    }

    @Test(
        "refuses what is not UTF-8, in values and names, with escapes or without",
        arguments: [
            [0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        ]
            as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        for (before, after) in [("\"", "\""), ("\"\\n", "\""), ("\"", "\\n\""), ("{\"", "\":1}")] {
            let text = Array(before.utf8) + bytes + Array(after.utf8)
            let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
            #expect(error?.reason == .invalidUTF8)
        }
    }

    @Test("depth is bounded for arrays, objects and both", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func depth(opening: String) throws {
        let levels = opening.filter { $0 == "[" || $0 == "{" }.count
        let closing = String(opening.filter { $0 == "[" || $0 == "{" }.reversed().map { $0 == "[" ? "]" : "}" })
        func nested(_ depth: Int) -> String {
            let count = depth / levels
            return String(repeating: opening, count: count) + "1" + String(repeating: closing, count: count)
        }
        #expect(throws: Never.self) { try JSON(parsing: nested(64)) }
        let error = #expect(throws: JSONError.self) { try JSON(parsing: nested(66)) }
        #expect(error?.reason == .tooDeep)
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: opening, count: 100_000)) }
    }

    @Test("depth counts what is open, not what was")
    func depthCloses() throws {
        let text = "[" + Array(repeating: "[[[]]]", count: 1_000).joined(separator: ",") + "]"
        #expect(try JSON(parsing: text).array?.count == 1_000)
    }

    @Test("sizes that a hostile frame can have")
    func sizes() throws {
        let escapes = "\"" + String(repeating: "\\u00e9", count: 40_000) + "\""
        #expect(try JSON(parsing: escapes).string?.unicodeScalars.count == 40_000)
        let numbers = "[" + Array(repeating: "0", count: 100_000).joined(separator: ",") + "]"
        #expect(try JSON(parsing: numbers).array?.count == 100_000)
        let members = "{" + (0..<20_000).map { "\"k\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try JSON(parsing: members)["k19999"] == 0)
        let digits = "0." + String(repeating: "1", count: 200_000)
        #expect(try JSON(parsing: digits).integer == nil)
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "9", count: 200_000)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "\"", count: 100_001)) }
    }

    @Test("names and strings are told apart by their bytes")
    func equivalence() throws {
        let object = try JSON(parsing: #"{"\u212a":1,"e\u0301":2,"x":"e\u0301"}"#)
        #expect(object["K"] == nil && object["\u{212A}"] == 1)
        #expect(object["\u{E9}"] == nil && object["e\u{301}"] == 2)
        #expect(object["x"] == .string("e\u{301}") && object["x"] != .string("\u{E9}"))
        #expect(JSON.object(["K": 1]) != .object(["\u{212A}": 1]) && JSON.array(["K"]) != .array(["\u{212A}"]))
        var members: JSONObject = ["K": 1]
        members["\u{212A}"] = 2
        #expect(members.members.count == 2 && members["K"] == 1)
    }

    @Test("whole numbers are whole, however they are written")
    func integers() throws {
        #expect(try JSON(parsing: "3.0").integer == 3)
        #expect(try JSON(parsing: "3e0").integer == 3)
        #expect(try JSON(parsing: "3.5").integer == nil)
        #expect(try JSON(parsing: "1e300").integer == nil)
        #expect(try JSON(parsing: "\"3\"").integer == nil)
    }

    @Test("every cut of a text is refused or read, and never worse")
    func cuts() {
        let text = Array(#"{"a":[1,-2.5e3,"\ud83d\ude00é\n",true,null],"b":{"c":"漢"}}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSON(parsing: Array(text[..<length])) }
        }
        // And with any one byte replaced by any other.
        for place in text.indices {
            for byte in stride(from: UInt8.min, to: .max, by: 5) {
                var changed = text
                changed[place] = byte
                _ = try? JSON(parsing: changed)
            }
        }
    }
}

@Suite("JSON values")
struct JSONValueTests {
    @Test("of a repeated name the last counts, and equality is that of what counts")
    func repeatedNames() {
        let twice = JSONObject(members: [.init(key: "a", value: 1), .init(key: "a", value: 2)])
        let same = JSONObject(members: [.init(key: "a", value: 1), .init(key: "a", value: 1)])
        #expect(twice["a"] == 2)
        #expect(twice == twice)
        #expect(twice == ["a": 2])
        #expect(same != ["a": 1, "b": 2])
        #expect(["a": 1, "b": 2] != same)
        #expect(["a": 1, "b": 2] as JSONObject == ["b": 2, "a": 1])
        #expect(["a": .null] as JSONObject != [:])
    }

    @Test("setting and removing a member")
    func setting() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = 3
        object["b"] = nil
        #expect(object == ["a": 3])
        #expect(JSON.object(object)["a"] == 3)
        #expect(JSON.array([])["a"] == nil)
    }
}
