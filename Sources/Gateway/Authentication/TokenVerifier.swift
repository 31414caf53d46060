import Foundation
import JWTKit

/// Checks tokens (RFC 7519, RFC 7515) on any thread and without waiting: with the secret of HS256, with the issuer's
/// public keys, or with both where both are configured. Which of them is decided by the kind of key, so that a public
/// key can't be taken for a secret, nor a token do without a signature.
package struct TokenVerifier: Sendable {
    private let secret: (any JWTAlgorithm)?
    package let keySet: KeySet?
    package let rules: TokenRules

    /// - Parameters:
    ///   - secret: the key of HS256; empty or `nil`: such tokens are refused.
    ///   - keySet: public keys; `nil`: tokens of EdDSA, ES256 and RS256 are refused.
    package init(secret: String?, keySet: KeySet? = nil, rules: TokenRules) async throws {
        if let secret, !secret.isEmpty {
            self.secret = try await Self.keys(secret).getKey()
        } else {
            self.secret = nil
        }
        self.keySet = keySet
        self.rules = rules
    }

    /// - Parameter now: seconds since 1970.
    /// - Throws: what `dependsOnKeys` when new keys of the issuer may help.
    package func verify(_ token: String, now: Double) throws(TokenError) -> Principal {
        let token = try SignedToken(token)
        if token.algorithm == "HS256", let secret {
            // HMAC of swift-crypto, which compares in constant time.
            guard (try? secret.verify(token.signature, signs: token.signed)) == true else { throw .wrongSignature }
        } else if let algorithm = SignatureAlgorithm(name: token.algorithm), let keySet {
            try verify(token, algorithm, keySet.keys)
        } else {
            throw .wrongAlgorithm
        }
        return try rules.principal(try Claims(token.claims, roleClaim: rules.roleClaim), now: now)
    }

    private func verify(
        _ token: SignedToken, _ algorithm: SignatureAlgorithm, _ keys: VerificationKeys
    ) throws(TokenError) {
        let candidates = keys.candidates(algorithm, keyID: token.keyID)
        if candidates.isEmpty {
            if let id = token.keyID, keys.knows(keyID: id) { throw .wrongAlgorithm }
            throw .unknownKey
        }
        // There are several without a key id, or where an issuer gives one id to two keys.
        for key in candidates where (try? key.verifier.verify(token.signature, signs: token.signed)) == true { return }
        throw .wrongKey
    }

    fileprivate static func keys(_ secret: String) async -> JWTKeyCollection {
        let keys = JWTKeyCollection()
        // HMAC fills a key up with zeros itself (RFC 2104 section 2), so these change nothing but the length, which the
        // library insists on.
        var bytes = Array(secret.utf8)
        bytes += [UInt8](repeating: 0, count: max(0, TokenSigner.advisedSecretLength - bytes.count))
        await keys.add(hmac: HMACKey(from: bytes), digestAlgorithm: .sha256)
        return keys
    }
}

/// Makes tokens: for `parley token` and, in development, `POST /dev/token`.
package struct TokenSigner: Sendable {
    /// Bytes that a key of HS256 should have at least (RFC 7518 section 3.2).
    package static let advisedSecretLength = 32
    package static let shortSecret =
        "AUTH_JWT_SECRET is shorter than the \(advisedSecretLength) bytes that HS256 asks for (RFC 7518 section 3.2)"

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
