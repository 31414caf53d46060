import Postgres
import Store

/// The schema's migrations as the command shows them.
package struct SchemaMigrations {
    /// The list of all steps.
    package struct Overview: Sendable {
        /// One a step.
        package var lines: [String]
        package var isPending: Bool
        /// What keeps this program from the database; one line.
        package var problem: String?
    }

    private let migrator: Migrator

    package init(databaseURL: String) {
        migrator = Migrator(PostgresSettings(url: databaseURL))
    }

    /// - Parameter contentLength: where somebody has said it: the database bounds messages by it too.
    /// - Returns: what was done, a line each.
    package func up(_ count: Int?, contentLength: Int?) throws(SchemaError) -> [String] {
        try wrapping { () throws(MigrationError) in
            var lines = try migrator.up(count).map { "applied \($0.version) \($0.name)" }
            if let contentLength, try migrator.bound(contentLength: contentLength) {
                lines.append("messages have at most \(contentLength) characters")
            }
            return lines
        }
    }

    /// - Parameter losingData: else an error names what would be lost.
    package func down(_ count: Int, losingData: Bool) throws(SchemaError) -> [String] {
        try wrapping { () throws(MigrationError) in
            try migrator.down(count, losingData: losingData).map { "\($0.version) \($0.name)" }
        }
    }

    package func redo(losingData: Bool) throws(SchemaError) -> String? {
        try wrapping { () throws(MigrationError) in
            try migrator.redo(losingData: losingData).map { "\($0.version) \($0.name)" }
        }
    }

    package func status() throws(SchemaError) -> Overview {
        try wrapping { () throws(MigrationError) in
            let steps = try migrator.status()
            return Overview(
                lines: steps.map(Self.line), isPending: steps.contains { $0.condition == .pending },
                problem: Migrator.problem(steps)?.description)
        }
    }

    private static func line(_ step: Migrator.Status) -> String {
        let name = "\(step.version) \(step.name): "
        let time = step.appliedAt ?? ""
        return switch step.condition {
        case .pending: name + "pending"
        case .applied: name + "applied \(time)"
        case .edited: name + "applied \(time), edited since"
        case .unknown: name + "applied \(time), not known to this program"
        }
    }

    private func wrapping<Value>(_ body: () throws(MigrationError) -> Value) throws(SchemaError) -> Value {
        do throws(MigrationError) {
            return try body()
        } catch {
            let kind: SchemaError.Kind =
                switch error.kind {
                case .unreachable, .inUse: .unavailable
                case .losesData: .refused
                case .unsuitable, .newerDatabase, .changed, .pending, .failed: .unusable
                }
            throw SchemaError(kind: kind, description: error.description)
        }
    }
}

/// Why the database can't be had as it should; one line for the operator.
package struct SchemaError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// It can't be reached, only reads, or is in use.
        case unavailable
        /// It is not what the program needs.
        case unusable
        /// A word is missing that the command asks for.
        case refused
    }

    package let kind: Kind
    package let description: String
}
