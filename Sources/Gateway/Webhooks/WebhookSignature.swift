import COpenSSL
import Foundation

/// A key that webhooks are signed with, and the signature of Standard Webhooks 1.0 (https://www.standardwebhooks.com).
package struct WebhookSecret: Sendable {
    private let key: [UInt8]

    /// Bytes of a key, as the specification has them.
    static let lengths = 24...64

    /// - Parameter text: `whsec_` and the key in base64. `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix("whsec_"), let data = Data(base64Encoded: String(text.dropFirst(6))),
            Self.lengths.contains(data.count)
        else { return nil }
        key = Array(data)
    }

    /// `v1,` and the HMAC-SHA256 of id, time and body in base64.
    ///
    /// - Parameter timestamp: seconds since 1970.
    package func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        var digest = [UInt8](repeating: 0, count: 32)
        _ = HMAC(EVP_sha256(), key, Int32(key.count), signed, signed.count, &digest, nil)
        return "v1,\(Data(digest).base64EncodedString())"
    }
}

extension [WebhookSecret] {
    /// The value of `webhook-signature`: one of each key, so that a receiver who has either takes it.
    package func signatures(id: String, timestamp: Int64, body: [UInt8]) -> String {
        map { $0.signature(id: id, timestamp: timestamp, body: body) }.joined(separator: " ")
    }
}
