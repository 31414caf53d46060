import CLibPQ
import Synchronization

/// In which order the hosts of a connection string are tried. libpq begins with the first each time, and waits for it
/// each time where it is silent. Here a host that answered comes first, and one that fell silent last.
package final class HostOrder: Sendable {
    private struct Host {
        var name: String
        var address: String
        var port: String
    }

    private let hosts: [Host]
    /// Indices of `hosts`.
    private let order: Mutex<[Int]>

    /// - Parameter url: as libpq reads it. Where it names fewer than two hosts, or can't be read, there is no order.
    package init(_ url: String) {
        hosts = Self.hosts(of: url)
        order = Mutex(Array(hosts.indices))
    }

    /// What takes the place of the string's own hosts; empty where there are no several.
    package var keywords: [(String, String)] {
        if hosts.isEmpty { return [] }
        let sorted = order.withLock { $0.map { hosts[$0] } }
        var keywords = [("port", sorted.map(\.port).joined(separator: ","))]
        if hosts.contains(where: { !$0.name.isEmpty }) {
            keywords.append(("host", sorted.map(\.name).joined(separator: ",")))
        }
        if hosts.contains(where: { !$0.address.isEmpty }) {
            keywords.append(("hostaddr", sorted.map(\.address).joined(separator: ",")))
        }
        return keywords
    }

    /// A connection was made to it: those before it were tried in vain.
    package func answered(host: String, port: String) {
        guard let index = index(host, port) else { return }
        order.withLock { order in
            guard let place = order.firstIndex(of: index), place > 0 else { return }
            order = Array(order[place...] + order[..<place])
        }
    }

    package func fellSilent(host: String, port: String) {
        guard let index = index(host, port) else { return }
        order.withLock { order in
            order.removeAll { $0 == index }
            order.append(index)
        }
    }

    /// By the names that libpq gives for a connection.
    private func index(_ host: String, _ port: String) -> Int? {
        hosts.firstIndex { known in
            (known.name.isEmpty ? known.address : known.name) == host
                && (known.port.isEmpty ? "5432" : known.port) == port
        }
    }

    private static func hosts(of url: String) -> [Host] {
        // Anything else is the name of a database to libpq.
        guard url.contains("=") || url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else { return [] }
        guard let options = PQconninfoParse(url, nil) else { return [] }
        defer { PQconninfoFree(options) }
        var values: [String: [String]] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val, value.pointee != 0 {
                values[String(cString: keyword)] = String(cString: value)
                    .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
            option += 1
        }
        let (names, addresses) = (values["host"] ?? [], values["hostaddr"] ?? [])
        let count = max(names.count, addresses.count)
        func matches(_ list: [String]) -> Bool { list.isEmpty || list.count == count }
        var ports = values["port"] ?? []
        if ports.count == 1 { ports = Array(repeating: ports[0], count: count) }
        // Where the numbers differ libpq says so.
        guard count > 1, matches(names), matches(addresses), matches(ports) else { return [] }
        return (0..<count).map { index in
            Host(
                name: names.isEmpty ? "" : names[index], address: addresses.isEmpty ? "" : addresses[index],
                port: ports.isEmpty ? "" : ports[index])
        }
    }
}
