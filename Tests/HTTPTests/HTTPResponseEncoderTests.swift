import HTTP
import HTTPTypes
import Testing

@Suite struct HTTPResponseEncoderTests {
    struct Row: Sendable {
        let response: HTTPResponse
        let framing: HTTPResponseFraming
        var close = false
        var keepAlive = false
        var date: String?
        let text: String
    }

    @Test(arguments: [
        Row(
            response: HTTPResponse(status: .ok, headerFields: [.contentType: "text/plain"]), framing: .length(12),
            date: "D", text: "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n"),
        Row(
            response: HTTPResponse(status: .ok), framing: .length(0), close: true,
            text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        Row(
            response: HTTPResponse(status: .ok), framing: .length(0), keepAlive: true,
            text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"),
        Row(
            response: HTTPResponse(status: .ok), framing: .chunked,
            text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Row(response: HTTPResponse(status: .noContent), framing: .none, text: "HTTP/1.1 204 No Content\r\n\r\n"),
        Row(
            response: HTTPResponse(status: 404), framing: .length(1),
            text: "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\n"),
        Row(response: HTTPResponse(status: 299), framing: .none, text: "HTTP/1.1 299 \r\n\r\n"),
        // Framing is the connection's to say: a handler can't contradict it.
        Row(
            response: HTTPResponse(
                status: .ok,
                headerFields: [
                    .contentLength: "99", .transferEncoding: "chunked", .connection: "keep-alive", .date: "x",
                ]),
            framing: .length(2), close: true,
            text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"),
        Row(
            response: HTTPResponse(
                status: .switchingProtocols, headerFields: [.connection: "Upgrade", .upgrade: "websocket"]),
            framing: .none,
            text: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ])
    func heads(_ row: Row) throws {
        var buffer: [UInt8] = []
        try HTTPResponseEncoder.appendHead(
            row.response, framing: row.framing, close: row.close, keepAlive: row.keepAlive,
            date: row.date.map { Array($0.utf8) }, to: &buffer)
        #expect(String(decoding: buffer, as: UTF8.self) == row.text)
    }

    @Test(arguments: ["a\r\nSet-Cookie: b=c", "a\nb", "a\rb", "a\u{0}b"])
    func injection(_ value: String) {
        // Whether the field type repairs the value or the encoder refuses it: no line may begin in it.
        var response = HTTPResponse(status: .ok)
        response.headerFields.append(HTTPField(name: .location, lenientValue: Array(value.utf8)))
        response.headerFields[.eTag] = value
        response.status = HTTPResponse.Status(code: 200, reasonPhrase: value)
        var buffer: [UInt8] = []
        try? HTTPResponseEncoder.appendHead(response, framing: .length(0), close: false, date: nil, to: &buffer)
        let text = String(decoding: buffer, as: UTF8.self)
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)
        #expect(lines.count == 0 || lines.count == 4)
        #expect(!lines.contains { $0.hasPrefix("Set-Cookie") || $0.contains("\n") || $0.contains("\r") })
    }

    @Test func controlCharactersAreRefused() {
        var response = HTTPResponse(status: .ok)
        response.headerFields.append(HTTPField(name: .location, lenientValue: [0x61, 0x1B, 0x62]))
        var buffer: [UInt8] = [1]
        #expect(throws: HTTPResponseError.invalidFieldValue) {
            try HTTPResponseEncoder.appendHead(response, framing: .none, close: false, date: nil, to: &buffer)
        }
        #expect(buffer == [1])
        #expect(throws: HTTPResponseError.invalidStatus) {
            try HTTPResponseEncoder.appendHead(
                HTTPResponse(status: 42), framing: .none, close: false, date: nil, to: &buffer)
        }
    }

    @Test(arguments: [
        (0, ""), (1, "1\r\n"), (9, "9\r\n"), (10, "a\r\n"), (15, "f\r\n"), (16, "10\r\n"), (255, "ff\r\n"),
        (256, "100\r\n"), (65536, "10000\r\n"),
    ])
    func chunks(_ count: Int, _ size: String) {
        var buffer: [UInt8] = []
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: count)
        bytes.withUnsafeBytes { HTTPResponseEncoder.appendChunk($0, to: &buffer) }
        #expect(buffer == (count == 0 ? [] : Array(size.utf8) + bytes + [13, 10]))
    }

    @Test(arguments: [(100, false), (101, false), (200, true), (204, false), (304, false), (404, true), (500, true)])
    func bodies(_ code: Int, _ allowed: Bool) {
        #expect(HTTPResponseEncoder.allowsBody(HTTPResponse.Status(code: code)) == allowed)
    }

    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
        (-5, "Thu, 01 Jan 1970 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (Int.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func dates(_ seconds: Int, _ text: String) {
        #expect(String(decoding: HTTPDate.bytes(secondsSince1970: seconds), as: UTF8.self) == text)
        var cache = HTTPDateCache()
        #expect(cache.bytes(secondsSince1970: seconds) == cache.bytes(secondsSince1970: seconds))
        #expect(String(decoding: cache.bytes(secondsSince1970: seconds), as: UTF8.self) == text)
    }
}
