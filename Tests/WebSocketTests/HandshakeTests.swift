import Testing
import WebSocket

@Suite("Opening handshake, RFC 6455 section 4.2")
struct HandshakeTests {
    /// A good request; a case replaces or removes (with no values) some of its headers.
    private static let good: [String: [String]] = [
        "host": ["server.example.com"],
        "upgrade": ["websocket"],
        "connection": ["Upgrade"],
        "sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ=="],
        "sec-websocket-version": ["13"],
    ]

    private func respond(
        _ changes: [String: [String]] = [:], method: String = "GET", version: (Int, Int) = (1, 1),
        options: Handshake.Options = .init(subprotocols: ["parley.v1"])
    ) -> Handshake.Outcome {
        let headers = Self.good.merging(changes) { $1 }
        return Handshake.respond(method: method, version: version, options: options) { headers[$0] ?? [] }
    }

    private func status(_ outcome: Handshake.Outcome) -> Int {
        switch outcome {
        case .accept: 101
        case .reject(let rejection): rejection.status
        }
    }

    @Test("the sample of section 1.3")
    func sample() {
        let acceptance = Handshake.Acceptance(key: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(respond() == .accept(acceptance))
        let lines = String(decoding: acceptance.responseHead, as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        #expect(
            lines == [
                "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", "",
            ])
        #expect(Handshake.key(from: Array("the sample nonce".utf8)) == "dGhlIHNhbXBsZSBub25jZQ==")
    }

    @Test(
        "requests that are accepted",
        arguments: [
            ["upgrade": ["WebSocket"]],
            ["upgrade": ["h2c, websocket"]],
            ["connection": ["keep-alive, Upgrade"]],
            ["connection": ["keep-alive", " upgrade "]],
            ["sec-websocket-extensions": ["x-unknown; a=b, foo"]],
            ["sec-websocket-extensions": [""]],
            ["sec-websocket-protocol": ["chat, superchat"]],
            ["origin": ["https://example.com"]],
        ] as [[String: [String]]])
    func accepted(_ changes: [String: [String]]) {
        #expect(respond(changes) == .accept(Handshake.Acceptance(key: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")))
    }

    @Test(
        "requests that are refused",
        arguments: [
            (["host": []], 400),
            (["host": ["a", "b"]], 400),
            (["upgrade": []], 426),
            (["upgrade": ["h2c"]], 426),
            (["upgrade": ["websockets"]], 426),
            (["upgrade": ["websoc\u{212A}et"]], 426),
            (["connection": []], 400),
            (["connection": ["keep-alive"]], 400),
            (["connection": ["upgraded"]], 400),
            (["sec-websocket-version": []], 426),
            (["sec-websocket-version": ["8"]], 426),
            (["sec-websocket-version": ["13", "13"]], 426),
            (["sec-websocket-version": ["13, 8"]], 426),
            (["sec-websocket-key": []], 400),
            (["sec-websocket-key": [""]], 400),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ=="], "host": ["x"]], 101),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="]], 400),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25j"]], 400),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ="]], 400),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZXo="]], 400),
            (["sec-websocket-key": ["dGhlIHNhbXBsZSBub25j!Q=="]], 400),
            (["sec-websocket-protocol": ["a b"]], 400),
            (["sec-websocket-protocol": ["parley.v1;x"]], 400),
            (["sec-websocket-extensions": ["foo; ; bar"]], 400),
            (["sec-websocket-extensions": ["foo=bar"]], 400),
            (["sec-websocket-extensions": ["foo; a="]], 400),
            (["sec-websocket-extensions": ["foo; a=\"b"]], 400),
            (["sec-websocket-extensions": ["foo; a=\"b c\""]], 400),
            (["sec-websocket-extensions": ["foo bar"]], 400),
            (["sec-websocket-extensions": [Array(repeating: "x", count: 17).joined(separator: ",")]], 400),
        ] as [([String: [String]], Int)])
    func refused(_ changes: [String: [String]], _ expected: Int) {
        #expect(status(respond(changes)) == expected)
    }

    @Test("method and version")
    func line() {
        #expect(status(respond(method: "POST")) == 405)
        #expect(status(respond(method: "get")) == 405)
        #expect(status(respond(version: (1, 0))) == 400)
        #expect(status(respond(version: (2, 0))) == 400)
        guard case .reject(let wrongVersion) = respond(["sec-websocket-version": ["12"]]) else {
            Issue.record("accepted")
            return
        }
        #expect(wrongVersion.headers.contains(.init(name: "Sec-WebSocket-Version", value: "13")))
        guard case .reject(let noUpgrade) = respond(["upgrade": []]) else {
            Issue.record("accepted")
            return
        }
        #expect(noUpgrade.headers.contains(.init(name: "Upgrade", value: "websocket")))
    }

    @Test(
        "the first offered subprotocol that is supported is chosen, a token is never repeated",
        arguments: [
            (["parley.v1"], "parley.v1"),
            (["parley.v1, bearer.aaa.bbb.ccc"], "parley.v1"),
            (["bearer.aaa.bbb.ccc, parley.v1"], "parley.v1"),
            (["bearer.aaa.bbb.ccc", "parley.v1"], "parley.v1"),
            (["bearer.aaa.bbb.ccc"], nil),
            (["Parley.v1"], nil),
            (["parley.v2,parley.v10"], nil),
            ([], nil),
        ] as [([String], String?)])
    func subprotocol(_ offered: [String], _ chosen: String?) {
        guard case .accept(let acceptance) = respond(["sec-websocket-protocol": offered]) else {
            Issue.record("refused")
            return
        }
        #expect(acceptance.subprotocol == chosen)
        let head = String(decoding: acceptance.responseHead, as: UTF8.self)
        #expect(!head.contains("bearer"))
        #expect(head.contains("Sec-WebSocket-Protocol: parley.v1\r\n") == (chosen != nil))
    }

    @Test("compression is accepted when it is wanted")
    func compression() {
        let offer = ["sec-websocket-extensions": ["permessage-deflate; client_max_window_bits"]]
        guard case .accept(let with) = respond(offer),
            case .accept(let without) = respond(offer, options: .init(deflate: nil))
        else {
            Issue.record("refused")
            return
        }
        #expect(without.deflate == nil)
        #expect(with.deflate == DeflateParameters())
        #expect(
            String(decoding: with.responseHead, as: UTF8.self).contains(
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                    + "client_no_context_takeover\r\n"))
    }
}

