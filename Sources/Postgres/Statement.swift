/// PostgreSQL's object ids of the types that travel in binary form.
package enum PostgresType {
    package static let bool: UInt32 = 16
    package static let int8: UInt32 = 20
    package static let int4: UInt32 = 23
    package static let text: UInt32 = 25
    package static let varchar: UInt32 = 1043
    package static let uuid: UInt32 = 2950
    package static let jsonb: UInt32 = 3802
    package static let timestamptz: UInt32 = 1184
    package static let boolArray: UInt32 = 1000
    package static let int4Array: UInt32 = 1007
    package static let int8Array: UInt32 = 1016
    package static let textArray: UInt32 = 1009
    package static let uuidArray: UInt32 = 2951
    package static let jsonbArray: UInt32 = 3807
}

/// A statement with numbered parameters. Each connection prepares it under its name when it first runs there.
package final class Statement: Sendable {
    /// Unique in the program.
    package let name: String
    package let sql: String
    /// The types of `$1`, `$2`…, so that the server never has to guess what the bytes are.
    package let parameterTypes: [UInt32]

    package init(_ name: String, _ sql: String, _ parameterTypes: UInt32...) {
        self.name = name
        self.sql = sql
        self.parameterTypes = parameterTypes
    }
}
