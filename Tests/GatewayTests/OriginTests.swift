import Gateway
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
            ("https://app.example:443", "127.0.0.1:8080", .allowed),
            ("https://app.example:444", "127.0.0.1:8080", .refused),
            ("https://app.example.evil.example", "127.0.0.1:8080", .refused),
            ("http://app.example", "127.0.0.1:8080", .refused),
            ("https://app.\u{212A}.example", "127.0.0.1:8080", .refused),
            ("https://\u{212A}.example", "k.example", .refused),
            ("https://jos\u{E9}.example", "jose\u{301}.example", .refused),
            ("https://app.K.example", "127.0.0.1:8080", .allowed),
            ("null", "127.0.0.1:8080", .refused), ("null", "null", .refused),
            ("", "", .refused), ("http://", "", .refused), ("://x", "x", .refused),
            // The scheme's default port, written or not.
            ("https://chat.example", "chat.example:443", .allowed),
            ("http://chat.example", "chat.example:80", .allowed),
            ("https://chat.example:443", "chat.example", .allowed),
            ("http://chat.example:80", "chat.example", .allowed),
            ("https://chat.example", "chat.example:", .allowed),
            ("https://chat.example", "CHAT.example:443", .allowed),
            ("https://chat.example", "chat.example:444", .refused),
            ("http://chat.example", "chat.example:443", .refused),
            ("https://chat.example", "chat.example:80", .refused),
            ("https://chat.example", "other.example:443", .refused),
            ("https://chat.example:8443", "chat.example:8443", .allowed),
            // Addresses of IPv6 have several spellings.
            ("http://[::1]:8080", "[::1]:8080", .allowed), ("http://[::1]", "[0:0:0:0:0:0:0:1]:80", .allowed),
            ("https://[2001:DB8::A]", "[2001:db8::a]", .allowed), ("https://[2001:db8::b]", "[2001:db8::a]", .refused),
            ("http://[::1", "[::1", .refused), ("http://::1", "::1", .refused),
            ("http://[127.0.0.1]", "127.0.0.1", .refused),
            // An app shell's, which has the host of this machine but is not the gateway's.
            ("capacitor://localhost", "localhost", .allowed), ("capacitor://localhost:1", "localhost:1", .refused),
            ("tauri://localhost", "localhost", .refused), ("ionic://localhost", "localhost", .refused),
            ("chrome-extension://abc", "abc", .refused), ("ws://chat.example", "chat.example", .refused),
            // What no origin looks like.
            ("https://chat.example/", "chat.example", .refused), ("https://u@chat.example", "chat.example", .refused),
            ("https://chat.example:x", "chat.example", .refused),
            ("https://chat.example:65536", "chat.example", .refused),
            ("https://chat.example https://evil.example", "chat.example", .refused),
            ("chat.example", "chat.example", .refused),
            ("https://chat.example:443:443", "chat.example", .refused), ("file://", "", .refused),
        ] as [(String?, String, OriginRules.Verdict)])
    func judge(_ origin: String?, _ host: String, _ verdict: OriginRules.Verdict) throws {
        let allowed = ["https://app.example:443", "https://app.k.example", "capacitor://localhost"]
        let rules = OriginRules(allowed: Set(try allowed.map { try #require(Origin($0)) }))
        #expect(rules.judge(origin: origin, own: [Authority(host)].compactMap { $0 }) == verdict)
    }

    @Test(
        "a page without encryption is not the gateway's own where that is known to be asked with it",
        arguments: [
            ("https://chat.example", OriginRules.Verdict.allowed), ("http://chat.example", .refused),
            ("http://app.example", .allowed),
        ])
    func encrypted(_ origin: String, _ verdict: OriginRules.Verdict) throws {
        let rules = OriginRules(allowed: [try #require(Origin("http://app.example"))])
        let own = [try #require(Authority("chat.example"))]
        #expect(rules.judge(origin: origin, own: own, isEncrypted: true) == verdict)
    }

    @Test(
        "as browsers write it",
        arguments: [
            ("https://A.example:443", "https://a.example"), ("http://a.example:80", "http://a.example"),
            ("http://a.example:443", "http://a.example:443"), ("https://[0:0::1]:8443", "https://[::1]:8443"),
            ("Capacitor://localhost", "capacitor://localhost"), ("app://-", "app://-"),
            ("tauri://localhost:1", "tauri://localhost:1"),
        ])
    func text(_ text: String, _ written: String) throws {
        #expect(try #require(Origin(text)).text == written)
    }

    @Test(
        "names of this machine",
        arguments: [
            ("localhost", true), ("LOCALHOST:8080", true), ("app.localhost", true), ("127.0.0.1", true),
            ("127.9.9.9:80", true),
            ("[::1]", true), ("[0:0:0:0:0:0:0:1]:80", true), ("[::ffff:127.0.0.1]", true), ("chat.example", false),
            ("127.0.0.1.chat.example", false), ("localhost.chat.example", false), ("notlocalhost", false),
            ("[::2]", false),
            ("0.0.0.0", false), ("192.0.2.1", false),
        ])
    func thisMachine(_ host: String, _ isHere: Bool) throws {
        #expect(try #require(Authority(host)).isThisMachine == isHere)
    }
}

@Suite("Who may ask for development tokens")
struct DevelopmentAccessTests {
    @Test(
        "by the user that runs the asking program",
        arguments: [
            (nil, true), (0, true), (1_000, true), (60_000, true), (33, true), (34, false), (999, false),
            (65_534, false),
        ] as [(UInt32?, Bool)])
    func owner(_ owner: UInt32?, _ isAllowed: Bool) {
        #expect(DevelopmentAccess.allows(owner: owner, own: 33) == isAllowed)
    }
}