@Suite("The client's handshake, RFC 6455 section 4.1")
struct ClientHandshakeTests {
    private let client = ClientHandshake(
        random: Array("the sample nonce".utf8), subprotocols: ["parley.v1"], deflate: DeflateParameters())

    @Test("the request is one that the server accepts")
    func request() {
        let bytes = client.request(
            host: "localhost:8080", path: "/ws?a=b", headers: [(name: "Authorization", value: "Bearer x")])
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "GET /ws?a=b HTTP/1.1")
        #expect(lines.suffix(2) == ["", ""])
        var headers: [String: [String]] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased(), default: []].append(String(parts[1].dropFirst())) }
        }
        #expect(headers["authorization"] == ["Bearer x"])
        let outcome = Handshake.respond(
            method: "GET", version: (1, 1), options: .init(subprotocols: ["parley.v1"])
        ) { headers[$0] ?? [] }
        #expect(
            outcome
                == .accept(
                    Handshake.Acceptance(
                        key: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", subprotocol: "parley.v1", deflate: DeflateParameters())))
    }

    @Test(
        "responses",
        arguments: [
            (101, [:], nil),
            (101, ["sec-websocket-protocol": ["parley.v1"]], nil),
            (401, [:], .status(401)),
            (101, ["upgrade": []], .upgrade),
            (101, ["upgrade": ["websoc\u{212A}et"]], .upgrade),
            (101, ["connection": ["close"]], .upgrade),
            (101, ["sec-websocket-accept": ["s3pPLMBiTxaQ9kYGzzhZRbK+xOO="]], .acceptKey),
            (101, ["sec-websocket-accept": []], .acceptKey),
            (101, ["sec-websocket-protocol": ["other"]], .subprotocol),
            (101, ["sec-websocket-extensions": ["x-other"]], .extensions),
            (101, ["sec-websocket-extensions": ["permessage-deflate"]], .extensions),
            (101, ["sec-websocket-extensions": ["permessage-deflate; server_no_context_takeover"]], nil),
        ] as [(Int, [String: [String]], ClientHandshake.Refusal?)])
    func responses(_ status: Int, _ changes: [String: [String]], _ refusal: ClientHandshake.Refusal?) {
        let headers = [
            "upgrade": ["websocket"], "connection": ["Upgrade"],
            "sec-websocket-accept": ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
        ].merging(changes) { $1 }
        do throws(ClientHandshake.Refusal) {
            let agreement = try client.confirm(status: status) { headers[$0] ?? [] }
            #expect(refusal == nil)
            #expect(agreement.subprotocol == changes["sec-websocket-protocol"]?.first)
            #expect(agreement.deflate == (changes["sec-websocket-extensions"] == nil ? nil : DeflateParameters()))
        } catch {
            #expect(error == refusal)
        }
    }
}
