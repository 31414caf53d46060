import Strings
import Testing

/// Pairs that Swift takes for equal, or makes equal in lower case.
private let equivalent = [
    ("jos\u{E9}", "jose\u{301}"), ("K", "\u{212A}"), ("\u{C5}", "\u{212B}"), ("\u{3A9}", "\u{2126}"),
    (";", "\u{37E}"), ("\u{AC00}", "\u{1100}\u{1161}"), ("\u{1E69}", "s\u{323}\u{307}"),
    ("s\u{323}\u{307}", "s\u{307}\u{323}"),
]

@Suite("Strings told apart by their bytes")
struct ExactStringTests {
    @Test("Canonically equivalent strings are two", arguments: equivalent)
    func differ(_ first: String, _ second: String) {
        #expect(first == second)
        #expect(!first.isExactly(second) && !second.isExactly(first))
        let (one, other) = (ExactString(first), ExactString(second))
        #expect(one != other)
        #expect(one < other || other < one)
        #expect(Set([one, other]).count == 2)
        var table = [one: 1]
        #expect(table[other] == nil)
        table[other] = 2
        #expect(table[one] == 1 && table[other] == 2)
        switch one {
        case other: Issue.record("it matches")
        default: break
        }
    }

    @Test("The same bytes are one, however the string is kept", arguments: ["", "k", "jos\u{E9}", "a\0b"])
    func same(_ text: String) {
        let long = text + String(repeating: "x", count: 40)
        #expect(text.isExactly(String(decoding: Array(text.utf8), as: UTF8.self)))
        #expect(long.isExactly(String(long.dropFirst(0))))
        #expect(ExactString(long) == ExactString(String(decoding: Array(long.utf8), as: UTF8.self)))
        #expect(ExactString(long).hashValue == ExactString(String(long.unicodeScalars.map(Character.init))).hashValue)
        #expect(!text.isExactly(long) && !long.isExactly(text))
    }

    @Test("Absent is the same as absent only")
    func absent() {
        let none: String? = nil
        #expect(none.isExactly(nil) && !none.isExactly("") && !"".isExactly(none))
        #expect("a".isExactly(Optional("a")) && Optional("a").isExactly("a") && !Optional("a").isExactly("b"))
    }

    @Test("Lower case is that of ASCII")
    func lowercase() {
        #expect("HTTP://A.Example:80".asciiLowercased.isExactly("http://a.example:80"))
        #expect("\u{212A}\u{130}@[`{\u{C9}".asciiLowercased.isExactly("\u{212A}\u{130}@[`{\u{C9}"))
    }
}
