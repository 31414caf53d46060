import HTTP
import HTTPTypes
import Testing

@Suite struct HTTPServerRequestTests {
    @Test(arguments: [
        ("/", []), ("/a", ["a"]), ("/a/", ["a", ""]), ("//", ["", ""]), ("/a/b%20c", ["a", "b c"]),
        ("/%2Fetc", ["/etc"]), ("/a+b", ["a+b"]), ("/%E4%BD%A0", ["你"]), ("/..", [".."]), ("/%2e%2E/x", ["..", "x"]),
        ("http://h", []), ("http://h/x/y?z", ["x", "y"]), ("http://h?z", []),
    ])
    func path(_ target: String, _ segments: [String]) throws {
        #expect(try request(target).segments == segments)
    }

    @Test(arguments: [
        ("/?", []), ("/?a", ["a="]), ("/?a=", ["a="]), ("/?a=b&c=d", ["a=b", "c=d"]), ("/?a=b=c", ["a=b=c"]),
        ("/?&&a=1&", ["a=1"]), ("/?a+b=c%20d", ["a b=c d"]), ("/?=x", ["=x"]), ("/?q=%26%3D%2B", ["q=&=+"]),
        ("/?a=1&a=2", ["a=1", "a=2"]), ("/?a=?/", ["a=?/"]),
    ])
    func query(_ target: String, _ items: [String]) throws {
        #expect(try request(target).query.map { "\($0.name)=\($0.value)" } == items)
    }

    @Test(arguments: [
        "/%", "/%4", "/%zz", "/%00", "/a%00b", "/%FF", "/%C0%AF", "/%ED%A0%80", "/?%", "/?a=%0", "/?a=%00", "/?%FF=1",
    ])
    func refuses(_ target: String) {
        #expect(throws: HTTPRefusal.invalidTarget) { try request(target) }
    }

    @Test func lookup() throws {
        let head = try #require(
            parsedHead(
                "GET /x?limit=5&flag HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nCookie: a=b\r\nConnection: keep-alive, "
                    + "Upgrade\r\naccept: */*\r\n\r\n"))
        let request = try HTTPServerRequest(head: head, body: [1], peerAddress: "192.0.2.1")
        #expect(request.headers["ACCEPT"] == "text/html")
        #expect(request.headers[.accept] == "text/html")
        #expect(request.headers.values("accept") == ["text/html", "*/*"])
        #expect(request.headers["accep"] == nil)
        #expect(request.headers.contains("cookie") && !request.headers.contains("cookies"))
        #expect(request.headers.hasToken("upgrade", in: "connection"))
        #expect(!request.headers.hasToken("keep", in: "connection"))
        #expect(request.headers.count == 5)
        #expect(request.queryValue("limit") == "5")
        #expect(request.queryValue("flag") == "")
        #expect(request.queryValue("none") == nil)
        #expect(request.target == "/x?limit=5&flag" && request.rawPath == "/x")
        #expect(request.body == [1] && request.method == .get && request.version == .http11)
    }

    @Test func authority() {
        #expect(parsedHead("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n")?.authority == "a:1")
        #expect(parsedHead("GET http://b:2/ HTTP/1.1\r\nHost: a:1\r\n\r\n")?.authority == "b:2")
        #expect(parsedHead("GET / HTTP/1.0\r\n\r\n")?.authority == nil)
    }
}
