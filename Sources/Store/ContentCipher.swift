package import Chat
import COpenSSL
package import Postgres
import Strings

/// A key of `CONTENT_KEYS` that can't be used, in one line that does not show it.
package struct ContentKeyError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
}

/// Seals and opens what conversations hold: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits for each text.
///
/// A sealed text is Base64 of nonce (12 bytes), ciphertext and tag (16 bytes); the id of its key stands in a column
/// beside it. The kind of text, its conversation and its message are authenticated with it, so a text that was moved
/// to another row does not open. Without keys texts stay as they are.
package struct ContentCipher: Sendable, Equatable {
    private struct Key: Sendable, Equatable {
        var id: String
        var bytes: [UInt8]
    }

    /// What a text is, and so where it may stand.
    package enum Kind: UInt8, Sendable {
        case content = 1
        case toolCalls, title, canary, comment
    }

    private var keys: [Key] = []
    private var sealing: Key?

    /// No keys: nothing is sealed, and nothing sealed can be read.
    package init() {}

    /// - Parameter text: `id:key,id:key…`, each key 32 bytes in Base64. All open, the first one seals; with the word
    ///   `plain` before it nothing more is sealed, and what is can still be read.
    /// - Throws: for a key that can't be used, without showing it.
    package init(parsing text: String) throws(ContentKeyError) {
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            if index == 0, part == "plain" { continue }
            let place = "CONTENT_KEYS: key number \(index + 1)"
            let pair = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { throw ContentKeyError(description: "\(place) is not of the form id:key") }
            let id = String(pair[0].drop(while: \.isWhitespace))
            guard (1...64).contains(id.utf8.count), id.utf8.allSatisfy(Self.isNameByte) else {
                throw ContentKeyError(
                    description: "\(place) has no id of 1 to 64 letters, digits, dots, hyphens and underscores")
            }
            let encoded = pair[1].reversed().drop(while: \.isWhitespace).reversed()
            guard let bytes = Base64.decode(Array(String(encoded).utf8)), bytes.count == 32 else {
                throw ContentKeyError(description: "\(place) (\(id)) is not 32 bytes in Base64")
            }
            guard !keys.contains(where: { $0.id.isExactly(id) }) else {
                throw ContentKeyError(description: "CONTENT_KEYS: the id \(id) is there twice")
            }
            keys.append(Key(id: id, bytes: bytes))
            if index == 0 { sealing = keys[0] }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The id of the key that seals; `nil`: nothing is sealed.
    package var sealingKey: String? { sealing?.id }
    package var keyIDs: [String] { keys.map(\.id) }
    package var isEmpty: Bool { keys.isEmpty }

    // MARK: texts

    /// - Returns: the text as it is to be stored with `sealingKey` beside it.
    /// - Throws: where OpenSSL has no random numbers or no memory.
    package func seal(
        _ text: String, _ kind: Kind, thread: Identifier, id: Identifier
    ) throws(PostgresError) -> String {
        guard let sealing else { return text }
        guard let sealed = Self.seal(text, with: sealing, bound: Self.binding(kind, thread, id)) else {
            throw PostgresError(kind: .usage, message: "OpenSSL could not encrypt")
        }
        return sealed
    }

    /// A title belongs to its conversation alone.
    package func seal(title: String?, thread: Identifier) throws(PostgresError) -> String? {
        guard let title else { return nil }
        return try seal(title, .title, thread: thread, id: thread)
    }

    /// - Parameter key: what stands beside the text; `nil`: it is plain.
    /// - Throws: where the key is not there, or the text is not what was sealed with it at this place.
    package func open(
        _ text: String, key: String?, _ kind: Kind, thread: Identifier, id: Identifier
    ) throws(PostgresError) -> String {
        guard let name = key else { return text }
        guard let key = keys.first(where: { $0.id.isExactly(name) }) else {
            throw PostgresError(
                kind: .usage, message: "a text is sealed with the key \(name), which is not in CONTENT_KEYS")
        }
        guard let opened = Self.open(text, with: key, bound: Self.binding(kind, thread, id)) else {
            throw PostgresError(
                kind: .usage, message: "a sealed text of conversation \(thread) does not open with the key \(name)")
        }
        return opened
    }

    /// A title that does not open is none: a list is not refused for it.
    package func open(title: String?, key: String?, thread: Identifier) -> String? {
        title.flatMap { try? open($0, key: key, .title, thread: thread, id: thread) }
    }

    // MARK: canaries

    private static let nowhere = Identifier(high: 0, low: 0)

    /// A known text sealed with one of the keys.
    package func canary(of name: String) -> String? {
        keys.first { $0.id.isExactly(name) }.flatMap {
            Self.seal("parley", with: $0, bound: Self.binding(.canary, Self.nowhere, Self.nowhere))
        }
    }

    /// Whether the key of that name is the one that made the canary.
    package func opens(canary: String, of name: String) -> Bool {
        guard let key = keys.first(where: { $0.id.isExactly(name) }) else { return false }
        return Self.open(canary, with: key, bound: Self.binding(.canary, Self.nowhere, Self.nowhere)) == "parley"
    }

    // MARK: AES-256-GCM

    private static let nonceLength = 12
    private static let tagLength = 16

    private static func binding(_ kind: Kind, _ thread: Identifier, _ id: Identifier) -> [UInt8] {
        var bytes: [UInt8] = [1, kind.rawValue]
        for word in [thread.high, thread.low, id.high, id.low] {
            withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    private static func seal(_ text: String, with key: Key, bound: [UInt8]) -> String? {
        let plain = Array(text.utf8)
        var sealed = [UInt8](repeating: 0, count: nonceLength + plain.count + tagLength)
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var length: Int32 = 0
        let isSealed = sealed.withUnsafeMutableBufferPointer { sealed in
            guard let start = sealed.baseAddress else { return false }
            let text = start + nonceLength
            return RAND_bytes(start, Int32(nonceLength)) == 1
                && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, start) == 1
                && EVP_EncryptUpdate(context, nil, &length, bound, Int32(bound.count)) == 1
                && EVP_EncryptUpdate(context, text, &length, plain, Int32(plain.count)) == 1
                && EVP_EncryptFinal_ex(context, text + plain.count, &length) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(tagLength), text + plain.count) == 1
        }
        return isSealed ? Base64.encode(sealed) : nil
    }

    private static func open(_ text: String, with key: Key, bound: [UInt8]) -> String? {
        guard var sealed = Base64.decode(Array(text.utf8)), sealed.count >= nonceLength + tagLength else { return nil }
        let count = sealed.count - nonceLength - tagLength
        var plain = [UInt8](repeating: 0, count: count + tagLength)
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var length: Int32 = 0
        let isOpened = sealed.withUnsafeMutableBufferPointer { sealed in
            plain.withUnsafeMutableBufferPointer { plain in
                guard let start = sealed.baseAddress, let output = plain.baseAddress else { return false }
                let text = start + nonceLength
                return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, start) == 1
                    && EVP_DecryptUpdate(context, nil, &length, bound, Int32(bound.count)) == 1
                    && EVP_DecryptUpdate(context, output, &length, text, Int32(count)) == 1
                    && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(tagLength), text + count) == 1
                    && EVP_DecryptFinal_ex(context, output + count, &length) == 1
            }
        }
        return isOpened ? String(validating: plain[..<count], as: UTF8.self) : nil
    }
}

/// Base64 with padding (RFC 4648, section 4).
private enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { buffer in
            Int(EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(bytes.count)))
        }
    }

    static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0, !text.isEmpty else { return nil }
        let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
        var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3)
        guard EVP_DecodeBlock(&bytes, text, Int32(text.count)) == bytes.count else { return nil }
        bytes.removeLast(padding)
        return bytes
    }
}
