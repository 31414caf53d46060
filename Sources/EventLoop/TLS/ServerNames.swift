/// Which certificate a client gets for the name that it asks for (SNI, RFC 6066 section 3): the one that has the name,
/// or else a wildcard for it (RFC 6125 section 6.4.3: `*.example.com` stands for one label), or else the first.
package struct ServerNames: Sendable {
    private var exact: [String: Int] = [:]
    private var wildcards: [String: Int] = [:]

    /// - Parameter names: those of each certificate, in the order of configuration. Where several have the same name,
    ///   the first has it.
    package init(_ names: [[String]]) {
        for (index, list) in names.enumerated() {
            for name in list.map(Self.normal) {
                if name.hasPrefix("*.") {
                    let parent = String(name.dropFirst(2))
                    // A wildcard elsewhere in the name is none.
                    guard !parent.isEmpty, !parent.contains("*"), wildcards[parent] == nil else { continue }
                    wildcards[parent] = index
                } else if !name.isEmpty, !name.contains("*"), exact[name] == nil {
                    exact[name] = index
                }
            }
        }
    }

    /// The index of the certificate for a name that a client asks for; 0, the first, for none and for a strange one.
    package func certificate(for name: String?) -> Int {
        guard let name = name.map(Self.normal), !name.isEmpty else { return 0 }
        if let index = exact[name] { return index }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return 0 }
        return wildcards[String(name[name.index(after: dot)...])] ?? 0
    }

    /// Lower case, without the dot of the root.
    private static func normal(_ name: String) -> String {
        let lower = name.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }
}
