import Chat
import Foundation
import Gateway
import JWTKit
import Synchronization
import Testing

/// An issuer with a key of each kind, and what it publishes.
struct Issuer: Sendable {
    static let common = Issuer()
    static let claims = #"{"sub":"alice","exp":1900000060,"iat":1899999990,"aud":["parley"],"iss":"me"}"#

    let ed: EdDSA.PrivateKey
    let ec = ES256PrivateKey()

    init() {
        do { ed = try EdDSA.PrivateKey() } catch { preconditionFailure("\(error)") }
    }

    static func base64(_ bytes: some Sequence<UInt8>) -> String {
        url(Data(bytes).base64EncodedString())
    }

    private static func url(_ text: String) -> String {
        text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    var edKey: String { #"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"ed","x":"\#(edX)"}"# }
    var edX: String { Self.base64(ed.publicKey.rawRepresentation) }
    var ecKey: String {
        let point = ec.publicKey.parameters
        return #"{"kty":"EC","crv":"P-256","use":"sig","kid":"ec","x":"\#(Self.url(point?.x ?? ""))","#
            + #""y":"\#(Self.url(point?.y ?? ""))"}"#
    }
    var document: [UInt8] { Self.document([edKey, ecKey]) }

    static func document(_ keys: [String]) -> [UInt8] {
        Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8)
    }

    /// A token of these parts, the last being its signature.
    func token(header: String, claims: String = Issuer.claims) async throws -> String {
        let signed = Self.base64(header.utf8) + "." + Self.base64(claims.utf8)
        let keys = JWTKeyCollection()
        if header.contains("ES256") { await keys.add(ecdsa: ec) } else { await keys.add(eddsa: ed) }
        return try await signed + "." + Self.base64(keys.getKey().sign(Array(signed.utf8)))
    }
}

/// A source whose answers the test gives.
final class FakeSource: Sendable {
    private struct State {
        var asked = 0
        var answers: [@Sendable (Result<[UInt8], KeySetError>) -> Void] = []
    }
    private let state = Mutex(State())

    var asked: Int { state.withLock { $0.asked } }

    var source: KeySet.Source {
        { done in
            self.state.withLock {
                $0.asked += 1
                $0.answers.append(done)
            }
        }
    }

    func answer(_ result: Result<[UInt8], KeySetError>) {
        let answers = self.state.withLock { state in
            let answers = state.answers
            state.answers = []
            return answers
        }
        for done in answers { done(result) }
    }
}

@Suite("Tokens of an issuer with public keys (RFC 7517, RFC 8725)")
struct IssuerTests {
    static let now = TokenTests.now
    private func verifier(
        _ document: [UInt8] = Issuer.common.document, secret: String? = nil
    ) async throws -> TokenVerifier {
        let keys = KeySet(source: { $0(.success(document)) })
        try await keys.load()
        return try await TokenVerifier(
            secret: secret, keySet: keys, rules: TokenRules(issuer: "me", audience: "parley"))
    }

    static let headers = [
        #"{"alg":"EdDSA","kid":"ed"}"#, #"{"alg":"ES256","kid":"ec"}"#, #"{"alg":"EdDSA"}"#,
        #"{"alg":"EdDSA","kid":null}"#, #"{"alg":"Ed25519","kid":"ed"}"#, #"{"alg":"Ed25519"}"#,
    ]

    @Test("good tokens", arguments: headers)
    func good(_ header: String) async throws {
        let token = try await Issuer.common.token(header: header)
        #expect(try await verifier().verify(token, now: Self.now).userID == "alice")
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var header: String
        var claims = Issuer.claims
        var error: TokenError

        init(_ name: String, _ header: String, claims: String = Issuer.claims, _ error: TokenError) {
            testDescription = name
            self.header = header
            self.claims = claims
            self.error = error
        }
    }

