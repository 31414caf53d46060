import COpenSSL
import HTTP
import HTTPTypes

/// An answer of the API as a value. Private data: no cache keeps it, and a client that has it may ask whether it still
/// holds (RFC 9110 section 13.1.2).
struct APIResponse: Sendable {
    var status: HTTPResponse.Status
    var json: [UInt8]
    var location: String?
    /// For a resource that can be read: the tag of what is in `json`.
    var etag: String?

    /// A representation of something that was read, with its tag.
    static func read(_ json: [UInt8]) -> APIResponse {
        APIResponse(status: .ok, json: json, etag: ETag.make(of: json))
    }

    static func done(_ json: [UInt8], status: HTTPResponse.Status = .ok, location: String? = nil) -> APIResponse {
        APIResponse(status: status, json: json, location: location)
    }

    static let noContent = APIResponse(status: .noContent, json: [])

    private func isUnchanged(for request: HTTPServerRequest) -> Bool {
        guard let etag, request.method == .get || request.method == .head else { return false }
        return request.headers.values("if-none-match").contains { EntityTag.matches($0, etag) }
    }

    func head(for request: HTTPServerRequest) -> HTTPResponse {
        var fields: HTTPFields = [.cacheControl: "no-store"]
        if let etag { fields[.eTag] = etag }
        if let location { fields[.location] = location }
        if isUnchanged(for: request) { return HTTPResponse(status: .notModified, headerFields: fields) }
        if status != .noContent { fields[.contentType] = "application/json" }
        return HTTPResponse(status: status, headerFields: fields)
    }

    func body(for request: HTTPServerRequest) -> [UInt8] {
        isUnchanged(for: request) ? [] : json
    }
}

/// Entity tags (RFC 9110 section 8.8.3): strong, a digest of the representation.
enum ETag {
    static func make(of bytes: [UInt8]) -> String {
        "\"\(Digest.hex(Digest.sha256(bytes).prefix(16)))\""
    }
}

/// SHA-256, for tags and derived ids.
enum Digest {
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }
}
