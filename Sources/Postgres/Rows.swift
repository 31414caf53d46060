import CLibPQ

/// The answer to one statement: rows of binary values. Reading checks row, column, type and length, and throws where
/// they are not what the caller expects; a value is copied when it is read.
///
/// Lives on the loop, like the connection it comes from.
package final class Rows {
    private let result: OpaquePointer
    package let count: Int
    package let columns: Int

    /// Takes the result over and clears it in the end.
    init(taking result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        columns = Int(PQnfields(result))
    }

    deinit {
        PQclear(result)
    }

    /// Rows that an INSERT, UPDATE or DELETE touched.
    package var affected: Int {
        PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    package func isNull(_ row: Int, _ column: Int) throws(PostgresError) -> Bool {
        try check(row, column)
        return PQgetisnull(result, Int32(row), Int32(column)) != 0
    }

    package func text(_ row: Int, _ column: Int) throws(PostgresError) -> String {
        let type = try type(row, column)
        guard type == PostgresType.text || type == PostgresType.varchar else { throw mismatch(column, "text") }
        return String(decoding: try value(row, column), as: UTF8.self)
    }

    package func optionalText(_ row: Int, _ column: Int) throws(PostgresError) -> String? {
        try isNull(row, column) ? nil : try text(row, column)
    }

    package func int4(_ row: Int, _ column: Int) throws(PostgresError) -> Int32 {
        try number(row, column, PostgresType.int4)
    }

    package func int8(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 {
        try number(row, column, PostgresType.int8)
    }

    package func optionalInt8(_ row: Int, _ column: Int) throws(PostgresError) -> Int64? {
        try isNull(row, column) ? nil : try int8(row, column)
    }

    package func bool(_ row: Int, _ column: Int) throws(PostgresError) -> Bool {
        let value: UInt8 = try number(row, column, PostgresType.bool)
        return value != 0
    }

    package func uuid(_ row: Int, _ column: Int) throws(PostgresError) -> (high: UInt64, low: UInt64) {
        guard try type(row, column) == PostgresType.uuid else { throw mismatch(column, "uuid") }
        let bytes = UnsafeRawBufferPointer(try value(row, column))
        guard bytes.count == 16 else { throw mismatch(column, "uuid") }
        return (
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    /// Microseconds since 1970, UTC.
    package func timestamp(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 {
        try number(row, column, PostgresType.timestamptz) &+ PostgresTime.epoch
    }

    /// The text of a jsonb value.
    package func jsonb(_ row: Int, _ column: Int) throws(PostgresError) -> String {
        guard try type(row, column) == PostgresType.jsonb else { throw mismatch(column, "jsonb") }
        let bytes = try value(row, column)
        guard bytes.first == 1 else { throw mismatch(column, "jsonb") }
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    package func optionalJSONB(_ row: Int, _ column: Int) throws(PostgresError) -> String? {
        try isNull(row, column) ? nil : try jsonb(row, column)
    }

    private func number<Value: FixedWidthInteger>(
        _ row: Int, _ column: Int, _ expected: UInt32
    ) throws(PostgresError) -> Value {
        guard try type(row, column) == expected else { throw mismatch(column, "type \(expected)") }
        let bytes = UnsafeRawBufferPointer(try value(row, column))
        guard bytes.count == Value.bitWidth / 8 else { throw mismatch(column, "type \(expected)") }
        return Value(bigEndian: bytes.loadUnaligned(as: Value.self))
    }

    private func type(_ row: Int, _ column: Int) throws(PostgresError) -> UInt32 {
        try check(row, column)
        return PQftype(result, Int32(column))
    }

    /// Valid while `self` lives.
    private func value(_ row: Int, _ column: Int) throws(PostgresError) -> UnsafeBufferPointer<UInt8> {
        guard PQgetisnull(result, Int32(row), Int32(column)) == 0 else {
            throw .usage("column \(column) is null")
        }
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard let pointer = PQgetvalue(result, Int32(row), Int32(column)) else {
            throw .usage("column \(column) has no value")
        }
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self), count: length)
    }

    private func check(_ row: Int, _ column: Int) throws(PostgresError) {
        guard row >= 0, row < count, column >= 0, column < columns else {
            throw .usage("no row \(row), column \(column) in an answer of \(count) × \(columns)")
        }
    }

    private func mismatch(_ column: Int, _ expected: String) -> PostgresError {
        .usage("column \(column) is of type \(PQftype(result, Int32(column))), expected \(expected)")
    }
}
