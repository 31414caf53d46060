import CLibPQ
import Glibc

/// A plain connection that waits for each answer, for migrations and administration off the loops. Not to be shared
/// between threads.
package final class BlockingConnection {
    private let handle: ConnectionHandle

    /// - Throws: a `PostgresError` of one line when the server cannot be reached or refuses the login.
    package init(_ settings: PostgresSettings) throws(PostgresError) {
        switch ConnectionHandle.connect(settings) {
        case .success(let handle): self.handle = handle
        case .failure(let error): throw error
        }
    }

    /// Runs one or more statements without parameters.
    package func execute(_ sql: String) throws(PostgresError) {
        guard let pointer = handle.pointer else { throw .usage("the connection is closed") }
        _ = try Self.check(PQexec(pointer, sql), pointer)
    }

    /// Runs one statement with text parameters.
    ///
    /// - Returns: the rows, each value in PostgreSQL's text form.
    package func query(_ sql: String, _ parameters: [String?] = []) throws(PostgresError) -> [[String?]] {
        guard let pointer = handle.pointer else { throw .usage("the connection is closed") }
        let values = parameters.map { value in value.flatMap { strdup($0) } }
        defer {
            for value in values { free(value) }
        }
        let result = PQexecParams(
            pointer, sql, Int32(values.count), nil, values.map { UnsafePointer($0) }, nil, nil, 0)
        let rows = try Self.check(result, pointer)
        return rows
    }

    private static func check(
        _ result: OpaquePointer?, _ pointer: OpaquePointer
    ) throws(PostgresError) -> [[String?]] {
        guard let result else {
            throw PostgresError(kind: .connection, message: ConnectionHandle.lastMessage(of: pointer))
        }
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            let lost = PQstatus(pointer) != CONNECTION_OK
            throw PostgresError(
                kind: lost ? .connection : .server,
                sqlState: PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? "",
                message: ConnectionHandle.oneLine(
                    PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { UnsafePointer($0) }
                        ?? UnsafePointer(PQerrorMessage(pointer))),
                constraint: PQresultErrorField(result, Int32(UInt8(ascii: "n"))).map { String(cString: $0) },
                isOutcomeUnknown: lost)
        }
        return (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { column in
                PQgetisnull(result, row, column) != 0
                    ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
    }
}
