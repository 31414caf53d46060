package import JSON

/// What became of an import, line by line as far as something is to be said.
package struct ImportReport: Sendable, Equatable {
    /// Refusals that are told one by one; further ones are counted.
    package static let toldRefusals = 100

    package struct Refusal: Sendable, Equatable {
        /// From 1.
        package var line: Int
        package var reason: String
    }

    /// Lines that were read.
    package var lines = 0
    /// What is new, by type.
    package var stored: [String: Int] = [:]
    /// Lines that say what is there already.
    package var known = 0
    package var refused = 0
    package var refusals: [Refusal] = []

    package init() {}

    /// Several, of one file.
    package init(_ reports: [ImportReport]) {
        for report in reports {
            lines += report.lines
            stored.merge(report.stored, uniquingKeysWith: +)
            known += report.known
            refused += report.refused
            refusals += report.refusals.prefix(Self.toldRefusals - refusals.count)
        }
    }

    mutating func refuse(_ line: Int, _ reason: String) {
        refused += 1
        if refusals.count < Self.toldRefusals { refusals.append(Refusal(line: line, reason: reason)) }
    }

    package var json: JSON {
        [
            "lines": .integer(Int64(lines)),
            "stored": .object(
                JSONObject(
                    members: stored.sorted { $0.key < $1.key }.map {
                        .init(key: $0.key, value: .integer(Int64($0.value)))
                    })),
            "known": .integer(Int64(known)), "refused": .integer(Int64(refused)),
            "refusals": .array(
                refusals.map { ["line": .integer(Int64($0.line)), "reason": .string($0.reason)] }),
        ]
    }
}
