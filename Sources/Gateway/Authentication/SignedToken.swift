package import JSON
import Strings

/// A token taken apart, not believed yet: the compact form of a JWS (RFC 7515 section 7.1), read strictly.
///
/// Strict means: three parts, base64url without padding, blanks or stray bits in the last character, JSON objects of
/// which no member comes twice (RFC 8725 section 2.4: two readers must not see two different tokens), and of the header
/// only what is understood here. Members that would bring a key along or point to one (`jwk`, `jku`, `x5c`, `x5u`) are
/// never looked at.
package struct SignedToken: Sendable {
    /// The longest token that is looked at, in bytes.
    package static let maximumLength = 8 * 1024
    /// The longest key id, in bytes.
    package static let maximumKeyIDLength = 256

    package let algorithm: String
    package let keyID: String?
    package let claims: JSONObject
    /// What was signed: header and payload with the dot between them.
    package let signed: ArraySlice<UInt8>
    package let signature: [UInt8]

    package init(_ token: String) throws(TokenError) {
        guard token.utf8.count <= Self.maximumLength, !token.isEmpty else { throw .malformed }
        let bytes = Array(token.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        let header = try Self.object(parts[0])
        guard let algorithm = header["alg"]?.string else { throw .malformed }
        // "crit" names extensions that must be understood (RFC 7515 section 4.1.11): none is. "b64" is one of them.
        guard header["crit"] == nil, header["b64"] == nil else { throw .wrongAlgorithm }
        self.algorithm = algorithm
        switch header["kid"] {
        case nil, .null?: keyID = nil
        case .string(let id)? where !id.isEmpty && id.utf8.count <= Self.maximumKeyIDLength: keyID = id
        default: throw .malformed
        }
        claims = try Self.object(parts[1])
        guard let signature = Base64URL.decode(parts[2]) else { throw .malformed }
        self.signature = signature
        signed = bytes[..<parts[1].endIndex]
    }

    private static func object(_ part: ArraySlice<UInt8>) throws(TokenError) -> JSONObject {
        guard let bytes = Base64URL.decode(part), let json = try? JSON(parsing: bytes), let object = json.object else {
            throw .malformed
        }
        let names = Set(object.members.lazy.map { ExactString($0.key) })
        guard names.count == object.members.count else { throw .malformed }
        return object
    }
}

/// base64url without padding (RFC 7515 section 2, RFC 4648 section 5), in its one canonical spelling.
package enum Base64URL {
    /// `nil` for anything that is not exactly what an encoder writes.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var count = 0
        for byte in text {
            guard let value = value(byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= (1 << UInt32(count)) - 1
            }
        }
        // What is left over must be zero: else one signature would have several spellings.
        return bits == 0 ? bytes : nil
    }

    /// The same for what others have written with less care: with padding, or in the other alphabet of base64.
    package static func decode(carelessly text: String) -> [UInt8]? {
        let digits = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard text.utf8.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        return decode(
            digits.map { byte in
                switch byte {
                case UInt8(ascii: "+"): UInt8(ascii: "-")
                case UInt8(ascii: "/"): UInt8(ascii: "_")
                default: byte
                }
            })
    }

    package static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
            bits &= (1 << UInt32(count)) - 1
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
