import Foundation
package import HTTP

/// Where a request's token is (PROTOCOL.md section 1): the first found counts, a wrong one is not passed over.
package enum Credential {
    package enum Source: Sendable, Equatable {
        case authorization, subprotocol, cookie
    }

    package static func find(in headers: HTTPHeaders, cookieName: String?) -> (token: String, source: Source)? {
        if let authorization = headers["authorization"] {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == "bearer" {
                return (parts[1].trimmingCharacters(in: .whitespaces), .authorization)
            }
            return ("", .authorization)
        }
        for value in headers.values("sec-websocket-protocol") {
            for element in value.split(separator: ",") {
                let name = element.trimmingCharacters(in: .whitespaces)
                if name.hasPrefix("bearer.") { return (String(name.dropFirst(7)), .subprotocol) }
            }
        }
        guard let cookieName else { return nil }
        for value in headers.values("cookie") {
            for pair in value.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == cookieName {
                    return (parts[1].trimmingCharacters(in: .whitespaces), .cookie)
                }
            }
        }
        return nil
    }
}

/// Whether a browser's page may use the gateway.
package struct OriginRules: Sendable {
    package var allowed: Set<String>

    package init(allowed: Set<String>) {
        self.allowed = allowed
    }

    package enum Verdict: Sendable, Equatable {
        /// There is no `Origin`: not a browser, or not a request across sites.
        case absent
        case allowed
        case refused
    }

    /// The gateway's own origin is the one whose host and port are those of the `Host` header.
    package func judge(origin: String?, host: String?) -> Verdict {
        guard let origin = origin?.lowercased() else { return .absent }
        if allowed.contains(origin) { return .allowed }
        guard let host = host?.lowercased(), !host.isEmpty else { return .refused }
        return origin == "http://" + host || origin == "https://" + host ? .allowed : .refused
    }
}
