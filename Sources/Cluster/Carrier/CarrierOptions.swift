/// How the NATS servers of a cluster are reached.
package struct CarrierOptions: Sendable, Equatable {
    package enum Invalid: Error, Sendable, Equatable, CustomStringConvertible {
        case noServer, tooManyServers, mixed
        /// By its place, from 1: it may have a password in it.
        case server(Int)
        case cluster

        package var description: String {
            switch self {
            case .noServer: "names no server"
            case .tooManyServers: "names more than \(CarrierOptions.serverLimit) servers"
            case .mixed: "has servers with TLS and servers without"
            case .server(let place):
                "server \(place) is not nats://host or tls://host, with a port from 1 to 65535 where it isn't 4222"
            case .cluster:
                "is not 1 to \(ClusterAddress.clusterLimit) letters, digits, hyphens and underscores"
            }
        }
    }

    package static let serverLimit = 8
    /// Milliseconds that an attempt may take at each server.
    package static let connectMilliseconds: Int64 = 1_000
    /// Milliseconds between pings, and pings without an answer after which the connection counts as lost.
    package static let pingMilliseconds: Int64 = 1_000
    package static let pingsWithoutAnswer: Int32 = 3

    /// Each with its scheme; in the order in which they were given.
    package let servers: [String]
    package let isSecure: Bool
    package let cluster: String
    /// A file as `nsc` writes it, with a JWT and the seed of a key.
    package var credentialsFile: String?
    /// PEM, whom a server's certificate must be from; nil: whom the system trusts.
    package var authorityFile: String?
    package var certificateFile: String?
    package var keyFile: String?

    /// - Parameter urls: one or more `nats://` or `tls://`, commas between them.
    package init(urls: String, cluster: String) throws(Invalid) {
        let parts = urls.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
        guard !parts.isEmpty else { throw .noServer }
        guard parts.count <= Self.serverLimit else { throw .tooManyServers }
        var secure = 0
        for (index, part) in parts.enumerated() {
            guard let isSecure = Self.isSecure(part) else { throw .server(index + 1) }
            secure += isSecure ? 1 : 0
        }
        guard secure == 0 || secure == parts.count else { throw .mixed }
        guard ClusterAddress.isCluster(cluster) else { throw .cluster }
        servers = parts
        isSecure = secure > 0
        self.cluster = cluster
    }

    /// Whether it is one with TLS; nil: it is no URL of a server.
    private static func isSecure(_ url: String) -> Bool? {
        let isSecure: Bool
        let rest: Substring
        if url.hasPrefix("tls://") {
            (isSecure, rest) = (true, url.dropFirst(6))
        } else if url.hasPrefix("nats://") {
            (isSecure, rest) = (false, url.dropFirst(7))
        } else {
            return nil
        }
        let host = rest.lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let end: Substring.Index
        if host.hasPrefix("[") {
            guard let bracket = host.firstIndex(of: "]"), host.index(after: host.startIndex) < bracket else {
                return nil
            }
            end = host.index(after: bracket)
        } else {
            end = host.firstIndex(of: ":") ?? host.endIndex
        }
        let name = host[..<end]
        guard !name.isEmpty, !name.utf8.contains(where: { "/?#".utf8.contains($0) }) else { return nil }
        let port = host[end...]
        guard !port.isEmpty else { return isSecure }
        guard port.first == ":", port.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt16(port.dropFirst()), number > 0
        else { return nil }
        return isSecure
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = self
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
