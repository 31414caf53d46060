import Chat
import Postgres
import Store
import Testing

@Suite struct ContentCipherTests {
    static let first = "k1:" + String(repeating: "A", count: 43) + "="
    static let second = "k2:" + String(repeating: "B", count: 42) + "A="
    private let thread = Identifier(high: 1, low: 2)
    private let message = Identifier(high: 3, low: 4)

    @Test(arguments: ["", "a", "hello", "héllo 😀\u{1F468}\u{200D}\u{1F469}", String(repeating: "x", count: 200_000)])
    func opensWhatItSealed(_ text: String) throws {
        let cipher = try ContentCipher(parsing: Self.first)
        let sealed = try cipher.seal(text, .content, thread: thread, id: message)
        // A short text may be in Base64 by chance.
        #expect(text.utf8.count < 5 || !sealed.contains(text))
        #expect(sealed.utf8.count == (text.utf8.count + 28 + 2) / 3 * 4)
        #expect(try cipher.open(sealed, key: "k1", .content, thread: thread, id: message) == text)
    }

    @Test func everyTextHasANonceOfItsOwn() throws {
        let cipher = try ContentCipher(parsing: Self.first)
        let sealed = try (0..<100).map { _ in try cipher.seal("same", .content, thread: thread, id: message) }
        #expect(Set(sealed.map { $0.prefix(16) }).count == 100)
    }

    @Test func belongsToItsPlace() throws {
        let cipher = try ContentCipher(parsing: Self.first)
        let sealed = try cipher.seal("secret", .content, thread: thread, id: message)
        for (kind, thread, id) in [
            (.content, thread, thread), (.content, message, message), (.toolCalls, thread, message),
        ] as [(ContentCipher.Kind, Identifier, Identifier)] {
            #expect(throws: PostgresError.self) {
                try cipher.open(sealed, key: "k1", kind, thread: thread, id: id)
            }
        }
    }

    @Test(arguments: ["", "A", "AAAA", "not base64!!", String(repeating: "A", count: 60)])
    func refusesWhatItDidNotSeal(_ text: String) throws {
        let cipher = try ContentCipher(parsing: Self.first)
        #expect(throws: PostgresError.self) {
            try cipher.open(text, key: "k1", .content, thread: thread, id: message)
        }
    }

    @Test func aChangedByteIsNoticed() throws {
        let cipher = try ContentCipher(parsing: Self.first)
        var bytes = Array(try cipher.seal("secret", .content, thread: thread, id: message).utf8)
        bytes[20] = bytes[20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let changed = String(decoding: bytes, as: UTF8.self)
        #expect(throws: PostgresError.self) {
            try cipher.open(changed, key: "k1", .content, thread: thread, id: message)
        }
    }

    @Test func theFirstSealsAndAllOpen() throws {
        let old = try ContentCipher(parsing: Self.first)
        let both = try ContentCipher(parsing: "\(Self.second),\(Self.first)")
        #expect(both.sealingKey == "k2")
        let sealed = try old.seal("secret", .content, thread: thread, id: message)
        #expect(try both.open(sealed, key: "k1", .content, thread: thread, id: message) == "secret")
        let again = try both.seal("secret", .content, thread: thread, id: message)
        #expect(throws: PostgresError.self) { try old.open(again, key: "k2", .content, thread: thread, id: message) }
    }

    @Test func plainSealsNothingAndOpens() throws {
        let old = try ContentCipher(parsing: Self.first)
        let plain = try ContentCipher(parsing: "plain,\(Self.first)")
        #expect(plain.sealingKey == nil)
        #expect(try plain.seal("x", .content, thread: thread, id: message) == "x")
        #expect(try plain.open("x", key: nil, .content, thread: thread, id: message) == "x")
        let sealed = try old.seal("secret", .content, thread: thread, id: message)
        #expect(try plain.open(sealed, key: "k1", .content, thread: thread, id: message) == "secret")
    }

    @Test func canaries() throws {
        let right = try ContentCipher(parsing: Self.first)
        let wrong = try ContentCipher(parsing: "k1:" + Self.second.dropFirst(3))
        let canary = try #require(right.canary(of: "k1"))
        #expect(right.opens(canary: canary, of: "k1"))
        #expect(!wrong.opens(canary: canary, of: "k1"))
        #expect(!right.opens(canary: canary, of: "k2"))
    }

    @Test(arguments: [
        "", "k1", "k1:", ":AAAA", "k1:AAAA", "k 1:\(first.dropFirst(3))", "\(first),\(first)", "\(first),",
        "k1:" + String(repeating: "!", count: 44),
    ])
    func keysThatCanNotBeUsed(_ text: String) {
        let error = #expect(throws: ContentKeyError.self) { try ContentCipher(parsing: text) }
        #expect(error?.description.contains(String(repeating: "A", count: 4)) == false)
        #expect(error?.description.hasPrefix("CONTENT_KEYS") == true)
    }
}
