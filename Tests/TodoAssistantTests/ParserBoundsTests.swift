import TodoAssistant
import Testing

/// A message may hold anything: it is read in bounded time and never traps.
@Suite struct ParserBoundsTests {
    @Test func carriesOutAtMostFiftyRequests() {
        let many = (1...60).map { "delete \($0)" }.joined(separator: "; ")
        let utterance = RequestParser.parse(many)
        #expect(utterance.requests == (1...50).map { Request.delete(.id(Int64($0))) })
        #expect(utterance.isTruncated)
    }

    @Test func takesAtMostFiftyLinesOfAList() {
        let list = "add:\n" + (1...55).map { "- item \($0)" }.joined(separator: "\n")
        let utterance = RequestParser.parse(list)
        #expect(utterance.requests == [.add((1...50).map { "item \($0)" })])
        #expect(utterance.isTruncated)
    }

    @Test func fiftyAreNotTooMany() {
        let utterance = RequestParser.parse("add:\n" + (1...50).map { "- item \($0)" }.joined(separator: "\n"))
        #expect(!utterance.isTruncated)
    }

    static let repeated = [
        "a ", "and ", "and delete b ", "add ", "add a and ", "\"", "\" a", "(", "' ", ", ", "; ", ". ", "delete ",
        "mark x as ",
        "to ", "rename a to ", "add a, ", "1,", "1-", "#1 ", "- a\n", "remind me to x and delete y ", "the first ",
        "not ", "please ",
        "é", "👨‍👩‍👧‍👦", "\u{301}", "买牛奶，", "\n", "  ", "is ", "done ", "what ", "hello, ",
    ]

    /// 10 000 characters of one thing; what is checked is that it ends, and within the limit.
    @Test(arguments: repeated)
    func endsOnLongMessages(_ piece: String) {
        let text = String(repeating: piece, count: 10_000 / piece.count)
        let utterance = RequestParser.parse(text)
        #expect(utterance.requests.count <= RequestParser.limit)
        let framed = RequestParser.parse("add " + text)
        #expect(framed.requests.count <= RequestParser.limit)
    }

    @Test(arguments: 0..<8)
    func neverTrapsOnBytes(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<150 {
            let bytes = (0..<Int.random(in: 0..<160, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            _ = RequestParser.parse(String(decoding: bytes, as: UTF8.self))
        }
    }

    static let words = [
        "add", "delete", "mark", "as", "done", "not", "3", "#4", "1-3", "milk", "and", ",", ";", ".", "?", "!", ":",
        "to", "rename", "the",
        "first", "one", "it", "all", "everything", "except", "what's", "left", "\"", "“", "”", "(", ")", "'", "\n",
        "- ", "note", "on",
        "please", "remind", "me", "i", "need", "don't", "list", "my", "with", "-", "→", "買", "🎂",
        "9999999999999999999999", "99999999999999999",
    ]

    @Test(arguments: 0..<8)
    func neverTrapsOnWords(_ seed: UInt64) {
        var random = SplitMix(state: seed &+ 1000)
        for _ in 0..<250 {
            var text = ""
            for _ in 0..<Int.random(in: 1..<16, using: &random) {
                text += (Self.words.randomElement(using: &random) ?? "") + (Bool.random(using: &random) ? " " : "")
            }
            let utterance = RequestParser.parse(text)
            #expect(utterance.requests.count <= RequestParser.limit)
        }
    }
}

/// A small seeded generator, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
