import Postgres
import Store

/// The schema's migrations as the command shows them.
package struct SchemaMigrations {
    private let migrator: Migrator

    package init(databaseURL: String) {
        migrator = Migrator(PostgresSettings(url: databaseURL))
    }

    package func up(_ count: Int?) throws(SchemaError) -> [String] {
        try wrapping { () throws(MigrationError) in try migrator.up(count).map { "\($0.version) \($0.name)" } }
    }

    package func down(_ count: Int) throws(SchemaError) -> [String] {
        try wrapping { () throws(MigrationError) in try migrator.down(count).map { "\($0.version) \($0.name)" } }
    }

    package func redo() throws(SchemaError) -> String? {
        try wrapping { () throws(MigrationError) in try migrator.redo().map { "\($0.version) \($0.name)" } }
    }

    package func status() throws(SchemaError) -> [String] {
        try wrapping { () throws(MigrationError) in
            try migrator.status().map { step in
                "\(step.version) \(step.name): \(step.appliedAt.map { "applied \($0)" } ?? "pending")"
            }
        }
    }

    private func wrapping<Value>(_ body: () throws(MigrationError) -> Value) throws(SchemaError) -> Value {
        do throws(MigrationError) {
            return try body()
        } catch {
            throw SchemaError(isUnreachable: error.kind == .unreachable, description: error.description)
        }
    }
}

package struct SchemaError: Error, Sendable, CustomStringConvertible {
    package let isUnreachable: Bool
    package let description: String
}
