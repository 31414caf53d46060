package import JSON
import Foundation
package import JWTKit
import Strings

/// What a token says of its bearer (Protocol.md section 1).
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

    /// - Parameter roleClaim: where the roles are: a member's name, or names with dots between them for a member of a
    ///   member (`realm_access.roles`). A list of roles makes an admin when `admin` is among them.
    /// - Throws: `.malformed` when a claim is of another type than RFC 7519 gives it.
    package init(_ object: JSONObject, roleClaim: String = "role") throws(TokenError) {
        sub = try Self.text(object["sub"])
        iss = try Self.text(object["iss"])
        exp = try Self.seconds(object["exp"])
        nbf = try Self.seconds(object["nbf"])
        iat = try Self.seconds(object["iat"])
        switch object["aud"] {
        case nil, .null?: aud = nil
        case .string(let value)?: aud = AudienceClaim(value: [value])
        case .array(let values)?:
            let texts = values.compactMap(\.string)
            guard texts.count == values.count else { throw .malformed }
            aud = AudienceClaim(value: texts)
        default: throw .malformed
        }
        // For show, or a matter of trust only when they are right: of another type they are as good as absent.
        email = object["email"]?.string
        name = object["name"]?.string
        role = Self.role(in: object, roleClaim)
    }

    private static func role(in object: JSONObject, _ path: String) -> String? {
        var value = object[path]
        if value == nil {
            value = path.split(separator: ".").reduce(JSON.object(object) as JSON?) { $0?[String($1)] }
        }
        switch value {
        case .string(let role)?: return role
        case .array(let roles)?: return roles.contains("admin") ? "admin" : nil
        default: return nil
        }
    }

    private static func text(_ json: JSON?) throws(TokenError) -> String? {
        switch json {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw .malformed
        }
    }

    /// A NumericDate.
    private static func seconds(_ json: JSON?) throws(TokenError) -> Double? {
        switch json {
        case nil, .null?: return nil
        case .integer(let value)?: return Double(value)
        case .number(let value)?: return value
        default: throw .malformed
        }
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
    /// Signed with none of the keys that the issuer's key set, as far as it is known, has for it.
    case wrongKey
    /// Signed with a key whose id the issuer's key set, as far as it is known, does not have.
    case unknownKey
    case missingClaim(String)
    case expired
    case notYetValid
    case wrongIssuer
    case wrongAudience

    /// Whether nothing shows that the token was ever good: somebody may be guessing. An expired one is no guess.
    package var isUnproven: Bool {
        switch self {
        case .malformed, .wrongAlgorithm, .wrongSignature, .wrongKey, .unknownKey: true
        case .missing, .missingClaim, .expired, .notYetValid, .wrongIssuer, .wrongAudience: false
        }
    }

    /// Whether another key set of the issuer may make the token a good one.
    package var dependsOnKeys: Bool { self == .wrongKey || self == .unknownKey }

    /// One word for the log and the figures.
    package var reason: String {
        switch self {
        case .missing: "missing"
        case .malformed: "malformed"
        case .wrongAlgorithm: "algorithm"
        case .wrongSignature, .wrongKey: "signature"
        case .unknownKey: "unknown_key"
        case .missingClaim: "claims"
        case .expired: "expired"
        case .notYetValid: "not_yet_valid"
        case .wrongIssuer: "issuer"
        case .wrongAudience: "audience"
        }
    }

    package var message: String {
        switch self {
        case .missing: "A token is needed."
        case .malformed: "The token is malformed."
        case .wrongAlgorithm: "The token is signed by an algorithm that is not accepted."
        case .wrongSignature, .wrongKey: "The token's signature is wrong."
        case .unknownKey: "The token is signed with a key that is not known."
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
    /// The claim with the user's role or roles.
    package var roleClaim = "role"
    /// Seconds by which clocks may differ for `nbf` and `iat`.
    package var clockSkew: Double = 30

    package init(issuer: String? = nil, audience: String? = nil, roleClaim: String = "role") {
        self.issuer = issuer
        self.audience = audience
        self.roleClaim = roleClaim
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
        if let issuer, !claims.iss.isExactly(issuer) { throw .wrongIssuer }
        if let audience {
            guard let values = claims.aud?.value, values.contains(where: audience.isExactly) else {
                throw .wrongAudience
            }
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
