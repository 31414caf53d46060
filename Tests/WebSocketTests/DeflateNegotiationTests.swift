import Testing
import WebSocket

@Suite("permessage-deflate negotiation, RFC 7692 section 7.1")
struct DeflateNegotiationTests {
    struct Case: CustomTestStringConvertible {
        let offer: String
        let answer: String?
        var policy = DeflatePolicy()
        var testDescription: String { offer }
    }

    private static let none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    /// For a client that does not say that it can do without its window.
    private static let kept = "permessage-deflate; server_no_context_takeover"
    private static let takeover = DeflatePolicy(serverContextTakeover: true, clientContextTakeover: true)

    private static let narrow = DeflatePolicy(
        serverContextTakeover: true, clientContextTakeover: true, maxWindowBits: 10)

    static let cases: [Case] = [
        Case(offer: "permessage-deflate", answer: kept),
        Case(offer: "Permessage-Deflate", answer: kept),
        Case(offer: "permessage-deflate; server_no_context_takeover", answer: kept),
        Case(offer: "permessage-deflate; client_no_context_takeover", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits=10", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits=8", answer: none),
        Case(offer: "permessage-deflate;server_max_window_bits=10", answer: kept + "; server_max_window_bits=10"),
        Case(offer: "permessage-deflate; server_max_window_bits=\"12\"", answer: kept + "; server_max_window_bits=12"),
        Case(offer: "permessage-deflate; server_max_window_bits=15", answer: kept + "; server_max_window_bits=15"),
        Case(offer: "permessage-deflate; server_max_window_bits=\"15\"", answer: kept + "; server_max_window_bits=15"),
        Case(
            offer: "permessage-deflate; server_max_window_bits=15, permessage-deflate",
            answer: kept + "; server_max_window_bits=15"),
        Case(
            offer: "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
            answer: none + "; server_max_window_bits=15"),
        Case(
            offer: "permessage-deflate; server_max_window_bits=15", answer: kept + "; server_max_window_bits=12",
            policy: DeflatePolicy(maxWindowBits: 12)),
        Case(offer: "permessage-deflate; server_max_window_bits=8", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=8, permessage-deflate", answer: kept),
        Case(offer: "permessage-deflate; server_max_window_bits", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=7", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=16", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=010", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=+9", answer: nil),
        Case(offer: "permessage-deflate; client_max_window_bits=16", answer: nil),
        Case(offer: "permessage-deflate; server_no_context_takeover=1", answer: nil),
        Case(offer: "permessage-deflate; server_no_context_takeover; server_no_context_takeover", answer: nil),
        Case(offer: "permessage-deflate; unknown", answer: nil),
        Case(offer: "permessage-deflate; unknown=3, permessage-deflate; client_max_window_bits", answer: none),
        Case(offer: "x-webkit-deflate-frame", answer: nil),
        Case(offer: "x-other; a=b, permessage-deflate", answer: kept),
        Case(offer: "permessage-deflate", answer: "permessage-deflate", policy: takeover),
        Case(
            offer: "permessage-deflate; server_no_context_takeover",
            answer: "permessage-deflate; server_no_context_takeover", policy: takeover),
        Case(
            offer: "permessage-deflate; client_no_context_takeover",
            answer: "permessage-deflate; client_no_context_takeover", policy: takeover),
        Case(
            offer: "permessage-deflate", answer: kept + "; server_max_window_bits=11",
            policy: DeflatePolicy(maxWindowBits: 11)),
        Case(
            offer: "permessage-deflate; server_max_window_bits=9", answer: kept + "; server_max_window_bits=9",
            policy: DeflatePolicy(maxWindowBits: 11)),
        Case(offer: "permessage-deflate; client_max_window_bits", answer: "permessage-deflate", policy: takeover),
        Case(
            offer: "permessage-deflate; client_max_window_bits=12",
            answer: "permessage-deflate; client_max_window_bits=12", policy: takeover),
        Case(
            offer: "permessage-deflate; client_max_window_bits",
            answer: "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10", policy: narrow),
        Case(
            offer: "permessage-deflate", answer: "permessage-deflate; server_max_window_bits=10", policy: narrow),
        Case(
            offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits",
            answer: "permessage-deflate; client_no_context_takeover; server_max_window_bits=10", policy: narrow),
        Case(
            offer: "permessage-deflate; client_max_window_bits", answer: none,
            policy: DeflatePolicy(
                serverContextTakeover: true, clientContextTakeover: true, budget: DeflateBudget(bytes: 1000))),
        Case(
            offer: "permessage-deflate", answer: nil, policy: DeflatePolicy(budget: DeflateBudget(bytes: 39_935))),
        Case(
            offer: "permessage-deflate, permessage-deflate; client_no_context_takeover", answer: none,
            policy: DeflatePolicy(budget: DeflateBudget(bytes: 39_935))),
        Case(
            offer: "permessage-deflate", answer: kept,
            policy: DeflatePolicy(serverContextTakeover: true, budget: DeflateBudget(bytes: 39_936))),
    ]

    @Test("what a server answers", arguments: cases)
    func server(_ example: Case) throws {
        let offers = try #require(ExtensionHeader.parse([example.offer]))
        #expect(example.policy.accept(offers)?.headerValue == example.answer)
    }

    @Test("windows that live on take of the budget, and give back; what it lacks goes without takeover")
    func budget() throws {
        let one = DeflateCodec.memory(for: DeflateParameters(serverNoContextTakeover: false))
        let budget = DeflateBudget(bytes: 2 * one + one / 2)
        let policy = DeflatePolicy(serverContextTakeover: true, budget: budget)
        let offers = try #require(ExtensionHeader.parse(["permessage-deflate; client_max_window_bits"]))
        var open = (0..<3).map { _ in policy.accept(offers) }
        #expect(open.map { $0?.serverNoContextTakeover } == [false, false, true])
        #expect(budget.available == one / 2)
        open[0] = nil
        #expect(budget.available == one + one / 2)
        #expect(policy.accept(offers)?.serverNoContextTakeover == false)
        open = []
        #expect(budget.available == 2 * one + one / 2)
    }

    @Test(
        "what windows take, by zlib's account",
        arguments: [
            (true, true, 15, 15, 0), (false, true, 15, 15, 169_984), (true, false, 15, 15, 39_936),
            (true, false, 15, 8, 7_680), (false, true, 9, 15, 40_960),
        ])
    func memory(_ server: Bool, _ client: Bool, _ serverBits: Int, _ clientBits: Int, _ bytes: Int) {
        let parameters = DeflateParameters(
            serverNoContextTakeover: server, clientNoContextTakeover: client, serverMaxWindowBits: serverBits,
            clientMaxWindowBits: clientBits)
        #expect(DeflateCodec.memory(for: parameters) == bytes)
    }

    @Test("the header's grammar")
    func grammar() {
        #expect(ExtensionHeader.parse([]) == [])
        #expect(ExtensionHeader.parse(["", " , ,"]) == [])
        #expect(
            ExtensionHeader.parse(["foo; bar; baz=2 , foo", "x;y=\"z\\z\""]) == [
                ExtensionOffer(
                    name: "foo", parameters: [.init(name: "bar", value: nil), .init(name: "baz", value: "2")]),
                ExtensionOffer(name: "foo", parameters: []),
                ExtensionOffer(name: "x", parameters: [.init(name: "y", value: "zz")]),
            ])
        for bad in [";", "foo;", "foo;;bar", "foo bar", "foo; a==b", "foo; a=\"\"", "foo; a=\"b", "f(oo", "foo; a=b c"]
        {
            #expect(ExtensionHeader.parse([bad]) == nil, "\(bad)")
        }
        let many = (0..<17).map { "p\($0)" }.joined(separator: ";")
        #expect(ExtensionHeader.parse(["foo;" + many]) == nil)
    }

    @Test(
        "what a client takes for an answer",
        arguments: [
            ("permessage-deflate; server_no_context_takeover", true),
            ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", true),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=10", true),
            ("permessage-deflate", false),
            ("permessage-deflate; server_no_context_takeover; client_max_window_bits=10", false),
            ("permessage-deflate; server_no_context_takeover; client_max_window_bits", false),
            ("permessage-deflate; server_no_context_takeover; other", false),
            ("other", false),
        ])
    func client(_ answer: String, _ agreed: Bool) throws {
        let element = try #require(ExtensionHeader.parse([answer])?.first)
        #expect((DeflatePolicy.confirm(element, offered: DeflateParameters()) != nil) == agreed)
    }
}
