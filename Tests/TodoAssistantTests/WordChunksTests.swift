import Chat
import Testing

@Suite struct WordChunksTests {
    static let rows: [(text: String, chunks: [String])] = [
        ("", []),
        ("word", ["word"]),
        ("two words", ["two ", "words"]),
        (" a  b\n", [" a  ", "b\n"]),
        ("Added #3 “buy milk”.", ["Added ", "#3 ", "“buy ", "milk”."]),
        ("买牛奶和鸡蛋", ["买牛奶和", "鸡蛋"]),
        ("买牛奶 now", ["买牛奶 ", "now"]),
        ("👨‍👩‍👧‍👦 e\u{301}té", ["👨‍👩‍👧‍👦 ", "e\u{301}té"]),
        ("a\r\nb", ["a\r\n", "b"]),
        (String(repeating: "x", count: 70), [String(repeating: "x", count: 64), "xxxxxx"]),
    ]

    @Test(arguments: rows)
    func splits(_ row: (text: String, chunks: [String])) {
        #expect(Array(WordChunks(row.text)) == row.chunks)
    }

    @Test(arguments: 0..<4)
    func piecesAreTheText(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0..<120, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(WordChunks(text).joined() == text)
        }
    }
}
