import JSON
import Foundation
import JWTKit
import Strings

/// The asymmetric algorithms that tokens may be signed with (RFC 7518 section 3.1, RFC 8037).
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case edDSA = "EdDSA"
    case es256 = "ES256"
    case rs256 = "RS256"

    /// The name of a header's or key's `alg`; `Ed25519` is the newer one of the only curve that EdDSA has here (RFC 9864
    /// section 2.2). The others are fully specified as they are.
    package init?(name: String) {
        if name == "Ed25519" {
            self = .edDSA
        } else if let known = Self(rawValue: name) {
            self = known
        } else {
            return nil
        }
    }
}

/// One key of a JSON Web Key Set (RFC 7517 section 4), bound to the one algorithm that its type allows.
///
/// What can be understood without doubt is read, also where it was written carelessly: `null` for what is absent,
/// padding or the other alphabet of base64, zeros in front of an integer, too few or too many. Everything else is refused
/// with its reason.
struct JSONWebKey: Sendable {
    /// What makes two keys the same.
    struct Identity: Hashable, Sendable {
        var algorithm: SignatureAlgorithm
        var keyID: ExactString?
        var material: [UInt8]
    }

    struct Refusal: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// Bytes of an RSA modulus: 2 048 to 8 192 bits. Longer ones would only cost time.
    private static let modulusBytes = 256...1_024
    private static let coordinateBytes = 32

    let identity: Identity
    let verifier: any JWTAlgorithm

    var algorithm: SignatureAlgorithm { identity.algorithm }
    var keyID: ExactString? { identity.keyID }

    init(_ object: JSONObject) async throws(Refusal) {
        try Self.checkUse(object)
        let keyID = try Self.keyID(object)
        let collection = JWTKeyCollection()
        let algorithm: SignatureAlgorithm
        let material: [UInt8]
        switch object["kty"]?.string.map({ ExactString($0) }) {
        case "OKP":
            guard object["crv"]?.string == "Ed25519" else { throw Refusal("of its kind only Ed25519 is used") }
            // A point in its encoding, not an integer: its length is fixed.
            let x = try Self.bytes(object, "x")
            guard x.count == Self.coordinateBytes,
                let key = try? EdDSA.PublicKey(x: Base64URL.encode(x), curve: .ed25519)
            else { throw Refusal("its \"x\" is no point of Ed25519") }
            (algorithm, material) = (.edDSA, x)
            await collection.add(eddsa: key)
        case "EC":
            guard object["crv"]?.string == "P-256" else { throw Refusal("of its kind only P-256 is used") }
            let x = try Self.coordinate(object, "x"), y = try Self.coordinate(object, "y")
            guard let key = try? ES256PublicKey(parameters: (x: Base64URL.encode(x), y: Base64URL.encode(y))) else {
                throw Refusal("its coordinates are no point of P-256")
            }
            (algorithm, material) = (.es256, x + y)
            await collection.add(ecdsa: key)
        case "RSA":
            let modulus = try Self.integer(object, "n"), exponent = try Self.integer(object, "e")
            guard Self.modulusBytes.contains(modulus.count) else {
                throw Refusal("its modulus has \(modulus.count * 8) bits, 2048 to 8192 are used")
            }
            guard
                let key = try? Insecure.RSA.PublicKey(
                    modulus: Base64URL.encode(modulus), exponent: Base64URL.encode(exponent))
            else { throw Refusal("its numbers are no key of RSA") }
            (algorithm, material) = (.rs256, exponent + modulus)
            await collection.add(rsa: key, digestAlgorithm: .sha256)
        case "oct": throw Refusal("a secret in a public document is none")
        case nil: throw Refusal("it has no \"kty\"")
        default: throw Refusal("keys of its kind are not used")
        }
        if let name = Self.member(object, "alg"), name.string.flatMap(SignatureAlgorithm.init(name:)) != algorithm {
            throw Refusal("it is for another algorithm than \(algorithm.rawValue)")
        }
        guard let verifier = try? await collection.getKey() else { throw Refusal("it can't be used") }
        identity = Identity(algorithm: algorithm, keyID: keyID, material: material)
        self.verifier = verifier
    }

    /// A member that is there; `null` is as good as absent.
    private static func member(_ object: JSONObject, _ name: String) -> JSON? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    private static func checkUse(_ object: JSONObject) throws(Refusal) {
        if let use = member(object, "use"), use.string != "sig" { throw Refusal("its \"use\" is not \"sig\"") }
        guard let operations = member(object, "key_ops") else { return }
        guard operations.array?.contains("verify") == true else { throw Refusal("its \"key_ops\" lack \"verify\"") }
    }

    private static func keyID(_ object: JSONObject) throws(Refusal) -> ExactString? {
        guard let id = member(object, "kid") else { return nil }
        guard let text = id.string, !text.isEmpty else { throw Refusal("its \"kid\" is no text") }
        guard text.utf8.count <= SignedToken.maximumKeyIDLength else { throw Refusal("its \"kid\" is too long") }
        return ExactString(text)
    }

    private static func bytes(_ object: JSONObject, _ name: String) throws(Refusal) -> [UInt8] {
        guard let text = object[name]?.string, let bytes = Base64URL.decode(carelessly: text), !bytes.isEmpty else {
            throw Refusal("its \"\(name)\" is missing, or not in base64url")
        }
        return bytes
    }

    /// Big-endian, without zeros in front.
    private static func integer(_ object: JSONObject, _ name: String) throws(Refusal) -> [UInt8] {
        let bytes = Array(try bytes(object, name).drop { $0 == 0 })
        guard !bytes.isEmpty else { throw Refusal("its \"\(name)\" is zero") }
        return bytes
    }

    /// 32 bytes: RFC 7518 section 6.2.1.2 has zeros in front, which not all write, and some write one too many.
    private static func coordinate(_ object: JSONObject, _ name: String) throws(Refusal) -> [UInt8] {
        let bytes = try bytes(object, name).drop { $0 == 0 }
        guard bytes.count <= coordinateBytes else { throw Refusal("its \"\(name)\" is too long") }
        return Array(repeating: 0, count: coordinateBytes - bytes.count) + bytes
    }
}
