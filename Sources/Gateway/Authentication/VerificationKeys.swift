import JSON
import JWTKit
import Strings

/// Public keys of a JSON Web Key Set (RFC 7517), each bound to the one algorithm that its type allows: so a token can't
/// choose how its signature is checked (RFC 8725 section 3.1).
package struct VerificationKeys: Sendable {
    /// The longest document that is read, in bytes.
    package static let maximumBytes = 256 * 1024
    /// Keys that are taken of one document.
    package static let maximumKeys = 64
    /// Bytes of an RSA modulus: 2 048 to 8 192 bits. Longer ones would only cost time.
    private static let modulusBytes = 256...1_024

    struct Key: Sendable {
        var keyID: String?
        var algorithm: SignatureAlgorithm
        var verifier: any JWTAlgorithm
    }

    private var keys: [Key] = []

    package init() {}

    package var count: Int { keys.count }

    /// Keys of other types and uses are passed over, as RFC 7517 section 5 asks.
    ///
    /// - Throws: `KeySetError` when it is no key set, or none of its keys can be used.
    package init(jwks bytes: [UInt8]) async throws(KeySetError) {
        guard bytes.count <= Self.maximumBytes else {
            throw KeySetError("the key set is longer than \(Self.maximumBytes) bytes")
        }
        guard let json = try? JSON(parsing: bytes), let list = json["keys"]?.array else {
            throw KeySetError("this is no JSON Web Key Set")
        }
        guard list.count <= Self.maximumKeys else {
            throw KeySetError("the key set has more than \(Self.maximumKeys) keys")
        }
        for entry in list {
            guard let object = entry.object, let key = await Self.key(object) else { continue }
            keys.append(key)
        }
        guard !keys.isEmpty else {
            throw KeySetError("the key set has no key for EdDSA (Ed25519), ES256 or RS256 (2048 bits or more)")
        }
    }

    /// The keys that a token of this algorithm may have been signed with; without a key id all of that algorithm.
    func candidates(_ algorithm: SignatureAlgorithm, keyID: String?) -> [Key] {
        keys.filter { $0.algorithm == algorithm && (keyID == nil || $0.keyID.isExactly(keyID)) }
    }

    /// Whether any key, of whichever algorithm, has this id.
    func knows(keyID: String) -> Bool {
        keys.contains { $0.keyID.isExactly(keyID) }
    }

    private static func key(_ object: JSONObject) async -> Key? {
        if let use = object["use"], use.string != "sig" { return nil }
        if let operations = object["key_ops"]?.array, !operations.contains("verify") { return nil }
        var keyID: String?
        if let id = object["kid"] {
            guard let text = id.string, !text.isEmpty, text.utf8.count <= SignedToken.maximumKeyIDLength else {
                return nil
            }
            keyID = text
        }
        let collection = JWTKeyCollection()
        let algorithm: SignatureAlgorithm
        switch object["kty"]?.string.map({ ExactString($0) }) {
        case "OKP":
            guard object["crv"]?.string == "Ed25519", let x = coordinate(object["x"]),
                let key = try? EdDSA.PublicKey(x: x, curve: .ed25519)
            else { return nil }
            algorithm = .edDSA
            await collection.add(eddsa: key)
        case "EC":
            guard object["crv"]?.string == "P-256", let x = coordinate(object["x"]), let y = coordinate(object["y"]),
                let key = try? ES256PublicKey(parameters: (x: x, y: y))
            else { return nil }
            algorithm = .es256
            await collection.add(ecdsa: key)
        case "RSA":
            guard let modulus = object["n"]?.string, let exponent = object["e"]?.string,
                let length = Base64URL.decode(modulus.utf8)?.drop(while: { $0 == 0 }).count,
                modulusBytes.contains(length),
                let key = try? Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent)
            else { return nil }
            algorithm = .rs256
            await collection.add(rsa: key, digestAlgorithm: .sha256)
        default:
            // Among them "oct": a secret in a public document would be none.
            return nil
        }
        if let name = object["alg"], name.string != algorithm.rawValue { return nil }
        guard let verifier = try? await collection.getKey() else { return nil }
        return Key(keyID: keyID, algorithm: algorithm, verifier: verifier)
    }

    /// 32 bytes in canonical base64url.
    private static func coordinate(_ json: JSON?) -> String? {
        guard let text = json?.string, Base64URL.decode(text.utf8)?.count == 32 else { return nil }
        return text
    }
}

/// The asymmetric algorithms that tokens may be signed with (RFC 7518 section 3.1, RFC 8037).
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case edDSA = "EdDSA"
    case es256 = "ES256"
    case rs256 = "RS256"
}

/// Why a key set could not be had; one line for the operator.
package struct KeySetError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
