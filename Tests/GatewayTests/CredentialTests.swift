import Gateway
import HTTP
import Testing

/// The header fields of a request, as they are read from the wire.
func fields(_ lines: [String]) throws -> HTTPHeaders {
    var parser = HTTPRequestParser()
    let bytes = Array((["GET /ws HTTP/1.1", "Host: x"] + lines + ["", ""]).joined(separator: "\r\n").utf8)
    let head: HTTPRequestHead? = bytes.withUnsafeBytes { bytes in
        var input = bytes
        guard case .head(let head)? = parser.next(&input) else { return nil }
        return head
    }
    return try #require(head).headers
}

@Suite("Where a token is: Protocol.md section 1")
struct CredentialTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String { lines.joined(separator: " | ") }
        var lines: [String]
        var found: [Credential]

        init(_ lines: [String], _ found: [Credential]) {
            (self.lines, self.found) = (lines, found)
        }
    }

    static let cases = [
        Case([], []),
        Case(["Authorization: Bearer a"], [Credential("a", .authorization)]),
        Case(["Authorization: BEARER   a"], [Credential("a", .authorization)]),
        Case(["Authorization: Bearer a", "Cookie: s=b"], [Credential("a", .authorization)]),
        // What is no bearer token, or none at all, hides nothing.
        Case(["Authorization: Basic dXNlcjpwYXNz"], []),
        Case(["Authorization: Basic dXNlcjpwYXNz", "Cookie: s=b"], [Credential("b", .cookie)]),
        Case(
            ["Authorization: Negotiate abc", "Sec-WebSocket-Protocol: parley.v1, bearer.c"],
            [Credential("c", .subprotocol)]),
        Case(["Authorization: Basic x", "Authorization: Bearer a"], [Credential("a", .authorization)]),
        Case(["Authorization: Bearer", "Cookie: s=b"], [Credential("b", .cookie)]),
        Case(
            ["Authorization: Bearer nonsense", "Sec-WebSocket-Protocol: bearer.c"],
            [Credential("nonsense", .authorization)]),
        Case(["Sec-WebSocket-Protocol: bearer., parley.v1", "Cookie: s=b"], [Credential("b", .cookie)]),
        Case(["Sec-WebSocket-Protocol: parley.v1, bearer.c", "Cookie: s=b"], [Credential("c", .subprotocol)]),
        // Cookies of one name, from several paths and domains; up to four.
        Case(["Cookie: s=1; s=2"], [Credential("1", .cookie), Credential("2", .cookie)]),
        Case(["Cookie: a=1;s=2", "Cookie: t=3; s=4"], [Credential("2", .cookie), Credential("4", .cookie)]),
        Case(["Cookie: s=; s=\"\"; s=2"], [Credential("2", .cookie)]),
        Case(["Cookie: s=\"1\"; s=\"2"], [Credential("1", .cookie), Credential("\"2", .cookie)]),
        Case(["Cookie: S=1; ss=2; s2=3; s"], []),
        Case(["Cookie: s=1; s=2; s=3; s=4; s=5"], (1...4).map { Credential("\($0)", .cookie) }),
        Case(["Cookie: s=Bearer a"], [Credential("a", .cookie)]),
        Case(["Cookie: s=\"Bearer a\"; s=Bearer%20b"], [Credential("a", .cookie), Credential("b", .cookie)]),
        Case(["Cookie: s=a=b"], [Credential("a=b", .cookie)]),
    ]

    @Test("tokens of a request", arguments: cases)
    func find(_ item: Case) throws {
        #expect(Credential.find(in: try fields(item.lines), cookieName: "s") == item.found)
        let other = Credential.find(in: try fields(item.lines), cookieName: nil)
        #expect(other == item.found.filter { $0.source != .cookie })
    }

    @Test(
        "traces of a proxy",
        arguments: [
            ("X-Forwarded-For", true), ("x-forwarded-host", true), ("X-FORWARDED-PROTO", true), ("Forwarded", true),
            ("Via", true), ("X-Real-IP", true), ("X-Client-IP", true), ("True-Client-IP", true),
            ("CF-Connecting-IP", true),
            ("CF-Ray", true), ("Fly-Client-IP", true), ("Fly-Region", true), ("X-Cluster-Client-Ip", true),
            ("X-Original-Forwarded-For", true), ("X-Original-URL", true), ("Fastly-Client-IP", true),
            ("X-Envoy-External-Address", true),
            ("X-Amzn-Trace-Id", true), ("X-Azure-ClientIP", true), ("X-ProxyUser-Ip", true), ("Proxy-Connection", true),
            ("X-Varnish", true), ("CDN-Loop", true), ("X-Appengine-User-Ip", true), ("Tailscale-User-Login", true),
            ("Accept", false), ("User-Agent", false), ("Cookie", false), ("Origin", false), ("X-Request-Id", false),
            ("X-Prometheus-Scrape-Timeout-Seconds", false), ("Sec-Fetch-Site", false), ("traceparent", false),
            ("Priority", false),
            ("Viable", false), ("Authorization", false),
        ])
    func traces(_ name: String, _ isTrace: Bool) throws {
        #expect(ProxyTrace.isShown(by: try fields(["\(name): x"])) == isTrace)
    }

    @Test(
        "what trusted proxies wrote of the host that was asked for",
        arguments: [
            ("10.0.0.1", ["192.0.2.1"], ["chat.example"], "chat.example"),
            ("10.0.0.1", [], ["chat.example"], "chat.example"),
            ("10.0.0.1", ["192.0.2.1"], ["evil.example, chat.example"], "chat.example"),
            ("10.0.0.1", ["192.0.2.1"], ["evil.example", "chat.example"], "chat.example"),
            ("10.0.0.1", ["192.0.2.1, 10.0.0.2"], ["evil.example, chat.example, inner"], "chat.example"),
            ("10.0.0.1", ["192.0.2.1, 10.0.0.2"], ["chat.example"], "chat.example"),
            ("10.0.0.1", ["192.0.2.1"], [], nil), ("10.0.0.1", ["192.0.2.1"], ["chat.example, "], nil),
            ("192.0.2.9", ["192.0.2.1"], ["chat.example"], nil), ("192.0.2.9", [], ["chat.example"], nil),
        ] as [(String, [String], [String], String?)])
    func forwardedHost(_ peer: String, _ forwarded: [String], _ hosts: [String], _ found: String?) throws {
        let trusted = [try #require(IPNetwork("10.0.0.0/8"))]
        #expect(ClientAddress(peer: peer, forwarded: forwarded, trusted: trusted).entry(of: hosts) == found)
    }
}