    static let attacks = [
        Attack("none", #"{"alg":"none","kid":"ed"}"#, .wrongAlgorithm),
        Attack("None", #"{"alg":"None"}"#, .wrongAlgorithm),
        Attack("HS256 without a secret configured", #"{"alg":"HS256","kid":"ed"}"#, .wrongAlgorithm),
        Attack("Ed448", #"{"alg":"Ed448","kid":"ed"}"#, .wrongAlgorithm),
        Attack("HS384", #"{"alg":"HS384","kid":"ed"}"#, .wrongAlgorithm),
        Attack("PS256", #"{"alg":"PS256","kid":"ed"}"#, .wrongAlgorithm),
        Attack("ES384", #"{"alg":"ES384","kid":"ec"}"#, .wrongAlgorithm),
        Attack("another algorithm than the key's", #"{"alg":"ES256","kid":"ed"}"#, .wrongAlgorithm),
        Attack("no algorithm", #"{"kid":"ed"}"#, .malformed),
        Attack("an algorithm that is no text", #"{"alg":["EdDSA"],"kid":"ed"}"#, .malformed),
        Attack("an unknown key", #"{"alg":"EdDSA","kid":"other"}"#, .unknownKey),
        Attack("kid: a path", #"{"alg":"EdDSA","kid":"../../../../dev/null"}"#, .unknownKey),
        Attack("kid: SQL", #"{"alg":"EdDSA","kid":"x' union select 'a'--"}"#, .unknownKey),
        Attack("kid: an address", #"{"alg":"EdDSA","kid":"http://127.0.0.1/key"}"#, .unknownKey),
        Attack("kid: too long", #"{"alg":"EdDSA","kid":"\#(String(repeating: "k", count: 257))"}"#, .malformed),
        Attack("kid: a number", #"{"alg":"EdDSA","kid":7}"#, .malformed),
        Attack("kid: empty", #"{"alg":"EdDSA","kid":""}"#, .malformed),
        Attack("crit", #"{"alg":"EdDSA","kid":"ed","crit":["exp"]}"#, .wrongAlgorithm),
        Attack("b64", #"{"alg":"EdDSA","kid":"ed","b64":false}"#, .wrongAlgorithm),
        Attack("two algorithms", #"{"alg":"EdDSA","alg":"none","kid":"ed"}"#, .malformed),
        Attack("an escaped second algorithm", #"{"alg":"EdDSA","\u0061lg":"none","kid":"ed"}"#, .malformed),
        Attack("jku is not followed", #"{"alg":"EdDSA","kid":"evil","jku":"https://evil.example/jwks"}"#, .unknownKey),
        Attack("x5u is not followed", #"{"alg":"ES256","kid":"evil","x5u":"https://evil.example/c"}"#, .unknownKey),
        Attack(
            "a key of its own", #"{"alg":"EdDSA","kid":"evil","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
            .unknownKey),
        Attack("a header that is a list", #"[{"alg":"EdDSA"}]"#, .malformed),
        Attack("a header with more behind it", #"{"alg":"EdDSA","kid":"ed"} {}"#, .malformed),
        Attack(
            "two subjects", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","sub":"bob","exp":1900000060,"aud":"parley","iss":"me"}"#, .malformed),
        Attack(
            "wrong issuer", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000060,"aud":"parley","iss":"you"}"#, .wrongIssuer),
        Attack(
            "wrong audience", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000060,"aud":["a","b"],"iss":"me"}"#, .wrongAudience),
        Attack(
            "an audience that is no text", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000060,"aud":["parley",1],"iss":"me"}"#, .malformed),
        Attack(
            "nbf to come", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000060,"nbf":1900000031,"aud":"parley","iss":"me"}"#, .notYetValid),
        Attack(
            "iat to come", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000060,"iat":1900000031,"aud":"parley","iss":"me"}"#, .notYetValid),
        Attack(
            "expired", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":1900000000,"aud":"parley","iss":"me"}"#, .expired),
        Attack(
            "exp as text", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":"alice","exp":"1900000060","aud":"parley","iss":"me"}"#, .malformed),
        Attack(
            "a subject that is a list", #"{"alg":"EdDSA","kid":"ed"}"#,
            claims: #"{"sub":["alice"],"exp":1900000060,"aud":"parley","iss":"me"}"#, .malformed),
    ]

    @Test("attacks", arguments: attacks)
    func refused(_ attack: Attack) async throws {
        let token = try await Issuer.common.token(header: attack.header, claims: attack.claims)
        let verifier = try await verifier()
        #expect(throws: attack.error) { try verifier.verify(token, now: Self.now) }
    }

    @Test("HS256 with the public key for a secret")
    func confusion() async throws {
        let verifier = try await verifier(secret: TokenTests.secret)
        for secret in [Issuer.common.edX, Issuer.common.edKey, String(decoding: Issuer.common.document, as: UTF8.self)]
        {
            let token = try await TokenSigner(secret: secret).sign(
                userID: "alice", role: nil, issuer: "me", audience: "parley", now: Self.now, lifetime: 60
            ).token
            #expect(throws: TokenError.wrongSignature) { try verifier.verify(token, now: Self.now) }
        }
        // Both kinds are good where both are configured.
        let token = try await TokenSigner(secret: TokenTests.secret).sign(
            userID: "bob", role: nil, issuer: "me", audience: "parley", now: Self.now, lifetime: 60
        ).token
        #expect(try verifier.verify(token, now: Self.now).userID == "bob")
        let signed = try await Issuer.common.token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
        #expect(try verifier.verify(signed, now: Self.now).userID == "alice")
    }

    @Test("signatures that were changed, and spelled otherwise")
    func signatures() async throws {
        let verifier = try await verifier()
        let token = try await Issuer.common.token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
        let parts = token.split(separator: ".").map(String.init)
        #expect(throws: TokenError.wrongKey) {
            try verifier.verify("\(parts[0]).\(parts[1]).\(parts[2].dropLast(2))", now: Self.now)
        }
        #expect(throws: TokenError.wrongKey) { try verifier.verify("\(parts[0]).\(parts[1]).", now: Self.now) }
        for bad in [
            token + "=", token + "==", token + " ", token + "\n", " " + token, token.replacing(".", with: ".="),
        ] {
            #expect(throws: TokenError.malformed) { try verifier.verify(bad, now: Self.now) }
        }
        // 64 bytes leave four bits of the last character over: they must be zero.
        let last = try #require(parts[2].last)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let index = try #require(alphabet.firstIndex(of: last))
        let other = token.dropLast() + String(alphabet[index + 1])
        #expect(throws: TokenError.malformed) { try verifier.verify(String(other), now: Self.now) }
        let wrongKey = try await Issuer().token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
        #expect(throws: TokenError.wrongKey) { try verifier.verify(wrongKey, now: Self.now) }
        #expect(throws: TokenError.malformed) {
            try verifier.verify(String(repeating: "a", count: 8 * 1024 + 1), now: Self.now)
        }
    }

    static let unusableKeys = [
        #"{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"x"}"#,
        #"{"kty":"OKP","crv":"Ed25519","alg":"ES256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        #"{"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        #"{"kty":"OKP","crv":"Ed448","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        #"{"kty":"OKP","crv":"Ed25519","x":"11qY"}"#,
        #"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
        #"{"kty":"RSA","e":"AQAB","n":"\#(Issuer.base64([0xC1] + Array(repeating: 0xFF, count: 127)))"}"#,
        #"{"kty":"RSA","e":"AQAB","n":"\#(Issuer.base64([0, 0] + Array(repeating: 0xFF, count: 255)))"}"#,
        #"{"kty":"RSA","e":"AQAB","n":"\#(Issuer.base64(Array(repeating: 0xFF, count: 1_025)))"}"#,
        #""text""#,
    ]

    @Test("keys that are not used", arguments: unusableKeys)
    func passedOver(_ key: String) async {
        await #expect(throws: KeySetError.self) { try await VerificationKeys(jwks: Issuer.document([key])) }
    }

    @Test(
        "what is no key set",
        arguments: [
            "", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, "<html>", String(repeating: " ", count: 256 * 1024 + 1),
        ])
    func noSet(_ text: String) async {
        await #expect(throws: KeySetError.self) { try await VerificationKeys(jwks: Array(text.utf8)) }
    }

    /// Keys of other owners, each with an id of its own.
    private static func others(_ count: Int) throws -> [String] {
        try (0..<count).map { number in
            let x = Issuer.base64(try EdDSA.PrivateKey().publicKey.rawRepresentation)
            return #"{"kty":"OKP","crv":"Ed25519","kid":"k\#(number)","x":"\#(x)"}"#
        }
    }

    @Test("a set that has grown is used whole", arguments: [64, 65, 300, 1_200])
    func many(_ count: Int) async throws {
        let others = try Self.others(count - 1)
        for document in [
            Issuer.document(others + [Issuer.common.edKey]), Issuer.document([Issuer.common.edKey] + others),
        ] {
            #expect(try await VerificationKeys(jwks: document).count == count)
            let token = try await Issuer.common.token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
            #expect(try await verifier(document).verify(token, now: Self.now).userID == "alice")
        }
    }

    @Test("of a set over the bound the last keys are used, and that is said")
    func tooMany() async throws {
        let filling = Array(repeating: "{}", count: VerificationKeys.maximumKeys)
        let keys = try await VerificationKeys(jwks: Issuer.document(filling + [Issuer.common.edKey]))
        #expect(keys.count == 1)
        #expect(keys.unused.count <= VerificationKeys.maximumNamed + 2)
        #expect(keys.unused.first?.contains("\(VerificationKeys.maximumKeys + 1) keys") == true)
        await #expect(throws: KeySetError.self) {
            try await VerificationKeys(jwks: Issuer.document([Issuer.common.edKey] + filling))
        }
    }

    @Test("a key that comes twice is one; two keys of one id are both tried")
    func twice() async throws {
        let other = try Self.others(1)[0].replacing(#""k0""#, with: #""ed""#)
        let document = Issuer.document([Issuer.common.edKey, other, Issuer.common.edKey])
        #expect(try await VerificationKeys(jwks: document).count == 2)
        let token = try await Issuer.common.token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
        #expect(try await verifier(document).verify(token, now: Self.now).userID == "alice")
    }

    @Test("without a key id a token is tried with the last keys of its algorithm, and with no more than the bound")
    func withoutID() async throws {
        let token = try await Issuer.common.token(header: #"{"alg":"EdDSA"}"#)
        let others = try Self.others(VerificationKeys.maximumCandidates)
        let good = try await verifier(Issuer.document(others + [Issuer.common.edKey]))
        #expect(try good.verify(token, now: Self.now).userID == "alice")
        let far = try await verifier(Issuer.document([Issuer.common.edKey] + others))
        #expect(throws: TokenError.wrongKey) { try far.verify(token, now: Self.now) }
    }

    @Test(
        "keys that were written carelessly",
        arguments: [
            #""use":null,"alg":null,"key_ops":null"#, #""alg":"Ed25519""#, #""kid":null"#,
            #""use":"sig","key_ops":["verify","sign"]"#,
        ])
    func careless(_ members: String) async throws {
        let key = #"{"kty":"OKP","crv":"Ed25519","x":"\#(Issuer.common.edX)=",\#(members)}"#
        let token = try await Issuer.common.token(header: #"{"alg":"EdDSA"}"#)
        #expect(try await verifier(Issuer.document([key])).verify(token, now: Self.now).userID == "alice")
    }

    @Test("coordinates without the zeros in front, or with one too many")
    func coordinates() async throws {
        // Every 256th key has one.
        var key = ES256PrivateKey()
        var point = try #require(key.publicKey.parameters)
        while !point.x.hasPrefix("AA") && !point.y.hasPrefix("AA") {
            key = ES256PrivateKey()
            point = try #require(key.publicKey.parameters)
        }
        let x = try #require(Data(base64Encoded: point.x)), y = try #require(Data(base64Encoded: point.y))
        let collection = JWTKeyCollection()
        await collection.add(ecdsa: key)
        let signed = Issuer.base64(#"{"alg":"ES256"}"#.utf8) + "." + Issuer.base64(Issuer.claims.utf8)
        let token = try await signed + "." + Issuer.base64(collection.getKey().sign(Array(signed.utf8)))
        for (x, y) in [(x, y), (x.drop { $0 == 0 }, y.drop { $0 == 0 }), ([0] + x, [0] + y)] {
            let jwk = #"{"kty":"EC","crv":"P-256","x":"\#(Issuer.base64(x))","y":"\#(Issuer.base64(y))"}"#
            #expect(try await verifier(Issuer.document([jwk])).verify(token, now: Self.now).userID == "alice")
        }
    }

    @Test("keys that are not used are named with their reason, and each once")
    func named() async throws {
        let source = FakeSource()
        let (outcomes, feed) = AsyncStream.makeStream(of: [String].self, bufferingPolicy: .bufferingNewest(16))
        let keys = KeySet(source: source.source, report: { feed.yield((try? $0.get())?.news ?? ["failed"]) })
        var reports = outcomes.makeAsyncIterator()
        let small = #"{"kty":"RSA","kid":"old","e":"AQAB","n":"\#(Issuer.base64(Array(repeating: 0xFF, count: 128)))"}"#
        keys.reload()
        source.answer(.success(Issuer.document([small, Issuer.common.edKey, #"{"kid":7,"kty":"OKP"}"#])))
        let first = try #require(await reports.next())
        #expect(
            first.count == 2 && first[0].contains("\"old\"") && first[0].contains("1024")
                && first[1].hasPrefix("key 3 "))
        keys.reload()
        source.answer(
            .success(Issuer.document([small, Issuer.common.edKey, #"{"kty":"OKP","crv":"Ed448","kid":"x"}"#])))
        #expect(await reports.next()?.map { $0.prefix(7) } == [#"key "x""#])
    }

    @Test("the last good set stays while the issuer is away or talks nonsense; the new one counts when it comes")
    func lastGood() async throws {
        let source = FakeSource()
        let (outcomes, feed) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(16))
        let keys = KeySet(source: source.source, report: { feed.yield((try? $0.get()) != nil) })
        var reports = outcomes.makeAsyncIterator()
        keys.reload()
        source.answer(.success(Issuer.common.document))
        #expect(await reports.next() == true)
        let verifier = try await TokenVerifier(secret: nil, keySet: keys, rules: TokenRules())
        let token = try await Issuer.common.token(header: #"{"alg":"EdDSA","kid":"ed"}"#)
        for bad in [Result<[UInt8], KeySetError>.failure(KeySetError("away")), .success(Array("<html>".utf8))] {
            keys.reload()
            source.answer(bad)
            #expect(await reports.next() == false)
            #expect(try verifier.verify(token, now: Self.now).userID == "alice")
        }
        keys.reload()
        source.answer(.success(Issuer.document([Issuer.common.ecKey])))
        #expect(await reports.next() == true)
        #expect(throws: TokenError.unknownKey) { try verifier.verify(token, now: Self.now) }
    }

    @Test("those who wait for a key all hear of it, and one question is asked")
    func waiting() async throws {
        let source = FakeSource()
        let keys = KeySet(source: source.source, clock: { 0 })
        let (heard, feed) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(16))
        for index in 0..<3 { #expect(keys.refresh { feed.yield(index) } == .wait(fetch: index == 0)) }
        #expect(source.asked == 1)
        source.answer(.success(Issuer.common.document))
        var all: Set<Int> = []
        for await index in heard {
            all.insert(index)
            if all.count == 3 { break }
        }
        #expect(!keys.isEmpty)
        #expect(keys.refresh {} == .refuse)
        #expect(source.asked == 1)
    }
}

@Suite("When keys are asked for again")
struct KeyRefreshMachineTests {
    private let second: UInt64 = 1_000_000_000

    @Test("a token that fails: at once, and at most once in 30 s")
    func failing() {
        var machine = KeyRefreshMachine()
        #expect(machine.tokenFailed(at: 0) == .wait(fetch: true))
        #expect(machine.tokenFailed(at: second) == .wait(fetch: false))
        #expect(machine.waiting == 2)
        machine.ended(succeeded: true, at: 2 * second)
        #expect(machine.waiting == 0)
        #expect(machine.tokenFailed(at: 29 * second) == .refuse)
        #expect(machine.tokenFailed(at: 30 * second) == .wait(fetch: true))
        machine.ended(succeeded: true, at: 31 * second)
        #expect(machine.tokenFailed(at: 59 * second) == .refuse)
        #expect(machine.tokenFailed(at: 60 * second) == .wait(fetch: true))
    }

    @Test("while the set can't be had nobody is refused, and it is asked for sooner")
    func away() {
        var machine = KeyRefreshMachine()
        #expect(machine.standing(at: 0) == .undecided(seconds: 1))
        #expect(machine.force() == true)
        machine.ended(succeeded: false, at: 10 * second)
        #expect(machine.tokenFailed(at: 10 * second) == .wait(fetch: true))
        #expect(machine.standing(at: 10 * second) == .undecided(seconds: 1))
        machine.ended(succeeded: false, at: 20 * second)
        #expect(machine.tokenFailed(at: 20 * second) == .undecided(seconds: 2))
        #expect(machine.standing(at: 21 * second) == .undecided(seconds: 1))
        #expect(machine.tokenFailed(at: 22 * second) == .wait(fetch: true))
        machine.ended(succeeded: true, at: 23 * second)
        #expect(machine.standing(at: 23 * second) == .refuse)
        #expect(machine.tokenFailed(at: 24 * second) == .refuse)
        // What was known before does not help when the issuer goes away again.
        #expect(machine.tick(at: 323 * second) == true)
        machine.ended(succeeded: false, at: 324 * second)
        #expect(machine.standing(at: 400 * second) == .undecided(seconds: 1))
    }

    @Test("waiting is bounded")
    func bound() {
        var settings = KeyRefreshMachine.Settings()
        settings.waiting = 2
        var machine = KeyRefreshMachine(settings)
        #expect(machine.tokenFailed(at: 0) == .wait(fetch: true))
        #expect(machine.tokenFailed(at: 0) == .wait(fetch: false))
        #expect(machine.tokenFailed(at: 0) == .undecided(seconds: 1))
    }

    @Test("every five minutes; after failures sooner, with growing pauses up to a minute")
    func interval() {
        var machine = KeyRefreshMachine()
        #expect(machine.tick(at: 0) == true)
        #expect(machine.tick(at: 400 * second) == false)
        machine.ended(succeeded: true, at: 0)
        #expect(machine.tick(at: 299 * second) == false)
        #expect(machine.tick(at: 300 * second) == true)
        var now = 300 * second
        for pause: UInt64 in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            machine.ended(succeeded: false, at: now)
            #expect(machine.tick(at: now + pause * second - 1) == false)
            now += pause * second
            #expect(machine.tick(at: now) == true)
        }
        #expect(machine.force() == false)
        machine.ended(succeeded: true, at: now)
        #expect(machine.force() == true)
    }
}
