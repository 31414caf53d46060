import JSON
import JWTKit
import Strings

/// Public keys of a JSON Web Key Set (RFC 7517), each bound to the one algorithm that its type allows: so a token can't
/// choose how its signature is checked (RFC 8725 section 3.1).
///
/// A set may grow for ever: there are issuers that add keys and take none away. So its bounds leave keys out, the oldest
/// ones, and never the whole set.
package struct VerificationKeys: Sendable {
    /// The longest document that is read, in bytes.
    package static let maximumBytes = 4 << 20
    /// Keys that are taken of one document: its last ones, since new keys are added behind the others.
    package static let maximumKeys = 4_096
    /// Keys that one token is tried with: the last ones of its algorithm where it has no key id, of its id otherwise.
    package static let maximumCandidates = 64
    /// Keys that are not used, named with their reason.
    package static let maximumNamed = 16
    /// Characters of a key id in a line for the operator.
    private static let shownKeyID = 64

    private var keys: [JSONWebKey] = []
    /// Places in `keys`.
    private var byID: [ExactString: [Int]] = [:]
    private var byAlgorithm: [SignatureAlgorithm: [Int]] = [:]

    /// Keys that are not used, and why; a line each.
    package private(set) var unused: [String] = []

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
        if list.count > Self.maximumKeys {
            unused.append("the key set has \(list.count) keys: of these the last \(Self.maximumKeys) are looked at")
        }
        var known: Set<JSONWebKey.Identity> = []
        var refused = 0
        for (number, entry) in list.enumerated().suffix(Self.maximumKeys) {
            do throws(JSONWebKey.Refusal) {
                guard let object = entry.object else { throw JSONWebKey.Refusal("it is no object") }
                let key = try await JSONWebKey(object)
                if known.insert(key.identity).inserted { add(key) }
            } catch {
                refused += 1
                guard refused <= Self.maximumNamed else { continue }
                unused.append("\(Self.name(entry, number)) is not used: \(error.reason)")
            }
        }
        if refused > Self.maximumNamed { unused.append("\(refused - Self.maximumNamed) more keys are not used") }
        guard !keys.isEmpty else {
            let reasons = unused.isEmpty ? "" : ": " + unused.prefix(3).joined(separator: "; ")
            throw KeySetError(
                "the key set has no key for EdDSA (Ed25519), ES256 or RS256 (2048 bits or more)\(reasons)")
        }
    }

    private mutating func add(_ key: JSONWebKey) {
        if let id = key.keyID { byID[id, default: []].append(keys.count) }
        byAlgorithm[key.algorithm, default: []].append(keys.count)
        keys.append(key)
    }

    private static func name(_ entry: JSON, _ number: Int) -> String {
        guard let id = entry["kid"]?.string else { return "key \(number + 1)" }
        return "key \"\(id.prefix(shownKeyID))\""
    }

    /// The keys that a token of this algorithm may have been signed with, the newest first; without a key id all of that
    /// algorithm.
    func candidates(_ algorithm: SignatureAlgorithm, keyID: String?) -> [JSONWebKey] {
        let places: [Int]
        if let keyID {
            places = (byID[ExactString(keyID)] ?? []).filter { keys[$0].algorithm == algorithm }
        } else {
            places = byAlgorithm[algorithm] ?? []
        }
        return places.suffix(Self.maximumCandidates).reversed().map { keys[$0] }
    }

    /// Whether any key, of whichever algorithm, has this id.
    func knows(keyID: String) -> Bool {
        byID[ExactString(keyID)] != nil
    }
}

/// Why a key set could not be had; one line for the operator.
package struct KeySetError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
