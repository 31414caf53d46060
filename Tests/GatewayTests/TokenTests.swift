import Foundation
import Gateway
import JWTKit
import Testing

@Suite("Tokens: Protocol.md section 1")
struct TokenTests {
    static let secret = "a secret of more than thirty-two bytes, for tests"
    static let now: Double = 1_900_000_000

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var claims: Claims
        var issuer: String?
        var audience: String?
        var error: TokenError?

        var testDescription: String { name }

        init(
            _ name: String, _ claims: Claims, issuer: String? = nil, audience: String? = nil, error: TokenError? = nil
        ) {
            self.name = name
            self.claims = claims
            self.issuer = issuer
            self.audience = audience
            self.error = error
        }
    }

    static let cases = [
        Case("plain", Claims(sub: "u", exp: now + 1)),
        Case("255 characters", Claims(sub: String(repeating: "é", count: 255), exp: now + 1)),
        Case(
            "256 characters", Claims(sub: String(repeating: "u", count: 256), exp: now + 1),
            error: .missingClaim("sub")),
        Case("no sub", Claims(sub: nil, exp: now + 1), error: .missingClaim("sub")),
        Case("empty sub", Claims(sub: "", exp: now + 1), error: .missingClaim("sub")),
        Case("NUL in sub", Claims(sub: "a\0b", exp: now + 1), error: .missingClaim("sub")),
        Case("no exp", Claims(sub: "u", exp: nil), error: .missingClaim("exp")),
        Case("expired", Claims(sub: "u", exp: now - 1), error: .expired),
        Case("expires now", Claims(sub: "u", exp: now), error: .expired),
        Case("endless exp", Claims(sub: "u", exp: 1e300), error: .missingClaim("exp")),
        Case("negative exp", Claims(sub: "u", exp: -1), error: .missingClaim("exp")),
        Case("nbf within skew", Claims(sub: "u", exp: now + 9, nbf: now + 29)),
        Case("nbf in the future", Claims(sub: "u", exp: now + 99, nbf: now + 31), error: .notYetValid),
        Case("iat in the future", Claims(sub: "u", exp: now + 99, iat: now + 31), error: .notYetValid),
        Case("issuer", Claims(sub: "u", exp: now + 9, iss: "me"), issuer: "me"),
        Case("wrong issuer", Claims(sub: "u", exp: now + 9, iss: "you"), issuer: "me", error: .wrongIssuer),
        Case(
            "issuer that only looks alike", Claims(sub: "u", exp: now + 9, iss: "\u{212A}"), issuer: "K",
            error: .wrongIssuer),
        Case(
            "audience that only looks alike", Claims(sub: "u", exp: now + 9, aud: AudienceClaim(value: ["e\u{301}"])),
            audience: "\u{E9}", error: .wrongAudience),
        Case("no issuer", Claims(sub: "u", exp: now + 9), issuer: "me", error: .wrongIssuer),
        Case("audience", Claims(sub: "u", exp: now + 9, aud: AudienceClaim(value: ["a", "b"])), audience: "b"),
        Case(
            "wrong audience", Claims(sub: "u", exp: now + 9, aud: AudienceClaim(value: ["a"])), audience: "b",
            error: .wrongAudience),
        Case("no audience", Claims(sub: "u", exp: now + 9), audience: "b", error: .wrongAudience),
    ]

    @Test("claims", arguments: cases)
    func claims(_ item: Case) {
        let rules = TokenRules(issuer: item.issuer, audience: item.audience)
        var error: TokenError?
        do throws(TokenError) {
            let principal = try rules.principal(item.claims, now: Self.now)
            #expect(principal.userID == item.claims.sub)
        } catch let refusal {
            error = refusal
        }
        #expect(error == item.error)
    }

    @Test("roles", arguments: [("admin", true), ("Admin", false), ("user", false), ("", false)])
    func roles(_ role: String, _ isAdmin: Bool) throws {
        let principal = try TokenRules().principal(Claims(sub: "u", exp: Self.now + 1, role: role), now: Self.now)
        #expect(principal.isAdmin == isAdmin)
    }

    private func signed() async throws -> String {
        try await TokenSigner(secret: Self.secret).sign(
            userID: "alice", role: "admin", issuer: nil, audience: nil, now: Self.now, lifetime: 60
        ).token
    }

    @Test("a signed token is accepted until it ends")
    func roundTrip() async throws {
        let verifier = try await TokenVerifier(secret: Self.secret, rules: TokenRules())
        let token = try await signed()
        let principal = try verifier.verify(token, now: Self.now)
        #expect(principal.userID == "alice")
        #expect(principal.isAdmin)
        #expect(principal.expiresAt == Int64(Self.now + 60) * 1_000_000)
        #expect(throws: TokenError.expired) { try verifier.verify(token, now: Self.now + 60) }
    }

    @Test("another key, a changed payload, a cut signature")
    func forged() async throws {
        let verifier = try await TokenVerifier(secret: Self.secret, rules: TokenRules())
        let other = try await TokenVerifier(secret: Self.secret + "!", rules: TokenRules())
        let token = try await signed()
        #expect(throws: TokenError.wrongSignature) { try other.verify(token, now: Self.now) }
        let parts = token.split(separator: ".").map(String.init)
        let payload = encode(#"{"sub":"mallory","exp":1900000060}"#)
        #expect(throws: TokenError.wrongSignature) {
            try verifier.verify("\(parts[0]).\(payload).\(parts[2])", now: Self.now)
        }
        #expect(throws: TokenError.wrongSignature) {
            try verifier.verify("\(parts[0]).\(parts[1]).\(parts[2].dropLast(3))", now: Self.now)
        }
        #expect(throws: TokenError.wrongSignature) { try verifier.verify("\(parts[0]).\(parts[1]).", now: Self.now) }
    }

    @Test("the token does not choose the algorithm", arguments: ["none", "None", "HS512", "RS256", "ES256", "hs256"])
    func algorithms(_ name: String) async throws {
        let verifier = try await TokenVerifier(secret: Self.secret, rules: TokenRules())
        let parts = try await signed().split(separator: ".").map(String.init)
        let header = encode(#"{"alg":"\#(name)","typ":"JWT"}"#)
        #expect(throws: TokenError.wrongAlgorithm) {
            try verifier.verify("\(header).\(parts[1]).\(parts[2])", now: Self.now)
        }
        #expect(throws: TokenError.wrongAlgorithm) { try verifier.verify("\(header).\(parts[1]).", now: Self.now) }
    }

    @Test(
        "what is no token",
        arguments: ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\0.\0.\0", String(repeating: "a.", count: 8_000)])
    func malformed(_ text: String) async throws {
        let verifier = try await TokenVerifier(secret: Self.secret, rules: TokenRules())
        #expect(throws: TokenError.malformed) { try verifier.verify(text, now: Self.now) }
    }

    private func encode(_ text: String) -> String {
        Data(text.utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
