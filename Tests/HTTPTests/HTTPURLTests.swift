import HTTP
import HTTPTypes
import Testing

@Suite struct HTTPURLTests {
    @Test(
        arguments: [
            ("http://a", "a", 80, "/"), ("https://A.Example", "a.example", 443, "/"),
            ("HTTP://a:8080/v1", "a", 8080, "/v1"),
            ("http://a?x=1", "a", 80, "/?x=1"), ("http://[::1]:9/x", "::1", 9, "/x"),
            ("https://[fe80::1]", "fe80::1", 443, "/"),
            ("http://127.0.0.1:11434/v1/", "127.0.0.1", 11434, "/v1/"), ("http://u:p@a/", "a", 80, "/"),
            ("http://a:/x", "a", 80, "/x"), ("http://u%40x:p%3A@a_b-c:1", "a_b-c", 1, "/"),
        ] as [(String, String, UInt16, String)])
    func parses(_ text: String, _ host: String, _ port: UInt16, _ target: String) throws {
        let url = try HTTPURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
    }

    @Test(
        arguments: [
            ("", .noScheme), ("a", .noScheme), ("ftp://a", .unknownScheme), ("http:/a", .noScheme),
            ("http://", .invalidHost),
            ("http://:80", .invalidHost), ("http://a b", .invalidCharacter), ("http://a/\r\nX: y", .invalidCharacter),
            ("http://a/#f", .invalidCharacter), ("http://a:0", .invalidPort), ("http://a:65536", .invalidPort),
            ("http://a:8o", .invalidPort), ("http://[::1", .invalidHost), ("http://[::1]x", .invalidHost),
            ("http://[g]", .invalidHost), ("http://a%zz@b", .invalidHost), ("http://%zz@b", .invalidCharacter),
            ("http://ä", .invalidCharacter), ("http://\(String(repeating: "a", count: 256))", .invalidHost),
            ("http://a/\(String(repeating: "a", count: 9_000))", .tooLong),
        ] as [(String, HTTPURLError)])
    func refuses(_ text: String, _ error: HTTPURLError) {
        #expect(throws: text == "http://a%zz@b" ? .invalidCharacter : error) { try HTTPURL(text) }
    }

    @Test(arguments: [
        ("http://a", "/x", "http://a/x"), ("http://a/v1", "x", "http://a/v1/x"),
        ("http://a/v1/", "/x/y", "http://a/v1/x/y"),
        ("http://a/v1?key=1", "/x", "http://a/v1/x?key=1"), ("http://u:p@a:81", "/x", "http://a:81/x"),
    ])
    func appends(_ text: String, _ path: String, _ expected: String) throws {
        #expect(try HTTPURL(text).appending(path: path).description == expected)
    }

    @Test func encodesRequests() throws {
        let url = try HTTPURL("http://Aladdin:open%20sesame@[::1]:81/v1?a=b")
        var request = HTTPClientRequest(
            .post, url, headers: [("X-Y", "z"), ("host", "evil"), ("Transfer-Encoding", "chunked")],
            body: Array("{}".utf8))
        func text(_ route: HTTPRequestEncoder.Route = .direct) -> String? {
            HTTPRequestEncoder.encode(request, route).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(
            text() == "POST /v1?a=b HTTP/1.1\r\nHost: [::1]:81\r\nX-Y: z\r\n"
                + "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nAccept-Encoding: identity\r\n"
                + "Content-Length: 2\r\n\r\n{}")
        request.headers = [("Authorization", "Bearer k")]
        request.body = []
        request.method = .get
        #expect(
            text(.proxy(authorization: "Basic x"))
                == "GET http://[::1]:81/v1?a=b HTTP/1.1\r\nHost: [::1]:81\r\nProxy-Authorization: Basic x\r\n"
                + "Authorization: Bearer k\r\nAccept-Encoding: identity\r\n\r\n")
        #expect(
            String(decoding: HTTPRequestEncoder.connect(to: url, authorization: "Basic y"), as: UTF8.self)
                == "CONNECT [::1]:81 HTTP/1.1\r\nHost: [::1]:81\r\nProxy-Authorization: Basic y\r\n\r\n")
    }

    @Test(arguments: [
        ("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\u{0}"), ("X", "a "), ("X: y", "a"), ("", "a"), ("X\r\n", "a"),
        ("Authorization", "Bearer key\n"), ("Ä", "a"),
    ])
    func refusesHeadersThatInject(_ name: String, _ value: String) throws {
        let request = HTTPClientRequest(.get, try HTTPURL("http://a"), headers: [(name, value)])
        #expect(HTTPRequestEncoder.encode(request, .direct) == nil)
    }

    @Test(
        arguments: [
            ("http://a", "proxy:3128"), ("https://a", "secure:80"), ("https://internal", nil),
            ("https://x.internal:8443", nil),
            ("https://notinternal", "secure:80"), ("http://b:81", nil), ("http://b:82", "proxy:3128"),
            ("https://b:81", nil),
            ("http://10.0.0.1", nil), ("http://[::1]", nil), ("http://c.d", nil), ("http://c", "proxy:3128"),
        ] as [(String, String?)])
    func proxies(_ url: String, _ expected: String?) throws {
        let settings = try HTTPProxySettings(
            http: "proxy:3128", https: "http://u:p@secure", none: "internal, b:81,10.0.0.1 [::1],*.c.d,.c.d")
        let proxy = settings.proxy(for: try HTTPURL(url))
        #expect(proxy.map { "\($0.host):\($0.port)" } == expected)
    }

    @Test func proxySettings() throws {
        #expect(try HTTPProxySettings(http: nil, https: "", none: "*").proxy(for: HTTPURL("http://a")) == nil)
        #expect(try HTTPProxySettings(http: "p", https: nil, none: "*").proxy(for: HTTPURL("http://a")) == nil)
        #expect(throws: HTTPURLError.unknownScheme) { try HTTPProxySettings(http: "socks5://a", https: nil, none: nil) }
        #expect(throws: HTTPURLError.unknownScheme) { try HTTPProxySettings(http: nil, https: "https://a", none: nil) }
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Sat, 21 Nov 2026 12:00:00 GMT", 1_795_262_400),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("3", nil), ("", nil),
            ("Sun, 32 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
        ] as [(String, Int?)])
    func readsDates(_ text: String, _ expected: Int?) {
        #expect(HTTPDate.seconds(text) == expected)
        guard let expected else { return }
        #expect(String(decoding: HTTPDate.bytes(secondsSince1970: expected), as: UTF8.self) == text)
    }
}
