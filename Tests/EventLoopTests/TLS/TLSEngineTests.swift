import COpenSSL
import EventLoop
import Testing

@Suite("TLS engine")
struct TLSEngineTests {
    private let certificates: Certificates
    private let context: TLSServerContext
    private let trusting: TLSClientContext

    init() throws {
        certificates = try Certificates()
        let files = try certificates.make("own")
        context = try TLSServerContext([files])
        trusting = try TLSClientContext(extraCAFile: files.chain)
    }

    @Test("a handshake, and bytes both ways", arguments: ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"])
    func roundTrip(host: String) throws {
        let pair = try EnginePair(context, trusting, host: host)
        pair.exchange()
        #expect(pair.client.isOpen && pair.server.isOpen)
        #expect(pair.client.version == "TLSv1.3")
        #expect(pair.client.cipher == "TLS_AES_128_GCM_SHA256")
        #expect(pair.client.applicationProtocol == "http/1.1")
        let text = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 11) }
        #expect(pair.write(text))
        #expect(pair.write(Array(text[..<70_000]), fromServer: true))
        pair.exchange()
        #expect(pair.serverRead == text)
        #expect(pair.clientRead == Array(text[..<70_000]))
        pair.server.sealEnd()
        pair.exchange()
        #expect(pair.clientEvent == .ended)
        #expect(pair.write([4]))
        #expect(pair.write([1], fromServer: true) == false)
    }

    @Test("a handshake in pieces, however it is cut")
    func pieces() throws {
        let whole = try EnginePair(context, trusting)
        let hello = whole.clientWire.output.count
        whole.exchange(piece: 1)
        #expect(whole.client.isOpen && whole.server.isOpen)
        for first in 1..<hello {
            let pair = try EnginePair(context, trusting)
            pair.exchange(first: first)
            #expect(pair.write([7, 8, 9]), "cut after \(first)")
            pair.exchange(first: first % 24 + 1)
            #expect(pair.serverRead == [7, 8, 9], "cut after \(first)")
        }
    }

    @Test("what others on the thread left in OpenSSL's queue of errors is not taken for a failure of this connection")
    func othersErrors() throws {
        let pair = try EnginePair(context, trusting)
        pair.exchange()
        #expect(BIO_new_file("/nowhere/at/all", "r") == nil)
        #expect(ERR_peek_error() != 0)
        #expect(pair.write([1, 2, 3]))
        // Each piece but the last ends in the middle of a record.
        pair.exchange(piece: 1)
        #expect(pair.serverRead == [1, 2, 3])
        #expect(pair.serverEvent == .needsMore)
        #expect(BIO_new_file("/nowhere/at/all", "r") == nil)
        pair.give([UInt8](repeating: 22, count: 30), toServer: true)
        guard case .failed(.record(let reason)) = pair.serverEvent else {
            Issue.record("\(pair.serverEvent)")
            return
        }
        #expect(reason.contains("version") || reason.contains("record"), "\(reason)")
    }

    @Test("whom a client does not believe")
    func refused() throws {
        let expired = try certificates.make("expired", isExpired: true)
        let foreign = try certificates.make("foreign", for: ["DNS:example.com", "DNS:*.example.org", "IP:10.0.0.1"])
        let old = try TLSServerContext([expired])
        let strange = try TLSServerContext([foreign])
        let unknown = try TLSClientContext()
        let oldTrust = try TLSClientContext(extraCAFile: expired.chain)
        let strangeTrust = try TLSClientContext(extraCAFile: foreign.chain)
        let table: [(TLSServerContext, TLSClientContext, String, String?)] = [
            (context, unknown, "localhost", "self-signed certificate"),
            (context, trusting, "localhost", nil),
            (context, trusting, "example.com", "hostname mismatch"),
            (context, trusting, "127.0.0.2", "IP address mismatch"),
            (context, trusting, "::2", "IP address mismatch"),
            (old, oldTrust, "localhost", "certificate has expired"),
            (strange, strangeTrust, "example.com", nil),
            (strange, strangeTrust, "a.example.org", nil),
            (strange, strangeTrust, "example.org", "hostname mismatch"),
            (strange, strangeTrust, "a.b.example.org", "hostname mismatch"),
            (strange, strangeTrust, "10.0.0.1", nil),
        ]
        for (server, client, host, reason) in table {
            let pair = try EnginePair(server, client, host: host)
            pair.exchange()
            if let reason {
                #expect(pair.clientEvent == .failed(.certificate(reason)), "\(host)")
                // The server hears why: an alert about a certificate.
                guard case .failed(.alert(let number)) = pair.serverEvent else {
                    Issue.record("\(host): \(pair.serverEvent)")
                    continue
                }
                #expect([42, 45, 46, 48].contains(number), "\(host): \(number)")
            } else {
                #expect(pair.client.isOpen && pair.server.isOpen, "\(host): \(pair.clientEvent)")
            }
        }
        let blind = try EnginePair(strange, TLSClientContext(verifies: false), host: "localhost")
        blind.exchange()
        #expect(blind.client.isOpen)
    }

    @Test(
        "what is no handshake fails at once",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{03}\u{01}\u{00}\u{04}\u{01}\u{00}\u{00}\u{00}", "SSH-2.0-x\r\n",
        ])
    func noHandshake(text: String) throws {
        let pair = try EnginePair(context, trusting)
        pair.give(Array(text.utf8), toServer: true)
        guard case .failed(.handshake) = pair.serverEvent else {
            Issue.record("\(pair.serverEvent)")
            return
        }
    }

    @Test("a handshake that never ends is cut by its length")
    func endless() throws {
        let pair = try EnginePair(context, trusting)
        // A hello of 120 000 bytes, in records of 4 096.
        let record: [UInt8] = [22, 3, 1, 16, 0]
        pair.give(record + [1, 1, 0xD4, 0xC0] + [UInt8](repeating: 0, count: 4_092), toServer: true)
        var rounds = 0
        while pair.serverEvent == .needsMore, rounds < 40 {
            pair.give(record + [UInt8](repeating: 0, count: 4_096), toServer: true)
            rounds += 1
        }
        #expect(pair.serverEvent == .failed(.handshake("too long")))
        #expect(rounds == 15)
    }

    @Test("a changed byte ends the connection")
    func changed() throws {
        let pair = try EnginePair(context, trusting)
        pair.exchange()
        #expect(pair.write([1, 2, 3]))
        var record = EnginePair.take(pair.clientWire)
        record[record.count - 1] ^= 1
        pair.give(record, toServer: true)
        #expect(pair.serverEvent == .failed(.record("decryption failed or bad record mac")))
        #expect(pair.serverRead.isEmpty)
        #expect(pair.write([1], fromServer: true) == false)
        pair.exchange()
        #expect(pair.clientEvent == .failed(.alert(20)))
    }
}
