import Foundation
import HTTP
import HTTPTypes

/// The fields that every answer gets, whoever made it (OWASP's secure headers; Fetch standard for CORS). Values that
/// depend on the configuration alone are made once.
struct ResponseHeaders {
    private let contentPolicy: String
    private let allowsFraming: Bool
    private let allowsCredentials: Bool
    private let origins: OriginRules
    private let isEncrypted: Bool

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")
    private static let allowsPrivateNetwork = HTTPField.Name("Access-Control-Allow-Private-Network")
    private static let frameOptions = HTTPField.Name("X-Frame-Options")
    /// Fields of answers that a page of another origin may read.
    private static let exposed = "ETag, Location, Retry-After, X-Request-Id"
    /// Fields that it may send.
    private static let accepted = ["Authorization", "Content-Type", "If-Match", "If-None-Match", "Last-Event-ID"]
    /// Names of further fields that a page may send when it asks for them, and the length of one.
    private static let maximumAsked = 64
    private static let maximumAskedLength = 64

    init(origins: OriginRules, cookieName: String?, isEncrypted: Bool) {
        self.origins = origins
        allowsCredentials = cookieName != nil
        self.isEncrypted = isEncrypted
        let frames = origins.allowed.map(\.text).sorted()
        allowsFraming = !frames.isEmpty
        // The page builds its elements node by node and its styles as constructed sheets: no inline code is needed.
        contentPolicy =
            (["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"]
            + ["connect-src 'self'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"]
            + ["frame-ancestors " + (["'self'"] + frames).joined(separator: " ")]).joined(separator: "; ")
    }

    func apply(to response: inout HTTPResponse, for head: HTTPRequestHead?) {
        guard response.status.code != 101 else { return }
        response.headerFields[.xContentTypeOptions] = "nosniff"
        response.headerFields[.contentSecurityPolicy] = contentPolicy
        if let name = Self.referrerPolicy { response.headerFields[name] = "no-referrer" }
        if !allowsFraming, let name = Self.frameOptions { response.headerFields[name] = "SAMEORIGIN" }
        // A year, and not for subdomains, of which this program knows nothing (RFC 6797).
        if isEncrypted { response.headerFields[.strictTransportSecurity] = "max-age=31536000" }
        share(&response, with: head)
    }

    /// CORS for the pages of allowed origins: what they are answered they may read.
    private func share(_ response: inout HTTPResponse, with head: HTTPRequestHead?) {
        guard allowsFraming else { return }
        // The answer to one origin must not be given to another from a cache.
        response.headerFields.append(HTTPField(name: .vary, value: "Origin"))
        guard let origin = head?.headers["origin"], origins.allows(origin) else { return }
        response.headerFields[.accessControlAllowOrigin] = origin
        response.headerFields[.accessControlExposeHeaders] = Self.exposed
        if allowsCredentials { response.headerFields[.accessControlAllowCredentials] = "true" }
    }

    /// What a page asks to send beside the fields that are used here: those that trace a request are added by libraries
    /// (`traceparent`, `baggage`, `sentry-trace`…), and none can do harm from an origin that is allowed.
    private static func asked(_ fields: [String]) -> [String] {
        var names: [String] = []
        var known = Set(accepted.map { $0.lowercased() })
        for element in fields.joined(separator: ",").split(separator: ",") {
            let name = element.trimmingCharacters(in: .whitespaces).lowercased()
            guard names.count < maximumAsked else { break }
            guard name.utf8.count <= maximumAskedLength, HTTPField.Name(name) != nil, known.insert(name).inserted else {
                continue
            }
            names.append(name)
        }
        return names
    }

    /// The answer to OPTIONS: for a preflight of an allowed origin with what it may do.
    func options(allow: String, _ request: HTTPServerRequest) -> HTTPResponse {
        var response = HTTPResponse(status: .noContent, headerFields: [.allow: allow])
        guard request.headers["access-control-request-method"] != nil, let origin = request.headers["origin"],
            origins.allows(origin)
        else { return response }
        response.headerFields[.accessControlAllowMethods] = allow
        response.headerFields[.accessControlAllowHeaders] =
            (Self.accepted + Self.asked(request.headers.values("access-control-request-headers"))).joined(
                separator: ", ")
        response.headerFields[.accessControlMaxAge] = "600"
        // A page of the public network may ask a gateway in a private one, if it may ask at all (Private Network Access).
        if request.headers["access-control-request-private-network"] == "true", let name = Self.allowsPrivateNetwork {
            response.headerFields[name] = "true"
        }
        response.headerFields.append(
            HTTPField(
                name: .vary,
                value:
                    "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
            ))
        return response
    }
}
