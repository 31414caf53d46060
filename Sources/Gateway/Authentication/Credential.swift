import Foundation
package import HTTP
import Strings

/// A token that a request brings, and how (Protocol.md section 1).
package struct Credential: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case authorization, subprotocol, cookie
    }

    /// Cookies of the name that are tried: browsers send one for each path and domain that it was set for.
    package static let maximumCookies = 4

    package var token: String
    package var source: Source

    package init(_ token: String, _ source: Source) {
        self.token = token
        self.source = source
    }

    /// The tokens of a request: of the first way in which one is brought, which is one but for cookies. What is brought
    /// that way and is wrong is not passed over; what is no bearer token, such as Basic for a proxy, or empty, is none.
    package static func find(in headers: HTTPHeaders, cookieName: String?) -> [Credential] {
        for value in headers.values("authorization") {
            let parts = value.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { continue }
            let token = parts[1].trimmingCharacters(in: .whitespaces)
            if !token.isEmpty { return [Credential(token, .authorization)] }
        }
        for value in headers.values("sec-websocket-protocol") {
            for element in value.split(separator: ",") {
                let name = element.trimmingCharacters(in: .whitespaces)
                if name.hasPrefix("bearer."), name.count > 7 {
                    return [Credential(String(name.dropFirst(7)), .subprotocol)]
                }
            }
        }
        guard let cookieName else { return [] }
        return cookies(headers.values("cookie"), cookieName).map { Credential($0, .cookie) }
    }

    /// What some put before a token in a cookie too.
    private static let prefixes = ["Bearer ", "Bearer%20"]

    /// The values of a cookie, without the quotes that they may have (RFC 6265 section 4.1.1), and without `Bearer`.
    private static func cookies(_ fields: [String], _ name: String) -> [String] {
        var values: [String] = []
        for field in fields {
            // By code points: to Swift the Greek question mark is a semicolon, and one with a mark behind it is none.
            for pair in field.unicodeScalars.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    .map { String($0).trimmingCharacters(in: .whitespaces) }
                guard parts.count == 2, parts[0].isExactly(name) else { continue }
                var value = parts[1]
                if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
                    value = String(value.dropFirst().dropLast())
                }
                if let prefix = prefixes.first(where: value.hasPrefix) { value = String(value.dropFirst(prefix.count)) }
                guard !value.isEmpty else { continue }
                values.append(value)
                if values.count == maximumCookies { return values }
            }
        }
        return values
    }
}
