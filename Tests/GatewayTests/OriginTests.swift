import Gateway
import Strings
import Testing

@Suite("Origins")
struct OriginTests {
    @Test(
        "own, listed and strange",
        arguments: [
            (nil, "127.0.0.1:8080", OriginRules.Verdict.absent),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", .allowed),
            ("https://chat.example", "chat.example", .allowed),
            ("HTTP://Chat.Example", "chat.example", .allowed),
            ("http://127.0.0.1:8081", "127.0.0.1:8080", .refused),
            ("http://evil.example", "127.0.0.1:8080", .refused),
            ("https://app.example", "127.0.0.1:8080", .allowed),
            ("https://app.example.evil.example", "127.0.0.1:8080", .refused),
            ("http://app.example", "127.0.0.1:8080", .refused),
            ("https://app.\u{212A}.example", "127.0.0.1:8080", .refused),
            ("https://\u{212A}.example", "k.example", .refused),
            ("https://jos\u{E9}.example", "jose\u{301}.example", .refused),
            ("https://app.K.example", "127.0.0.1:8080", .allowed),
            ("null", "127.0.0.1:8080", .refused),
            ("", "", .refused),
            ("http://", "", .refused),
        ] as [(String?, String, OriginRules.Verdict)])
    func judge(_ origin: String?, _ host: String, _ verdict: OriginRules.Verdict) {
        let rules = OriginRules(allowed: ["https://app.example", "https://app.k.example"])
        #expect(rules.judge(origin: origin, host: host) == verdict)
    }
}
