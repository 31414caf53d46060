import Foundation
package import JWTKit

/// What a token says of its bearer (PROTOCOL.md section 1).
package struct Claims: JWTPayload, Equatable {
    package var sub: String?
    package var exp: Double?
    package var nbf: Double?
    package var iat: Double?
    package var iss: String?
    package var aud: AudienceClaim?
    package var role: String?
    package var email: String?
    package var name: String?

    package init(
        sub: String?, exp: Double?, nbf: Double? = nil, iat: Double? = nil, iss: String? = nil,
        aud: AudienceClaim? = nil, role: String? = nil, email: String? = nil, name: String? = nil
    ) {
        self.sub = sub
        self.exp = exp
        self.nbf = nbf
        self.iat = iat
        self.iss = iss
        self.aud = aud
        self.role = role
        self.email = email
        self.name = name
    }

    /// The rules are `TokenRules`, which get the time as an input.
    package func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// Somebody whose token was accepted.
package struct Principal: Sendable, Equatable {
    package var userID: String
    package var isAdmin: Bool
    package var email: String?
    package var name: String?
    /// When the token ends, microseconds since 1970.
    package var expiresAt: Int64
}

/// Why a token was refused. The reason is for the log and for people; it never repeats the token.
package enum TokenError: Error, Sendable, Equatable {
    case missing
    case malformed
    case wrongAlgorithm
    case wrongSignature
    case missingClaim(String)
    case expired
    case notYetValid
    case wrongIssuer
    case wrongAudience

    package var message: String {
        switch self {
        case .missing: "A token is needed."
        case .malformed: "The token is malformed."
        case .wrongAlgorithm: "The token is signed by an algorithm that is not accepted."
        case .wrongSignature: "The token's signature is wrong."
        case .missingClaim(let claim): "The token's claim \"\(claim)\" is missing or unusable."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .wrongIssuer: "The token is from another issuer."
        case .wrongAudience: "The token is for another audience."
        }
    }
}

/// What a token's claims must be; pure, with the time as an input.
package struct TokenRules: Sendable {
    package var issuer: String?
    package var audience: String?
    /// Seconds by which clocks may differ for `nbf` and `iat`.
    package var clockSkew: Double = 30

    package init(issuer: String? = nil, audience: String? = nil) {
        self.issuer = issuer
        self.audience = audience
    }

    /// - Parameter now: seconds since 1970.
    package func principal(_ claims: Claims, now: Double) throws(TokenError) -> Principal {
        guard let userID = claims.sub, (1...255).contains(userID.unicodeScalars.count),
            !userID.unicodeScalars.contains("\0")
        else { throw .missingClaim("sub") }
        // Up to the year 9999, so that arithmetic on it and its text form stay sound.
        guard let end = claims.exp, end.isFinite, end >= 0, end < 253_402_300_800 else { throw .missingClaim("exp") }
        guard end > now else { throw .expired }
        if let start = claims.nbf, start > now + clockSkew { throw .notYetValid }
        if let issued = claims.iat, issued > now + clockSkew { throw .notYetValid }
        if let issuer, claims.iss != issuer { throw .wrongIssuer }
        if let audience {
            guard let values = claims.aud?.value, values.contains(audience) else { throw .wrongAudience }
        }
        return Principal(
            userID: userID, isAdmin: claims.role == "admin", email: Self.usable(claims.email),
            name: Self.usable(claims.name), expiresAt: Int64(end * 1_000_000))
    }

    /// Optional claims are for show: one that can't be stored is left out.
    private static func usable(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.unicodeScalars.count <= 320, !text.unicodeScalars.contains("\0") else {
            return nil
        }
        return text
    }
}
