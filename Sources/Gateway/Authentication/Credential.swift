import Foundation
package import HTTP
package import Strings

/// Where a request's token is (Protocol.md section 1): the first found counts, a wrong one is not passed over.
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
            // By code points: to Swift the Greek question mark is a semicolon, and one with a mark behind it is none.
            for pair in value.unicodeScalars.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    .map { String($0).trimmingCharacters(in: .whitespaces) }
                if parts.count == 2, parts[0].isExactly(cookieName) { return (parts[1], .cookie) }
            }
        }
        return nil
    }
}

/// Whether a browser's page may use the gateway.
package struct OriginRules: Sendable {
    package var allowed: Set<ExactString>

    package init(allowed: Set<ExactString>) {
        self.allowed = allowed
    }

    /// Whether this origin is in the list. Scheme and host are the same in both cases of ASCII.
    package func allows(_ origin: String) -> Bool {
        allowed.contains(ExactString(origin.asciiLowercased))
    }

    package enum Verdict: Sendable, Equatable {
        /// There is no `Origin`: not a browser, or not a request across sites.
        case absent
        case allowed
        case refused
    }

    /// The gateway's own origin is the one whose host and port are those of the `Host` header.
    package func judge(origin: String?, host: String?) -> Verdict {
        guard let origin = origin?.asciiLowercased else { return .absent }
        if allows(origin) { return .allowed }
        guard let host = host?.asciiLowercased, !host.isEmpty else { return .refused }
        let isOwn = origin.isExactly("http://" + host) || origin.isExactly("https://" + host)
        return isOwn ? .allowed : .refused
    }
}
