import Foundation
import JWTKit

/// Checks tokens signed with HS256 (RFC 7519, RFC 7515), on any thread and without waiting.
package struct TokenVerifier: Sendable {
    /// The longest token that is looked at, in bytes.
    package static let maximumLength = 8 * 1024

    private let algorithm: any JWTAlgorithm
    private let parser = DefaultJWTParser()
    package let rules: TokenRules

    /// - Parameter secret: the key; not empty.
    package init(secret: String, rules: TokenRules) async throws {
        algorithm = try await Self.keys(secret).getKey()
        self.rules = rules
    }

    /// - Parameter now: seconds since 1970.
    package func verify(_ token: String, now: Double) throws(TokenError) -> Principal {
        guard token.utf8.count <= Self.maximumLength, !token.isEmpty else { throw .malformed }
        let bytes = Array(token.utf8)
        guard let signatureDot = bytes.lastIndex(of: UInt8(ascii: ".")) else { throw .malformed }
        let parsed: (header: JWTHeader, payload: Claims, signature: Data)
        do {
            parsed = try parser.parse(bytes, as: Claims.self)
        } catch {
            throw .malformed
        }
        // The algorithm is ours to say, not the token's: "none", and an asymmetric one that would make a public key
        // the secret, end here.
        guard parsed.header.alg == "HS256", parsed.header.crit == nil else { throw .wrongAlgorithm }
        // HMAC of swift-crypto, which compares in constant time.
        guard (try? algorithm.verify(parsed.signature, signs: bytes[..<signatureDot])) == true else {
            throw .wrongSignature
        }
        return try rules.principal(parsed.payload, now: now)
    }

    fileprivate static func keys(_ secret: String) async -> JWTKeyCollection {
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        return keys
    }
}

/// Makes tokens: for `parley token` and, in development, `POST /dev/token`.
package struct TokenSigner: Sendable {
    private let secret: String

    package init(secret: String) {
        self.secret = secret
    }

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - lifetime: seconds.
    package func sign(
        userID: String, role: String?, issuer: String?, audience: String?, now: Double, lifetime: Double
    ) async throws -> (token: String, expiresAt: Double) {
        let end = (now + lifetime).rounded(.down)
        let claims = Claims(
            sub: userID, exp: end, iat: now.rounded(.down), iss: issuer,
            aud: audience.map { AudienceClaim(value: [$0]) }, role: role)
        return (try await TokenVerifier.keys(secret).sign(claims), end)
    }
}
