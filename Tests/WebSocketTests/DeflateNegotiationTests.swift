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
    private static let takeover = DeflatePolicy(serverContextTakeover: true, clientContextTakeover: true)

    static let cases: [Case] = [
        Case(offer: "permessage-deflate", answer: none),
        Case(offer: "Permessage-Deflate", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits=10", answer: none),
        Case(offer: "permessage-deflate; client_max_window_bits=8", answer: none),
        Case(offer: "permessage-deflate;server_max_window_bits=10", answer: none + "; server_max_window_bits=10"),
        Case(offer: "permessage-deflate; server_max_window_bits=\"12\"", answer: none + "; server_max_window_bits=12"),
        Case(offer: "permessage-deflate; server_max_window_bits=15", answer: none),
        Case(offer: "permessage-deflate; server_max_window_bits=8", answer: nil),
        Case(offer: "permessage-deflate; server_max_window_bits=8, permessage-deflate", answer: none),
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
        Case(offer: "x-other; a=b, permessage-deflate", answer: none),
        Case(offer: "permessage-deflate", answer: "permessage-deflate", policy: takeover),
        Case(
            offer: "permessage-deflate; server_no_context_takeover",
            answer: "permessage-deflate; server_no_context_takeover", policy: takeover),
        Case(
            offer: "permessage-deflate; client_no_context_takeover",
            answer: "permessage-deflate; client_no_context_takeover", policy: takeover),
        Case(
            offer: "permessage-deflate", answer: none + "; server_max_window_bits=11",
            policy: DeflatePolicy(serverMaxWindowBits: 11)),
        Case(
            offer: "permessage-deflate; server_max_window_bits=9", answer: none + "; server_max_window_bits=9",
            policy: DeflatePolicy(serverMaxWindowBits: 11)),
    ]

    @Test("what a server answers", arguments: cases)
    func server(_ example: Case) throws {
        let offers = try #require(ExtensionHeader.parse([example.offer]))
        #expect(example.policy.accept(offers)?.headerValue == example.answer)
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
